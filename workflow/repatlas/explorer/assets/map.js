// The heat map: A's layers upwards, B's to the right, numbered from the input.
repatlas.map = (() => {
  "use strict";
  const { about, comparison, make, plots, state } = repatlas;
  const { runs, words } = about;
  const root = document.getElementById("map");
  const readout = document.getElementById("readout");
  const note = document.getElementById("map-note");
  const tip = document.getElementById("tip");
  const save = document.getElementById("save");
  const MARGIN = { l: 54, r: 74, t: 10, b: 46 };
  const BOX = "#2fd4ff"; // in magma's complement; its dark edge shows it on the other maps too
  const listeners = [];
  let turn = 0; // counts updates: what an older one still loads is not drawn
  let shown = null; // {one, measure, now}
  let cursor = null; // {i, j} of the pair under the pointer or the arrow keys
  let fixed = []; // shapes that do not follow the cursor
  let waiting = 0;

  const stageOf = (layer) => (layer.includes(".") ? layer.split(".")[0] : "");

  function stageMarks(layers, upper) {
    const marks = [];
    for (let k = 1; k < layers.length; k++) {
      if (stageOf(layers[k]) === stageOf(layers[k - 1])) continue;
      const at = { x0: k + 0.5, x1: k + 0.5, xref: "x", y0: 1, y1: 1.014, yref: "paper" };
      const turned = { y0: k + 0.5, y1: k + 0.5, yref: "y", x0: 1, x1: 1.014, xref: "paper" };
      marks.push({ type: "line", ...(upper ? at : turned), line: { color: plots.token("--quiet"), width: 1 } });
    }
    return marks;
  }

  // Rows of the longest run of a network among the layers shown, or null.
  function blockOf(measure, run, layers) {
    const block = about.block(measure.name, run);
    if (!block || !(block.longest >= 2)) return null;
    const ends = [layers.indexOf(block.start), layers.indexOf(block.end)];
    return ends.includes(-1) ? null : { ...block, first: ends[0], last: ends[1] };
  }

  function outlines({ one, measure, now }) {
    if (!now.outline) return { shapes: [], text: "" };
    const a = blockOf(measure, now.a, one.rows.layer);
    const b = blockOf(measure, now.b, one.columns.layer);
    if (!a || !b) return { shapes: [], text: "" };
    const edges = { type: "rect", x0: b.first + 0.5, x1: b.last + 1.5, y0: a.first + 0.5, y1: a.last + 1.5 };
    const dash = now.a === now.b ? "solid" : "dash";
    const lines = [{ color: "rgba(0,0,0,0.75)", width: 3.5 }, { color: BOX, width: 1.75, dash }];
    const layers = about.content.kinds[a.kind] ?? a.kind;
    return {
      shapes: lines.map((line) => ({ ...edges, line })),
      text: now.a === now.b
        ? `Box: the longest run of ${layers} of which all pairs reach ${a.threshold}, ${a.longest} layers.`
        : `Dashed: where the longest run of A (${a.longest} ${layers}) meets that of B (${b.longest}).`,
    };
  }

  function cross() {
    if (!cursor || !shown) return [];
    // Light on dark, so that it shows on every colour of the map.
    const lines = [{ color: "rgba(0,0,0,0.45)", width: 3 }, { color: "rgba(255,255,255,0.95)", width: 1 }];
    const [rows, columns] = [shown.one.rows.layer.length, shown.one.columns.layer.length];
    const bands = [];
    if (cursor.i !== null) bands.push({ x0: 0.5, x1: columns + 0.5, y0: cursor.i + 0.5, y1: cursor.i + 1.5 });
    if (cursor.j !== null) bands.push({ x0: cursor.j + 0.5, x1: cursor.j + 1.5, y0: 0.5, y1: rows + 0.5 });
    return lines.flatMap((line) => bands.map((band) => ({ type: "rect", ...band, line })));
  }

  function message(...content) {
    shown = null;
    cursor = null;
    save.disabled = true;
    root.classList.add("empty");
    if (root.data) Plotly.purge(root);
    root.style.height = "";
    root.replaceChildren(make("div", { class: "message" }, ...content));
    root.setAttribute("aria-label", "No heat map");
    readout.replaceChildren();
    note.textContent = "";
    listeners.forEach((listener) => listener(null, null));
  }

  async function explain(measure, now, mine) {
    for (const side of ["a", "b"]) {
      const run = now[side];
      if (about.completed(run)) continue;
      message(make("p", {}, `${side.toUpperCase()}, ${runs.label[run]}, was not compared: its training `
        + `${runs.status[run]} (${runs.reason[run]}).`));
      return;
    }
    if (measure.within && now.a !== now.b) {
      message(make("p", {}, `${measure.label} compares a network with itself.`), choices(now, [now.a]));
      return;
    }
    const found = await comparison.partners(measure, now.a);
    if (mine !== turn) return;
    // Those of B's group first: often it is only another seed.
    const ofB = (run) => runs.group[run] === runs.group[now.b];
    const others = [...found.filter(ofB), ...found.filter((run) => !ofB(run))];
    message(
      make("p", {}, `The study does not compare A with B by ${measure.label}. `
        + "“comparisons” and “analysed” in its YAML file say what is compared; networks of different "
        + "models are compared in unlike seeds, where there are any."),
      others.length ? make("p", { class: "quiet" }, "A is compared with") : null,
      choices(now, others.slice(0, 8)));
  }

  function choices(now, others) {
    return make("div", { class: "choices" }, ...others.map((run) => make("button", {
      type: "button", onclick: () => state.set({ b: run, cell: null }),
    }, run === now.a ? "itself" : runs.label[run])));
  }

  const side = (name, axis) => `<b>${name}</b>  ${axis.kind.every((k) => k === axis.kind[0])
    ? about.content.kinds[axis.kind[0]].replace(/s$/, "") : "layer"}`;

  function traces({ one, measure, now }) {
    const error = now.show === "se";
    const get = error ? one.se : one.value;
    let most = 0;
    let outside = 0;
    const z = one.rows.layer.map((_, i) => one.columns.layer.map((__, j) => {
      const value = get(i, j);
      if (!Number.isFinite(value)) return null;
      most = Math.max(most, value);
      if (!error && (value < measure.range[0] || value > measure.range[1])) outside += 1;
      return value;
    }));
    const [low, high] = error ? [0, most || 1] : measure.range;
    const trace = {
      type: "heatmap", z, x0: 1, dx: 1, y0: 1, dy: 1, zmin: low, zmax: high, hoverinfo: "none",
      colorscale: plots.scale(now.colours), xgap: 0, ygap: 0,
      colorbar: {
        thickness: 10, len: 1, lenmode: "fraction", y: 0.5, xpad: 12, outlinewidth: 0, ypad: 0,
        tickfont: plots.font(11), nticks: 6, ticklen: 3, tickcolor: plots.token("--line"), ticks: "outside",
        title: { text: error ? "Standard error" : measure.label, side: "right", font: plots.font(12) },
      },
    };
    return { trace, outside, range: [low, high] };
  }

  function size() {
    const plot = root.clientWidth - MARGIN.l - MARGIN.r;
    root.style.height = `${plot + MARGIN.t + MARGIN.b}px`;
  }

  async function draw() {
    const { one, measure, now } = shown;
    const { trace, outside, range } = traces(shown);
    const outline = outlines(shown);
    fixed = [...outline.shapes, ...stageMarks(one.columns.layer, true), ...stageMarks(one.rows.layer, false)];
    size();
    const span = (axis) => [0.5, axis.layer.length + 0.5];
    const look = { showgrid: false, nticks: 8, mirror: true };
    await Plotly.react(root, [trace], plots.layout({
      margin: MARGIN, shapes: [...fixed, ...cross()],
      xaxis: plots.axis(side("B", one.columns), { ...look, range: span(one.columns) }),
      yaxis: plots.axis(side("A", one.rows), { ...look, range: span(one.rows) }),
    }), { ...plots.config, responsive: false });
    if (!root.dataset.listens) {
      root.on("plotly_hover", (event) => point(event));
      root.on("plotly_unhover", () => { tip.hidden = true; toPinned(); });
      root.on("plotly_click", (event) => pin(event.points[0].pointIndex));
      root.dataset.listens = "yes";
    }
    const undefinedCount = trace.z.flat().filter((value) => value === null).length;
    const parts = [outline.text, "Marks on the upper and right edges: where a stage of the network begins."];
    if (undefinedCount) parts.push(`Hatched: ${undefinedCount} undefined ${undefinedCount === 1 ? "value" : "values"}.`);
    if (outside) parts.push(`${outside} values outside ${range[0]} to ${words.number(range[1], 0)} take the colour of that end.`);
    if (measure.directed) parts.push("The measure is not symmetric: A has its first argument.");
    note.textContent = parts.filter(Boolean).join(" ");
  }

  function describe(i, j) {
    const { one, measure } = shown;
    const value = one.value(i, j);
    const layer = (axis, k) => `${axis.layer[k]} (${k + 1} of ${axis.layer.length})`;
    const error = one.se(i, j);
    return {
      a: layer(one.rows, i), b: layer(one.columns, j), label: measure.label,
      value: Number.isFinite(value) ? words.similarity(value) : "undefined",
      error: Number.isFinite(error) ? `± ${words.error(error)}` : "",
      detail: Number.isFinite(value)
        ? (Number.isFinite(error) ? `standard error over ${one.batches} batches` : "no standard error")
        : one.reason(i, j).replace(/layer_([ab])/g, (_, s) => `${s.toUpperCase()}’s layer`),
    };
  }

  function sentence(i, j) {
    const it = describe(i, j);
    return [
      make("span", { class: "badge a" }, "A"), ` ${it.a}  `,
      make("span", { class: "badge b" }, "B"), ` ${it.b}  `,
      make("strong", {}, it.value), ` ${it.error}`, make("span", { class: "quiet" }, `  ${it.detail}`),
    ];
  }

  function move(next) {
    cursor = next;
    const whole = next && next.i !== null && next.j !== null;
    if (whole) readout.replaceChildren(...sentence(next.i, next.j));
    else readout.replaceChildren(make("span", { class: "quiet" }, "Point at a pair of layers, or move with the arrow keys."));
    waiting ||= requestAnimationFrame(() => {
      waiting = 0;
      if (!shown || !root.data) return;
      Plotly.relayout(root, { shapes: [...fixed, ...cross()] });
      const name = (axis, k) => (cursor && cursor[k] !== null ? axis.layer[cursor[k]] : null);
      listeners.forEach((listener) => listener(name(shown.one.rows, "i"), name(shown.one.columns, "j")));
    });
  }

  function point(event) {
    const [i, j] = event.points[0].pointIndex;
    move({ i, j });
    const it = describe(i, j);
    tip.replaceChildren(
      make("div", {}, make("span", { class: "badge a" }, "A"), ` ${it.a}`),
      make("div", {}, make("span", { class: "badge b" }, "B"), ` ${it.b}`),
      make("div", { class: "tip-value" }, make("strong", {}, it.value), ` ${it.error}`),
      make("div", { class: "quiet" }, it.detail));
    tip.hidden = false;
    const { clientX: x, clientY: y } = event.event;
    const room = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(8, Math.min(x + 16, innerWidth - room.width - 8))}px`;
    tip.style.top = `${y + 18 + room.height > innerHeight ? y - room.height - 14 : y + 18}px`;
  }

  function pin([i, j]) {
    const { rows, columns } = shown.one;
    state.set({ cell: [rows.layer[i], columns.layer[j]] });
  }

  function toPinned() {
    const cell = state.get().cell;
    if (!shown || !cell) {
      move(null);
      return;
    }
    const [i, j] = [shown.one.rows.layer.indexOf(cell[0]), shown.one.columns.layer.indexOf(cell[1])];
    move(i < 0 || j < 0 ? null : { i, j });
  }

  root.addEventListener("keydown", (event) => {
    if (!shown) return;
    const [rows, columns] = [shown.one.rows.layer.length, shown.one.columns.layer.length];
    const at = { i: cursor?.i ?? 0, j: cursor?.j ?? 0 };
    const far = event.shiftKey ? 5 : 1;
    const next = {
      ArrowUp: { ...at, i: at.i + far }, ArrowDown: { ...at, i: at.i - far },
      ArrowRight: { ...at, j: at.j + far }, ArrowLeft: { ...at, j: at.j - far },
      Home: { i: 0, j: 0 }, End: { i: rows - 1, j: columns - 1 },
    }[event.key];
    if (next) {
      event.preventDefault();
      const within = (value, n) => Math.max(0, Math.min(n - 1, value));
      move(cursor ? { i: within(next.i, rows), j: within(next.j, columns) } : at);
    } else if (event.key === "Enter" && cursor) {
      pin([cursor.i ?? 0, cursor.j ?? 0]);
    } else if (event.key === "Escape") {
      state.set({ cell: null });
      move(null); // also where no pair was kept
    }
  });

  save.addEventListener("click", () => {
    const { one, now } = shown;
    const lines = ["layer_a,kind_a,layer_b,kind_b,value,se,reason"];
    one.rows.layer.forEach((a, i) => one.columns.layer.forEach((b, j) => {
      const numbers = [one.value(i, j), one.se(i, j)].map((v) => (Number.isFinite(v) ? v : ""));
      const reason = Number.isFinite(one.value(i, j)) ? "" : `"${one.reason(i, j).replace(/"/g, '""')}"`;
      lines.push([a, one.rows.kind[i], b, one.columns.kind[j], ...numbers, reason].join(","));
    }));
    const link = make("a", {
      href: URL.createObjectURL(new Blob([`${lines.join("\n")}\n`], { type: "text/csv" })),
      download: `${now.measure}--${runs.run[now.a]}--${runs.run[now.b]}.csv`,
    });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });

  let width = 0;
  new ResizeObserver(() => {
    if (!shown || !root.data || root.clientWidth === width) return;
    width = root.clientWidth;
    size();
    Plotly.relayout(root, { autosize: true });
  }).observe(root);

  async function update(now) {
    const mine = ++turn;
    const key = JSON.stringify([{ ...now, cell: null }, document.documentElement.dataset.theme]);
    if (shown && key === shown.key) {
      toPinned();
      return;
    }
    const measure = comparison.measure(now.measure);
    const title = `A, ${runs.label[now.a]}, with ${now.a === now.b ? "itself" : `B, ${runs.label[now.b]}`}`;
    const badge = (s) => make("span", { class: `badge ${s}` }, s.toUpperCase());
    document.getElementById("map-title").replaceChildren(...(now.a === now.b
      ? [badge("a"), ` ${runs.label[now.a]} with itself`]
      : [badge("a"), ` ${runs.label[now.a]} with `, badge("b"), ` ${runs.label[now.b]}`]));
    const one = about.completed(now.a) && about.completed(now.b)
      ? await comparison.get(measure, now.a, now.b) : null;
    if (mine !== turn) return;
    if (!one) {
      await explain(measure, now, mine);
      return;
    }
    const part = comparison.restricted(one, now.layers);
    if (!part) {
      message(make("p", {}, `No ${about.content.kinds[now.layers]} were compared between these two.`));
      return;
    }
    if (now.show === "se" && !part.hasErrors) {
      message(make("p", {}, `${measure.label} has no standard errors here.`));
      return;
    }
    await plots.ready();
    if (mine !== turn) return;
    shown = { one: part, measure, now, key };
    save.disabled = false;
    if (root.classList.contains("empty")) {
      root.replaceChildren();
      root.classList.remove("empty");
      delete root.dataset.listens;
    }
    root.setAttribute("aria-label", `Heat map of ${measure.label}: ${title}`);
    width = root.clientWidth;
    cursor = null;
    await draw();
    if (mine === turn) toPinned();
  }

  return {
    update,
    onCursor: (listener) => listeners.push(listener),
    // A layer that another plot points at: A's row, B's column, or nothing.
    pointAt(which, layer) {
      if (!shown) return;
      const at = { i: null, j: null };
      const same = shown.now.a === shown.now.b;
      if (which === "a" || same) at.i = shown.one.rows.layer.indexOf(layer);
      if (which === "b" || same) at.j = shown.one.columns.layer.indexOf(layer);
      if (at.i === -1) at.i = null;
      if (at.j === -1) at.j = null;
      move(at.i === null && at.j === null ? null : at);
    },
    leave: toPinned,
  };
})();
