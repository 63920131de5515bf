// Pieces of data: scripts that register a value, because a page opened from a disk may load scripts
// and nothing else. `repatlas.load(name)` promises the value of data/<name>.js.
window.repatlas = (() => {
  "use strict";
  const MOST = 80; // pieces kept; the least recently used goes first
  const values = new Map();
  const waiting = new Map();

  function register(name, value) {
    values.set(name, value);
    while (values.size > MOST) {
      const oldest = [...values.keys()].find((key) => key !== "study");
      values.delete(oldest);
    }
  }

  function script(source) {
    return new Promise((resolve, reject) => {
      const element = document.createElement("script");
      element.src = source;
      element.onload = () => { element.remove(); resolve(); };
      element.onerror = () => {
        element.remove();
        reject(new Error(`${source} is missing beside this page. Make the explorer again.`));
      };
      document.head.append(element);
    });
  }

  async function load(name) {
    if (values.has(name)) {
      const value = values.get(name);
      values.delete(name); // back in as the most recently used
      values.set(name, value);
      return value;
    }
    if (!waiting.has(name)) {
      const path = name.split("/").map(encodeURIComponent).join("/");
      const done = script(`data/${path}.js`).finally(() => waiting.delete(name));
      waiting.set(name, done.then(() => values.get(name)));
    }
    return waiting.get(name);
  }

  // Numbers that are packed as base64 of little-endian float32.
  function unpack(text) {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    return Float32Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
  }

  return { register, load, script, unpack, study: () => values.get("study") };
})();
