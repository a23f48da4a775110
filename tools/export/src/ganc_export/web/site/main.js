/* The page: where images come from, what is shown of them, and which engine makes them. */

import { Camera } from "./camera.js";
import { Generator, possibleThreads, trustedWebgpu } from "./generator.js";
import { imageAmong, paint, pixels, readFile, savePng } from "./images.js";
import { changeLanguage, figure, text, writeTexts } from "./texts.js";

const asked = new URLSearchParams(location.search); // for measuring: ?engine=wasm, ?engine=webgpu, ?threads=1
const $ = (id) => document.getElementById(id);
const megabytes = (bytes) => figure(bytes / 1e6);

const state = {
  page: null, // the manifest
  compressed: null,
  original: null,
  source: null, // { drawable, width, height }: what is translated
  before: null, // ImageData, and what the generators made of it with their ms:
  after: null,
  byOriginal: null,
  said: () => "", // the status, said again when the language changes
  translations: 0,
  busy: false,
  next: null, // the work that waits for the present one
};

function say(name, values) {
  state.said = () => (name ? text(name, values?.()) : "");
  $("status").textContent = state.said();
}

function reasonOf(error) {
  return String(error?.message ?? error);
}

/* What is shown. */

function showSplit() {
  const share = Number($("split").value);
  $("compare").style.setProperty("--split", `${share}%`);
  $("split").setAttribute("aria-valuetext", text("splitValue", { share }));
}

function engineWords(generator) {
  if (generator.engine === "webgpu") return text("webgpu");
  return generator.threads > 1 ? text("wasmMany", { threads: generator.threads }) : text("wasmOne");
}

function showFigures() {
  const rows = [];
  const model = state.page.generators.compressed;
  if (state.after) rows.push(["frame", text("frameValue", { ms: figure(state.after.ms) })]);
  if (state.compressed) rows.push(["engine", engineWords(state.compressed)]);
  if (state.before) rows.push(["image", `${state.before.width} × ${state.before.height}`]);
  rows.push(["network", text("networkValue", { params: figure(model.params), megabytes: megabytes(model.bytes) })]);
  const elements = rows.flatMap(([name, value]) => {
    const [title, content] = [document.createElement("dt"), document.createElement("dd")];
    title.textContent = text(name);
    content.textContent = value;
    content.dataset.figure = name;
    return [title, content];
  });
  $("figures").replaceChildren(...elements);
}

function showPair() {
  const { original, compressed } = state.page.generators;
  if (!original) return;
  const facts = { params: figure(original.params), megabytes: megabytes(original.bytes) };
  $("beside-word").textContent = text("besideWord", facts);
  $("run-original").textContent = text("runOriginal");
  if (!state.byOriginal || !state.after) return;
  const [theirs, ours] = [state.byOriginal.ms, state.after.ms];
  $("original-facts").textContent = text("facts", { ms: figure(theirs), megabytes: megabytes(original.bytes) });
  $("compressed-facts").textContent = text(theirs > ours ? "factsFaster" : "facts", {
    ms: figure(ours),
    megabytes: megabytes(compressed.bytes),
    times: figure(theirs / ours),
  });
}

function showAll() {
  for (const [id, name] of [["before", "beforeImage"], ["after", "afterImage"]]) {
    $(id).setAttribute("aria-label", text(name));
  }
  $("by-original").setAttribute("aria-label", text("original"));
  $("by-compressed").setAttribute("aria-label", text("compressed"));
  $("split").setAttribute("aria-label", text("split"));
  $("camera").textContent = text(camera.on ? "cameraStop" : "camera");
  $("camera").setAttribute("aria-pressed", String(camera.on));
  $("language").textContent = text("other");
  $("language").lang = document.documentElement.lang === "en" ? "zh" : "en";
  for (const [place, button] of [...$("samples").querySelectorAll("button")].entries()) {
    button.setAttribute("aria-label", text("sample", { number: place + 1 }));
  }
  showSplit();
  showSizes();
  showFigures();
  showPair();
  $("status").textContent = state.said();
}

function showSizes() {
  const trained = Math.min(...state.page.image_size);
  const chosen = $("size").value || String(trained);
  const options = [trained, Math.round(trained * 1.5), trained * 2, 0].map((size) => {
    const option = document.createElement("option");
    option.value = String(size);
    const name = size === trained ? "sizeTrained" : size ? "sizeOption" : "sizeOwn";
    option.textContent = text(name, { size });
    return option;
  });
  $("size").replaceChildren(...options);
  $("size").value = chosen;
}

/** Run the first image again: it was slower than those that follow. */
async function measureAgain() {
  if (!state.before || camera.on) return;
  state.after = await state.compressed.run(state.before);
  showFigures();
  say("done", () => ({ ms: figure(state.after.ms) }));
}

/* Translating. One piece of work at a time; of what comes meanwhile, the last is done. */

async function work(task) {
  if (state.busy) {
    state.next = task;
    return;
  }
  state.busy = true;
  document.body.dataset.state = "busy";
  try {
    await task();
  } catch (error) {
    say("failed", () => ({ reason: reasonOf(error) }));
  }
  state.busy = false;
  document.body.dataset.state = "ready";
  const next = state.next;
  state.next = null;
  if (next) await work(next);
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
  await work(async () => {
    const shape = { shorter: Number($("size").value) || Math.min(...state.page.image_size), square: true };
    const before = pixels(video, video.videoWidth, video.videoHeight, shape);
    const after = await state.compressed.run(before);
    if (camera.on) show(before, after);
  });
  if (camera.on) say("live", () => ({ rate: figure(1000 / (performance.now() - start)) }));
});

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
    const { engine, threads } = state.compressed;
    try {
      state.original = await loaded(engine, threads, state.page.generators.original);
    } catch (error) {
      $("run-original").disabled = false;
      throw error;
    }
    if (state.before) await translateByOriginal();
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
  const anyTime = asked.get("engine") === "webgpu";
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
    const threads = Number(asked.get("threads")) || possibleThreads();
    state.compressed = await loaded("wasm", threads, state.page.generators.compressed);
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
