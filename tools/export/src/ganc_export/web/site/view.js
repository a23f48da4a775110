/* What the page shows: its state, and the words and figures that follow from it. */

import { figure, text } from "./texts.js";

export const $ = (id) => document.getElementById(id);
export const megabytes = (bytes) => figure(bytes / 1e6);

export const state = {
  page: null, // the manifest
  camera: null,
  compressed: null,
  original: null,
  source: null, // { drawable, width, height }: what is translated
  before: null, // ImageData, and what the generators made of it with their ms:
  after: null,
  byOriginal: null,
  said: null, // the name of the status, and what writes it and the figures beside it again in another language
  status: () => "",
  pace: () => "",
  threads: 1, // that WebAssembly takes
  translations: 0,
  lost: false, // the generator did not come
  chosen: null, // what stands for the visitor's last choice: an image or the camera
};

/** Say what the page does now. Screen readers read it out whenever it changes. */
export function say(name, values) {
  state.said = name;
  state.status = () => (name ? text(name, values?.()) : "");
  state.pace = () => "";
  showStatus();
}

/** Show figures beside what was said, which nobody reads out as they change all the time. */
export function sayPace(name, values) {
  state.pace = () => text(name, values());
  showStatus();
}

function showStatus() {
  for (const name of ["status", "pace"]) {
    const said = state[name]();
    if ($(name).textContent !== said) $(name).textContent = said;
  }
}

export function reasonOf(error) {
  return String(error?.message ?? error);
}

export function showSplit() {
  const share = Number($("split").value);
  $("compare").style.setProperty("--split", `${share}%`);
  $("split").setAttribute("aria-valuetext", text("splitValue", { share }));
}

function engineWords(generator) {
  if (generator.engine === "webgpu") return text("webgpu");
  return generator.threads > 1 ? text("wasmMany", { threads: generator.threads }) : text("wasmOne");
}

export function showFigures() {
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

export function showPair() {
  const { original, compressed } = state.page.generators;
  if (!original) return;
  const them = { params: figure(original.params), megabytes: megabytes(original.bytes) };
  $("beside-word").textContent = text("besideWord", them);
  $("run-original").textContent = text("runOriginal");
  if (!state.byOriginal || !state.after) return;
  const [theirs, ours] = [state.byOriginal.ms, state.after.ms];
  const alike = state.original.engine === state.compressed.engine;
  const facts = (ms, model) => ({ ms: figure(ms), megabytes: megabytes(model.bytes), times: figure(theirs / ours) });
  const said = [
    text("facts", facts(theirs, original)),
    text(alike && theirs > ours ? "factsFaster" : "facts", facts(ours, compressed)),
  ];
  for (const [place, name] of ["original", "compressed"].entries()) {
    $(`${name}-facts`).textContent = alike ? said[place] : `${said[place]} (${engineWords(state[name])})`;
  }
}

export function showAll() {
  for (const [id, name] of [["before", "beforeImage"], ["after", "afterImage"]]) {
    $(id).setAttribute("aria-label", text(name));
  }
  $("by-original").setAttribute("aria-label", text("original"));
  $("by-compressed").setAttribute("aria-label", text("compressed"));
  $("split").setAttribute("aria-label", text("split"));
  $("camera").textContent = text(state.camera?.on ? "cameraStop" : "camera");
  $("camera").classList.toggle("on", Boolean(state.camera?.on));
  $("loaded").setAttribute("aria-label", text("loaded"));
  $("language").textContent = text("other");
  $("language").lang = document.documentElement.lang === "en" ? "zh" : "en";
  for (const [place, button] of [...$("samples").querySelectorAll("button")].entries()) {
    button.setAttribute("aria-label", text("sample", { number: place + 1 }));
  }
  showSplit();
  showSizes();
  showFigures();
  showPair();
  showStatus();
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
