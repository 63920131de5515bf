// The theme, before anything is drawn: the reader's choice, or the system's.
(() => {
  "use strict";
  const KEY = "repatlas-theme";
  const system = matchMedia("(prefers-color-scheme: dark)");
  const listeners = [];

  function chosen() {
    try {
      return localStorage.getItem(KEY) || "";
    } catch {
      return ""; // a browser that keeps nothing
    }
  }

  function apply() {
    const theme = chosen() || (system.matches ? "dark" : "light");
    document.documentElement.dataset.theme = theme;
    listeners.forEach((listener) => listener(theme));
  }

  window.repatlasTheme = {
    chosen,
    choose(value) {
      try {
        if (value) localStorage.setItem(KEY, value);
        else localStorage.removeItem(KEY);
      } catch {
        document.documentElement.dataset.theme = value;
      }
      apply();
    },
    onChange: (listener) => listeners.push(listener),
  };
  system.addEventListener("change", apply);
  apply();
})();
