// What is shown, kept in the address after '#', so that a view can be sent. Only what differs from
// the defaults stands there; networks, measures and layers by name, which outlive a longer study.
repatlas.state = (() => {
  "use strict";
  const { content, runs, byName } = repatlas.about;
  const measures = content.measures.map((measure) => measure.name);
  const first = byName.get(content.start) ?? 0;
  const defaults = {
    a: first, b: first, measure: measures[0] ?? "", layers: "all", show: "value", outline: true,
    metric: content.metrics[0].name, pick: "both", curve: "accuracy", pair: 0, sort: "",
    cell: null, colours: Object.keys(content.colours)[0], find: "",
  };
  const listeners = [];
  let current = { ...defaults };
  let problems = [];

  const write = {
    a: (run) => runs.run[run],
    b: (run) => runs.run[run],
    outline: (on) => (on ? "on" : "off"),
    cell: (cell) => cell.join(" "),
    pair: (pair) => String(pair),
  };
  const known = (list) => (text) => (list.includes(text) ? text : undefined);
  const network = (text) => byName.get(text);
  const read = {
    a: network,
    b: network,
    measure: known(measures),
    layers: known(Object.keys(content.kinds)),
    show: known(["value", "se"]),
    outline: (text) => ({ on: true, off: false })[text],
    metric: known(content.metrics.map((metric) => metric.name)),
    pick: known(["both", "a", "b"]),
    curve: known(["accuracy", "loss"]),
    pair: (text) => (content.dividing[Number(text)] ? Number(text) : undefined),
    sort: (text) => text,
    cell: (text) => (text.split(" ").length === 2 ? text.split(" ") : undefined),
    colours: known(Object.keys(content.colours)),
    find: (text) => text,
  };

  function hash(state) {
    const parts = [];
    for (const [key, value] of Object.entries(state)) {
      const standard = key === "b" ? state.a : defaults[key];
      if (value === standard) continue;
      const text = (write[key] ?? String)(value);
      parts.push(`${key}=${encodeURIComponent(text).replace(/%20/g, "+").replace(/%2C/g, ",")}`);
    }
    return parts.length ? `#${parts.join("&")}` : "#";
  }

  function parse(text) {
    const state = { ...defaults };
    problems = [];
    let hasB = false;
    for (const [key, value] of new URLSearchParams(text.replace(/^#/, ""))) {
      const found = read[key]?.(value);
      if (found === undefined) {
        problems.push(`${key} “${value}”`);
      } else {
        state[key] = found;
        hasB ||= key === "b";
      }
    }
    if (!hasB) state.b = state.a;
    return state;
  }

  const announce = (before) => listeners.forEach((listener) => listener(current, before));

  // A choice of networks is a step that the browser's back button undoes; the rest is not.
  function set(changes) {
    const before = current;
    current = { ...current, ...changes };
    const now = hash(current);
    if (now === hash(before)) return;
    problems = []; // those of the address that was opened
    const step = current.a !== before.a || current.b !== before.b;
    history[step ? "pushState" : "replaceState"](null, "", now);
    announce(before);
  }

  addEventListener("popstate", () => {
    const before = current;
    current = parse(location.hash);
    if (hash(before) !== hash(current) || problems.length) announce(before);
  });

  current = parse(location.hash);
  return {
    get: () => current,
    set,
    onChange: (listener) => listeners.push(listener),
    problems: () => problems,
  };
})();
