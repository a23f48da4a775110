/* Says in words why the page cannot run here. In the oldest JavaScript, so that old browsers read it too. */
(function () {
  "use strict";

  var chinese = /^zh/.test(navigator.language || "");
  var sentences = {
    file: [
      "This page was opened as a file, which browsers let read nothing else. Serve its folder, for example with: ganc serve FOLDER",
      "此页面是作为本地文件打开的，浏览器不允许它读取其他文件。请用网络服务器打开该文件夹，例如：ganc serve FOLDER"
    ],
    wasm: [
      "This browser has no WebAssembly (or it is switched off), which runs the network here. Use a current Firefox, Chrome, Edge or Safari.",
      "此浏览器不支持 WebAssembly（或已被关闭），无法运行网络。请使用新版 Firefox、Chrome、Edge 或 Safari。"
    ],
    old: [
      "This browser is too old for this page: it lacks what runs the network. Use a current Firefox, Chrome, Edge or Safari.",
      "此浏览器版本过旧，无法运行网络。请使用新版 Firefox、Chrome、Edge 或 Safari。"
    ]
  };

  /* A module of one function that adds two vectors: only a WebAssembly with SIMD takes it. */
  var simd = [
    0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11
  ];

  function trouble() {
    if (location.protocol === "file:") return "file";
    if (typeof WebAssembly !== "object" || typeof WebAssembly.validate !== "function") return "wasm";
    if (!WebAssembly.validate(new Uint8Array(simd))) return "old";
    if (typeof Worker !== "function" || !("noModule" in document.createElement("script"))) return "old";
    if (typeof createImageBitmap !== "function") return "old";
    return "";
  }

  function say(name) {
    var place = document.getElementById("trouble");
    place.textContent = sentences[name][chinese ? 1 : 0];
    place.hidden = false;
  }

  window.ganc = { trouble: trouble(), started: false };
  if (window.ganc.trouble) say(window.ganc.trouble);

  /* A script that this browser cannot read, or that did not come. */
  window.addEventListener("error", function () {
    if (!window.ganc.started && !window.ganc.trouble) say("old");
  }, true);
})();
