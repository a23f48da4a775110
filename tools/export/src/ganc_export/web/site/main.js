/* The page: where images come from, what is shown of them, and which engine makes them. */

import { Camera } from "./camera.js";
import { Generator, possibleThreads, trustedWebgpu } from "./generator.js";
import { imageAmong, paint, pixels, readFile, savePng } from "./images.js";
import { changeLanguage, figure, text, writeTexts } from "./texts.js";
import { $, megabytes, reasonOf, say, showAll, showFigures, showPair, showSplit, state } from "./view.js";

const asked = new URLSearchParams(location.search); // for measuring: ?engine=wasm, ?engine=webgpu, ?threads=1
const anyTime = asked.get("engine") === "webgpu"; // take WebGPU where it is slower, too

/** Run the first image again: it was slower than those that follow. */
async function measureAgain() {
  if (!state.before || camera.on) return;
  state.after = await state.compressed.run(state.before);
  showFigures();
  say("done", () => ({ ms: figure(state.after.ms) }));
}

/* Translating. One piece of work at a time; of what comes meanwhile, the last is done. */

/** Do it now, or when the present work is done; return whether it failed. */
async function work(task) {
  if (state.busy) {
    state.next = task;
    return false;
  }
  let failed = false;
  state.busy = true;
  document.body.dataset.state = "busy";
  try {
    await task();
  } catch (error) {
    failed = true;
    say("failed", () => ({ reason: reasonOf(error) }));
  }
  state.busy = false;
  document.body.dataset.state = "ready";
  const next = state.next;
  state.next = null;
  if (next) await work(next);
  return failed;
}

async function translate() {
  const { drawable, width, height } = state.source;
  const shape = { shorter: Number($("size").value), opaque: state.page.channels[0] < 4 };
  const before = pixels(drawable, width, height, shape);
  say("working");
  const after = await state.compressed.run(before);
  state.byOriginal = null;
  show(before, after);
  say("done", () => ({ ms: figure(after.ms) }));
  if (state.original) await translateByOriginal();
  document.body.dataset.translations = ++state.translations; // for programs that drive the page
}

function show(before, after) {
  Object.assign(state, { before, after });
  paint($("before"), before);
  paint($("after"), after.image);
  $("compare").style.setProperty("--aspect", `${before.width} / ${before.height}`);
  $("save").disabled = false;
  showFigures();
}

async function translateByOriginal() {
  say("workingOriginal");
  state.byOriginal = await state.original.run(state.before);
  paint($("by-original"), state.byOriginal.image);
  paint($("by-compressed"), state.after.image);
  $("pair").hidden = false;
  $("run-original").hidden = true;
  showPair();
  say("done", () => ({ ms: figure(state.after.ms) }));
}

async function takeBlob(blob) {
  camera.stop();
  showAll();
  let bitmap;
  try {
    bitmap = await readFile(blob);
  } catch {
    say("noImage");
    return;
  }
  state.source = { drawable: bitmap, width: bitmap.width, height: bitmap.height };
  await work(translate);
}

const camera = new Camera(async (video) => {
  if (!video.videoWidth || state.busy) return;
  const start = performance.now();
  const failed = await work(async () => {
    const shape = { shorter: Number($("size").value) || Math.min(...state.page.image_size), square: true };
    const before = pixels(video, video.videoWidth, video.videoHeight, shape);
    const after = await state.compressed.run(before);
    if (camera.on) show(before, after);
  });
  if (failed) {
    camera.stop();
    showAll();
  }
  if (camera.on) say("live", () => ({ rate: figure(1000 / (performance.now() - start)) }));
});

state.camera = camera;

async function toggleCamera() {
  if (camera.on) {
    camera.stop();
    say("");
  } else if (!navigator.mediaDevices?.getUserMedia) {
    say("noCameraHere");
  } else {
    try {
      await camera.start();
    } catch (error) {
      say("noCamera", () => ({ reason: reasonOf(error) }));
    }
  }
  showAll();
}

/* Loading. */

