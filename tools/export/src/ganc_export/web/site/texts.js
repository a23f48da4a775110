/* What the page says, in English and Chinese. Values are put into {braces}. */

const TEXTS = {
  en: {
    lede: "A small generator translates your image on your own device. Nothing is uploaded.",
    stage: "Before and after",
    before: "Before",
    after: "After",
    beforeImage: "The image as it was given",
    afterImage: "The translated image",
    split: "Boundary between before and after",
    splitValue: "{share} % before",
    drop: "Drop the image here",
    panel: "Your image",
    choose: "Choose an image",
    camera: "Use the camera",
    cameraStop: "Stop the camera",
    save: "Save the result",
    hint: "Or drop one anywhere on this page, or paste it.",
    samples: "Samples",
    sample: "Sample {number}",
    size: "Size",
    sizeOption: "{size} pixels, the shorter side",
    sizeTrained: "{size} pixels, as in its training",
    sizeOwn: "as it is",
    figures: "Figures",
    frame: "One image takes",
    frameValue: "{ms} ms",
    engine: "Runs in",
    wasmOne: "WebAssembly, 1 thread",
    wasmMany: "WebAssembly, {threads} threads",
    webgpu: "WebGPU",
    image: "Image",
    network: "Generator",
    networkValue: "{params} parameters, {megabytes} MB",
    beside: "Beside the original",
    besideWord: "This generator was compressed from one of {params} parameters: {megabytes} MB to load.",
    runOriginal: "Run the original too",
    original: "Original",
    compressed: "Compressed",
    facts: "{ms} ms, {megabytes} MB",
    factsFaster: "{ms} ms, {megabytes} MB: {times} times faster",
    privacy: "Images stay on this device: they are read by this page alone and are gone when it is closed.",
    made: "Made with ganc; runs in ONNX Runtime Web",
    other: "中文",
    loading: "Loading …",
    loadingPace: "{done} of {all} MB",
    loaded: "Loaded so far",
    preparing: "Preparing the generator …",
    working: "Translating …",
    workingOriginal: "The original is translating …",
    done: "Done in {ms} ms.",
    live: "The camera is on.",
    livePace: "{rate} images a second",
    noImage: "This file is no image that the browser can read.",
    noCamera: "The camera could not be used ({reason}).",
    noCameraHere: "The camera is there on secure pages only (https, or localhost).",
    noManifest: "The page's files are not complete: {reason}",
    noEngine: "The generator could not be loaded: {reason}",
    failed: "That did not work: {reason}",
  },
  zh: {
    lede: "小型生成器就在您的设备上转换图像，不上传任何内容。",
    stage: "转换前后",
    before: "转换前",
    after: "转换后",
    beforeImage: "原来的图像",
    afterImage: "转换后的图像",
    split: "转换前与转换后的分界",
    splitValue: "转换前占 {share} %",
    drop: "把图像放到这里",
    panel: "您的图像",
    choose: "选择图像",
    camera: "使用摄像头",
    cameraStop: "关闭摄像头",
    save: "保存结果",
    hint: "也可以把图像拖放到页面任意位置，或者粘贴。",
    samples: "示例",
    sample: "示例 {number}",
    size: "尺寸",
    sizeOption: "短边 {size} 像素",
    sizeTrained: "{size} 像素（训练时的尺寸）",
    sizeOwn: "保持原样",
    figures: "数据",
    frame: "每幅图像用时",
    frameValue: "{ms} 毫秒",
    engine: "运行于",
    wasmOne: "WebAssembly，1 个线程",
    wasmMany: "WebAssembly，{threads} 个线程",
    webgpu: "WebGPU",
    image: "图像",
    network: "生成器",
    networkValue: "{params} 个参数，{megabytes} MB",
    beside: "与原模型对比",
    besideWord: "此生成器由一个 {params} 个参数的生成器压缩而来：原模型需要加载 {megabytes} MB。",
    runOriginal: "同时运行原模型",
    original: "原模型",
    compressed: "压缩后",
    facts: "{ms} 毫秒，{megabytes} MB",
    factsFaster: "{ms} 毫秒，{megabytes} MB：快 {times} 倍",
    privacy: "图像不会离开此设备：只有本页面读取它们，关闭页面后即消失。",
    made: "由 ganc 制作；运行于 ONNX Runtime Web",
    other: "English",
    loading: "正在加载……",
    loadingPace: "{done} / {all} MB",
    loaded: "已加载",
    preparing: "正在准备生成器……",
    working: "正在转换……",
    workingOriginal: "原模型正在转换……",
    done: "完成，用时 {ms} 毫秒。",
    live: "摄像头已开启。",
    livePace: "每秒 {rate} 幅图像",
    noImage: "浏览器无法将此文件读作图像。",
    noCamera: "无法使用摄像头（{reason}）。",
    noCameraHere: "只有安全页面（https 或 localhost）才能使用摄像头。",
    noManifest: "页面的文件不完整：{reason}",
    noEngine: "无法加载生成器：{reason}",
    failed: "未能完成：{reason}",
  },
};

let language = /^zh/.test(navigator.language || "") ? "zh" : "en";

/** Return a sentence in the page's language, with values in place of {names}. */
export function text(name, values = {}) {
  return TEXTS[language][name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
}

/** Write all fixed sentences of the page in its language. */
export function writeTexts() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = text(element.dataset.text);
  }
}

/** Change to the other language. */
export function changeLanguage() {
  language = language === "zh" ? "en" : "zh";
  writeTexts();
}

/** Return a number with two digits that count, or whole where it is large, as the language writes it. */
export function figure(value) {
  const settings = value < 100 ? { maximumSignificantDigits: 2 } : { maximumFractionDigits: 0 };
  return new Intl.NumberFormat(document.documentElement.lang, settings).format(value);
}
