/* The page: where images come from, what is shown of them, and which engine makes them. */

import { Camera } from "./camera.js";
import { Generator, possibleThreads, trustedWebgpu } from "./generator.js";
import { imageAmong, paint, pixels, readFile, savePng } from "./images.js";
import { changeLanguage, figure, text, writeTexts } from "./texts.js";
import { $, megabytes, reasonOf, say, sayPace, showAll, showFigures, showPair, showSplit, state } from "./view.js";
import { isBusy, queued } from "./work.js";

const asked = new URLSearchParams(location.search); // for measuring: ?engine=wasm, ?engine=webgpu, ?threads=1
const anyTime = asked.get("engine") === "webgpu"; // take WebGPU where it is slower, too

/** Run the first image again: it was slower than those that follow. */
async function measureAgain() {
  if (!state.before || camera.on) return;
  state.after = await state.compressed.run(state.before);
  showFigures();
  say("done", () => ({ ms: figure(state.after.ms) }));
}

/* Translating. */

/** Do it when what came before is done, and say what went wrong; return whether it failed. */
function work(task, isImage = false) {
  const unlessLost = async () => state.lost || task();
  return queued(unlessLost, (error) => say("failed", () => ({ reason: reasonOf(error) })), isImage);
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

/** Take an image's file, or the promise of one: what was chosen last counts, not what came last. */
async function takeBlob(coming) {
  if (state.lost) return;
  camera.stop();
  const choice = (state.chosen = {});
  let blob = null;
  let bitmap;
  try {
    blob = await coming;
    bitmap = await readFile(blob);
  } catch (error) {
    if (state.chosen !== choice) return;
    state.chosen = null;
    if (blob) say("noImage");
    else say("failed", () => ({ reason: reasonOf(error) }));
    return;
  }
  if (state.chosen !== choice) return; // another one was chosen meanwhile
  state.source = { drawable: bitmap, width: bitmap.width, height: bitmap.height };
  await work(translate, true);
}

const camera = new Camera(translateFrame, () => {
  if (state.said === "live") say("");
  showAll();
});

state.camera = camera;

async function translateFrame(video) {
  if (!video.videoWidth || isBusy()) return;
  const start = performance.now();
  const failed = await work(async () => {
    const shape = { shorter: Number($("size").value) || Math.min(...state.page.image_size), square: true };
    const before = pixels(video, video.videoWidth, video.videoHeight, shape);
    const after = await state.compressed.run(before);
    if (camera.video === video) show(before, after);
  });
  if (camera.video !== video) return;
  if (failed) {
    camera.stop();
    return;
  }
  if (state.said !== "live") say("live");
  sayPace("livePace", () => ({ rate: figure(1000 / (performance.now() - start)) }));
}

async function toggleCamera() {
  if (camera.on) {
    camera.stop();
    return;
  }
  if (!navigator.mediaDevices?.getUserMedia) {
    say("noCameraHere");
    return;
  }
  const choice = (state.chosen = {});
  try {
    await camera.start();
  } catch (error) {
    say("noCamera", () => ({ reason: reasonOf(error) }));
  }
  if (!camera.on && state.chosen === choice) state.chosen = null;
  showAll();
}

/* Loading. */

/** Return a generator that loads with its progress shown. */
async function loaded(engine, threads, model) {
  const all = state.page.runtime[engine].binary.bytes + model.bytes;
  let done = 0;
  $("progress").hidden = false;
  $("loaded").value = 0;
  say("loading");
  const progress = (bytes) => {
    if (bytes === null) {
      say("preparing");
      return;
    }
    done += bytes;
    $("loaded").value = done / all;
    sayPace("loadingPace", () => ({ done: megabytes(done), all: megabytes(all) }));
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

async function loadCompressed() {
  try {
    state.threads = Number(asked.get("threads")) || possibleThreads();
    state.compressed = await loaded("wasm", state.threads, state.page.generators.compressed);
  } catch (error) {
    state.lost = true;
    camera.stop();
    for (const name of ["compare", "panel", "beside"]) $(name).hidden = true; // nothing of it would do anything
    say("noEngine", () => ({ reason: reasonOf(error) }));
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

async function sampleOf(file) {
  return (await fetch(file)).blob();
}

async function addSamples() {
  const items = state.page.samples.map((file) => {
    const [item, button, image] = ["li", "button", "img"].map((name) => document.createElement(name));
    button.type = "button";
    image.src = file;
    image.alt = "";
    image.width = image.height = 72;
    button.append(image);
    button.addEventListener("click", () => takeBlob(sampleOf(file)));
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
  $("size").addEventListener("change", () => state.source && !camera.on && work(translate, true));
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
  const { before, after } = state;
  if (!before) return; // the camera has shown nothing yet
  const trusted = await trustedWebgpu(state.page, state.page.generators.compressed, before, after, anyTime);
  if (!trusted) return;
  await work(async () => {
    state.compressed.stop();
    state.compressed = trusted;
    if (state.source && !camera.on) await translate();
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
  await work(loadCompressed); // images that come meanwhile wait for it
  if (state.lost) return;
  if (!state.chosen) await takeBlob(sampleOf(state.page.samples[0]));
  await work(measureAgain);
  await tryWebgpu();
  document.body.dataset.webgpu = state.compressed.engine === "webgpu" ? "taken" : "left";
}

window.ganc.started = true;
if (!window.ganc.trouble) begin();