/** Return a generator that loads with its progress shown. */
async function loaded(engine, threads, model) {
  const all = state.page.runtime[engine].binary.bytes + model.bytes;
  let done = 0;
  $("progress").hidden = false;
  const progress = (bytes) => {
    if (bytes === null) {
      say("preparing");
      return;
    }
    done += bytes;
    $("loaded").value = done / all;
    say("loading", () => ({ done: megabytes(done), all: megabytes(all) }));
  };
  const generator = new Generator(engine, threads, progress);
  try {
    return await generator.load(state.page, model);
  } catch (error) {
    generator.stop();
    throw error;
  } finally {
    $("progress").hidden = true;
  }
}

async function loadOriginal() {
  $("run-original").disabled = true;
  await work(async () => {
    const model = state.page.generators.original;
    try {
      state.original = await loaded("wasm", state.threads, model);
    } catch (error) {
      $("run-original").disabled = false;
      throw error;
    }
    if (!state.before) return;
    await translateByOriginal();
    if (state.compressed.engine !== "webgpu") return;
    const trusted = await trustedWebgpu(state.page, model, state.before, state.byOriginal, anyTime);
    if (!trusted) return;
    state.original.stop();
    state.original = trusted;
    await translateByOriginal();
  });
}

async function addSamples() {
  const items = state.page.samples.map((file) => {
    const [item, button, image] = ["li", "button", "img"].map((name) => document.createElement(name));
    button.type = "button";
    image.src = file;
    image.alt = "";
    image.width = image.height = 72;
    button.append(image);
    button.addEventListener("click", async () => takeBlob(await (await fetch(file)).blob()));
    item.append(button);
    return item;
  });
  $("samples").replaceChildren(...items);
}

function listen() {
  $("split").addEventListener("input", showSplit);
  $("file").addEventListener("change", () => {
    if ($("file").files[0]) takeBlob($("file").files[0]);
    $("file").value = "";
  });
  $("size").addEventListener("change", () => state.source && !camera.on && work(translate));
  $("camera").addEventListener("click", toggleCamera);
  $("save").addEventListener("click", () => savePng($("after"), "translated.png"));
  $("run-original").addEventListener("click", loadOriginal);
  $("language").addEventListener("click", () => {
    changeLanguage();
    showAll();
  });
  addEventListener("paste", (event) => {
    const image = imageAmong(event.clipboardData);
    if (image) takeBlob(image);
  });
  addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("over");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("over");
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("over");
    const image = imageAmong(event.dataTransfer);
    if (image) takeBlob(image);
  });
}

/** Go over to WebGPU where it makes the first image as WebAssembly did, and sooner. */
async function tryWebgpu() {
  if (asked.get("engine") === "wasm" || navigator.connection?.saveData) return;
  const model = state.page.generators.compressed;
  const trusted = await trustedWebgpu(state.page, model, state.before, state.after, anyTime);
  if (!trusted) return;
  await work(async () => {
    state.compressed.stop();
    state.compressed = trusted;
    await translate();
  });
}

async function begin() {
  writeTexts();
  try {
    state.page = await (await fetch("page.json")).json();
  } catch (error) {
    $("trouble").textContent = text("noManifest", { reason: reasonOf(error) });
    $("trouble").hidden = false;
    return;
  }
  $("stage").hidden = $("panel").hidden = false;
  $("beside").hidden = !state.page.generators.original;
  await addSamples();
  showAll();
  listen();
  try {
    state.threads = Number(asked.get("threads")) || possibleThreads();
    state.compressed = await loaded("wasm", state.threads, state.page.generators.compressed);
  } catch (error) {
    say("noEngine", () => ({ reason: reasonOf(error) }));
    return;
  }
  await takeBlob(await (await fetch(state.page.samples[0])).blob());
  await work(measureAgain);
  await tryWebgpu();
  document.body.dataset.webgpu = state.compressed.engine === "webgpu" ? "taken" : "left";
}

window.ganc.started = true;
if (!window.ganc.trouble) begin();
