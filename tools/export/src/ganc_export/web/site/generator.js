/* A generator as the page sees it: a worker behind promises. */

/** Threads that WebAssembly may take: several only where the server isolates the page, and never all of a large machine. */
export function possibleThreads() {
  return self.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency || 1) : 1;
}

/** One model in one engine. */
export class Generator {
  /** Start the worker; `onProgress` is told the bytes that came, or null when all have and the engine prepares itself. */
  constructor(engine, threads, onProgress = () => {}) {
    this.engine = engine;
    this.threads = threads;
    this.waiting = new Map();
    this.worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    this.worker.onmessage = ({ data }) => {
      if (data.id === undefined) {
        onProgress(data.preparing ? null : data.bytes);
        return;
      }
      const { resolve, reject } = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      if (data.error === undefined) resolve(data.result);
      else reject(new Error(data.error));
    };
    this.worker.onerror = (event) => {
      event.preventDefault();
      this.fail(new Error(event.message || "its worker could not be started"));
    };
  }

  /** Load a model of the page's manifest. */
  async load(page, model) {
    const [channels] = page.channels;
    const settings = { ...page.input, multiple: page.size_multiple, channels, levels: page.levels };
    await this.ask("load", {
      engine: this.engine,
      runtime: page.runtime[this.engine],
      model,
      threads: this.threads,
      settings,
    });
    return this;
  }

  /** Translate an ImageData; return `image`, another one, and `ms`, how long the network took. */
  async run(image) {
    const { width, height } = image;
    const { rgba, ms } = await this.ask("run", { rgba: image.data, width, height });
    return { image: new ImageData(rgba, width, height), ms };
  }

  /** End the worker. */
  stop() {
    this.worker.terminate();
    this.fail(new Error("stopped"));
  }

  ask(task, values) {
    return new Promise((resolve, reject) => {
      const id = this.next = (this.next ?? 0) + 1;
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, task, ...values });
    });
  }

  fail(error) {
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }
}

const SQUARE = 16; // pixels

/**
 * Return by how much two images of one size differ where they differ most: the largest mean difference of a square of
 * 16x16 pixels, in steps of 255, of their first `channels` channels.
 */
export function worstDifference(one, other, channels) {
  const { width, height } = one;
  let worst = 0;
  for (let top = 0; top < height; top += SQUARE) {
    for (let left = 0; left < width; left += SQUARE) {
      const [right, bottom] = [Math.min(left + SQUARE, width), Math.min(top + SQUARE, height)];
      let sum = 0;
      for (let y = top; y < bottom; y++) {
        for (let place = 4 * (y * width + left); place < 4 * (y * width + right); place += 4) {
          for (let part = 0; part < channels; part++) {
            sum += Math.abs(one.data[place + part] - other.data[place + part]);
          }
        }
      }
      worst = Math.max(worst, sum / ((right - left) * (bottom - top) * channels));
    }
  }
  return worst;
}

/**
 * Return a WebGPU generator that makes the same image as WebAssembly did, and sooner; null where there is none.
 * `image` is what was translated, `known` the result and its ms; `anyTime` takes a slower one too.
 */
export async function trustedWebgpu(page, model, image, known, anyTime = false) {
  if (!page.runtime.webgpu || !navigator.gpu) return null;
  let generator = null;
  try {
    if (!(await navigator.gpu.requestAdapter())) return null;
    generator = await new Generator("webgpu", 1).load(page, model);
    const first = await generator.run(image); // compiles its programs, so its time says nothing
    const second = await generator.run(image);
    const shown = Math.max(3, page.channels[1]); // grey is shown in three equal channels
    const same = [first, second].every(({ image: made }) => worstDifference(made, known.image, shown) < 1);
    if (same && (anyTime || second.ms < known.ms)) return generator;
  } catch {
    // a graphics driver that fails is no news for the visitor: WebAssembly goes on
  }
  generator?.stop();
  return null;
}
