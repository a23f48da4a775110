/* One generator in one engine, away from the page: loads once, then translates image after image. */

import { toImage, toInput } from "./convert.js";

let ort = null;
let session = null;
let settings = null;

/** Return a file's bytes, and say on the way how many have come. */
async function download(file, report) {
  const response = await fetch(file.file);
  if (!response.ok) throw new Error(`${file.file}: the server answers ${response.status}`);
  const parts = [];
  let size = 0;
  const reader = response.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
    size += part.value.length;
    report(part.value.length);
  }
  if (size !== file.bytes) throw new Error(`${file.file}: has ${size} bytes instead of ${file.bytes}`);
  const bytes = new Uint8Array(size);
  let place = 0;
  for (const part of parts) {
    bytes.set(part, place);
    place += part.length;
  }
  return bytes;
}

async function load({ engine, runtime, model, threads, ...rest }) {
  settings = rest.settings;
  const report = (bytes) => postMessage({ bytes });
  const [binary, graph] = await Promise.all([download(runtime.binary, report), download(model, report)]);
  postMessage({ preparing: true });
  ort = await import(`./${runtime.script}`);
  ort.env.logLevel = "error";
  ort.env.wasm.wasmBinary = binary;
  ort.env.wasm.numThreads = threads;
  session = await ort.InferenceSession.create(graph, { executionProviders: [engine] });
  await warmUp();
}

/** Run small images, so that the browser has compiled what it runs when the first time is taken. */
async function warmUp() {
  const side = 16 * settings.multiple;
  const rgba = new Uint8ClampedArray(4 * side * side).map((_, place) => (place * 37) % 256);
  for (let turn = 0; turn < 3; turn++) await run({ rgba, width: side, height: side });
}

async function run({ rgba, width, height }) {
  const { data, dtype, dims } = toInput(rgba, width, height, settings);
  const image = new ort.Tensor(dtype, data, dims);
  const start = performance.now();
  const results = await session.run({ [session.inputNames[0]]: image });
  const result = results[session.outputNames[0]];
  const made = await result.getData();
  const ms = performance.now() - start;
  const translated = toImage(made, result.dims, width, height, settings);
  return { rgba: translated, width, height, ms };
}

const TASKS = { load, run };

self.onmessage = async ({ data: { id, task, ...values } }) => {
  try {
    const result = (await TASKS[task](values)) ?? {};
    postMessage({ id, result }, result.rgba ? [result.rgba.buffer] : []);
  } catch (error) {
    postMessage({ id, error: String(error?.message ?? error) });
  }
};
