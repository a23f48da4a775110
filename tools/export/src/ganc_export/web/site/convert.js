/* Between the browser's pixels (RGBA bytes) and what the generator takes and gives, value for value as ganc does. */

const f = Math.fround;

/** Return the byte that a float in [-1, 1] becomes: clipped, scaled and truncated in single precision. */
function toByte(value) {
  return Math.trunc(f(f(f(Math.min(1, Math.max(-1, value)) + 1) / 2) * 255));
}

/** The 256 floats of bytes: v / 127.5 - 1, chosen so that `toByte` gives the byte back. */
const LEVELS = Float32Array.from({ length: 256 }, (_, byte) => {
  let value = f(f(byte / f(127.5)) - 1);
  while (toByte(value) < byte) value = f(value + 2 ** -24);
  return value;
});

/** Return the image's channels as bytes, one pixel after another; what is transparent is laid on white. */
function channelsOf(rgba, channels, levels) {
  const count = rgba.length / 4;
  const bytes = new Uint8Array(count * channels);
  const pixel = [0, 0, 0, 0];
  for (let place = 0; place < count; place++) {
    for (let part = 0; part < 4; part++) {
      const value = rgba[4 * place + part];
      pixel[part] = levels && part < 3 ? levels[value] : value;
    }
    if (channels === 1) {
      bytes[place] = (pixel[0] * 19595 + pixel[1] * 38470 + pixel[2] * 7471 + 0x8000) >> 16;
    } else {
      for (let part = 0; part < channels; part++) bytes[channels * place + part] = pixel[part];
    }
  }
  return bytes;
}

/** Return where each place of a side that was continued by reflection comes from; tiny ones repeat their edge. */
function continuedPlaces(side, multiple) {
  const length = Math.max(Math.ceil(side / multiple) * multiple, 2 * multiple);
  return { length, from: (place, reflect) => (place < side ? place : reflect ? 2 * side - 2 - place : side - 1) };
}

/**
 * Return what the generator takes of an image: its data, its shape and its element type.
 * Sides are continued to multiples, as `ganc translate` does.
 */
export function toInput(rgba, width, height, settings) {
  const { multiple, layout, dtype, channels, levels } = settings;
  const bytes = channelsOf(rgba, channels, levels);
  const across = continuedPlaces(width, multiple);
  const down = continuedPlaces(height, multiple);
  const reflect = Math.min(width, height) > multiple;
  const plane = across.length * down.length;
  const data = dtype === "uint8" ? new Uint8Array(plane * channels) : new Float32Array(plane * channels);
  const [byPixel, byChannel] = layout === "NHWC" ? [channels, 1] : [1, plane];
  for (let y = 0; y < down.length; y++) {
    const row = down.from(y, reflect) * width;
    for (let x = 0; x < across.length; x++) {
      const source = (row + across.from(x, reflect)) * channels;
      const target = (y * across.length + x) * byPixel;
      for (let part = 0; part < channels; part++) {
        const byte = bytes[source + part];
        data[target + part * byChannel] = dtype === "uint8" ? byte : LEVELS[byte];
      }
    }
  }
  const sides = [down.length, across.length];
  return { data, dtype, dims: layout === "NHWC" ? [1, ...sides, channels] : [1, channels, ...sides] };
}

/** Return an image as RGBA bytes of what the generator gave, cut back to its size. Throws where it gave no numbers. */
export function toImage(data, dims, width, height, settings) {
  const last = settings.layout === "NHWC";
  const [channels, across] = last ? [dims[3], dims[2]] : [dims[1], dims[3]];
  const plane = last ? dims[1] * dims[2] : dims[2] * dims[3];
  const [byPixel, byChannel] = last ? [channels, 1] : [1, plane];
  const rgba = new Uint8ClampedArray(4 * width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const source = (y * across + x) * byPixel;
      const target = 4 * (y * width + x);
      for (let part = 0; part < 4; part++) {
        if (part === 3 && channels < 4) {
          rgba[target + 3] = 255;
          continue;
        }
        const value = data[source + (channels === 1 ? 0 : part) * byChannel];
        if (Number.isNaN(value)) throw new Error("the generator gave values that are not numbers");
        rgba[target + part] = settings.dtype === "uint8" ? value : toByte(value);
      }
    }
  }
  return rgba;
}
