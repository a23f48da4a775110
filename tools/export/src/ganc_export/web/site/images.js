/* Images from files and from the camera as pixels of the size that is translated. */

const MOST_PIXELS = 1280 * 1280; // of one translated image: a phone's memory ends soon after

const scratch = document.createElement("canvas");

/** Return a file as a bitmap, upright and with the values that it stores. Throws where it is no image. */
export async function readFile(blob) {
  const asStored = { colorSpaceConversion: "none", imageOrientation: "from-image", premultiplyAlpha: "none" };
  try {
    return await createImageBitmap(blob, asStored);
  } catch (error) {
    if (error instanceof TypeError) return createImageBitmap(blob); // a browser that lacks one of these
    throw error;
  }
}

/** Return the first image among what was dropped or pasted, null where there is none. */
export function imageAmong(transfer) {
  const files = [...(transfer?.files ?? [])];
  return files.find((file) => file.type.startsWith("image/")) ?? files[0] ?? null;
}

/**
 * Return a drawable (bitmap or video) as ImageData.
 *
 * `shorter` is the length of its shorter side, or 0 for its own; it is never enlarged. `square` cuts out its centre.
 * What is transparent is laid on white unless `opaque` is false.
 */
export function pixels(source, width, height, { shorter = 0, square = false, opaque = true }) {
  const side = Math.min(width, height);
  const [left, top] = square ? [(width - side) / 2, (height - side) / 2] : [0, 0];
  const [wide, high] = square ? [side, side] : [width, height];
  let factor = shorter ? Math.min(1, shorter / side) : 1;
  factor = Math.min(factor, Math.sqrt(MOST_PIXELS / (wide * high)));
  scratch.width = Math.max(1, Math.round(wide * factor));
  scratch.height = Math.max(1, Math.round(high * factor));
  const pen = scratch.getContext("2d", { willReadFrequently: true });
  pen.imageSmoothingQuality = "high";
  if (opaque) {
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, scratch.width, scratch.height);
  }
  pen.drawImage(source, left, top, wide, high, 0, 0, scratch.width, scratch.height);
  return pen.getImageData(0, 0, scratch.width, scratch.height);
}

/** Show an ImageData on a canvas. */
export function paint(canvas, image) {
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** Let the visitor save what a canvas shows. */
export function savePng(canvas, name) {
  canvas.toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }, "image/png");
}
