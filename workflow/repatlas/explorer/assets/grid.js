// The grid at a glance: a matrix over the two axes that vary first (width down, depth across), one
// for each combination of the others.
repatlas.grid = (() => {
  "use strict";
  const { about, state, make, plots } = repatlas;
  const { content, groups, runs, words } = about;
  const root = document.getElementById("grid");
  const axes = about.varying.filter((axis) => axis.name !== "seed");
  const across = axes[0] ?? about.axes[0];
  const down = axes[1] ?? about.axes.find((axis) => axis !== across && axis.name !== "seed");
  const others = axes.slice(2);
  const total = groups.group.map((_, g) => runs.group.filter((own) => own === g).length);

  const place = (axis, group) => groups.places[axis.name][group];
  const distinct = (axis, members) => [...new Set(members.map((g) => place(axis, g)))].sort((x, y) => x - y);

  function panels() {
    const found = new Map();
    groups.group.forEach((_, g) => {
      const key = others.map((axis) => place(axis, g)).join(",");
      if (!found.has(key)) found.set(key, []);
      found.get(key).push(g);
    });
    return [...found.values()];
  }

  function heading(group) {
    return others.map((axis) => {
      const text = axis.texts[place(axis, group)];
      return ["dataset", "architecture"].includes(axis.name) ? text : `${axis.label} ${text}`;
    }).join(", ");
  }

  function choose(group) {
    const { a, b, pick } = state.get();
    if (pick === "both") {
      const run = about.ofGroup(group, a);
      state.set({ a: run, b: run, cell: null });
    } else {
      const [own, other] = pick === "a" ? [a, b] : [b, a];
      state.set({ [pick]: about.apart(about.ofGroup(group, own), other), cell: null });
    }
  }

  function cell(group, values, digits, low, high, colours) {
    const mean = values?.mean[group];
    const failed = total[group] - groups.completed[group];
    const known = !about.absent(mean);
    const share = high > low ? (mean - low) / (high - low) : 0.5;
    const look = known ? plots.colour(colours, share) : null;
    const spread = known && !about.absent(values.sd[group]) ? `, sd ${words.number(values.sd[group], digits)}` : "";
    const interval = known && !about.absent(values.low[group])
      ? `, 95 % interval ${words.number(values.low[group], digits)} to ${words.number(values.high[group], digits)}` : "";
    const state_ = groups.completed[group] ? "undefined" : firstStatus(group);
    const text = known ? words.number(mean, digits) : state_;
    const label = `${groups.label[group]}: ${text}${spread}${interval}, `
      + `${groups.completed[group]} of ${total[group]} networks completed`;
    return make("button", {
      type: "button", title: label, "aria-label": label, "data-group": group,
      class: known ? "" : "hatched",
      style: look ? `background:${look.background};color:${look.text}` : null,
      onclick: () => choose(group),
    }, text, failed && known ? make("small", {}, `${failed} failed`) : null);
  }

  function firstStatus(group) {
    return runs.status[runs.group.indexOf(group)];
  }

  function update(now) {
    const metric = content.metrics.find((one) => one.name === now.metric);
    const values = metric.values[""] ?? metric.values[now.measure];
    const numbers = (values?.mean ?? []).filter((value) => !about.absent(value));
    const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
    const digits = metric.name === "mean_similarity" ? 2 : 1;
    const had = document.activeElement?.dataset?.group;
    root.replaceChildren(...panels().map((members) => {
      const columns = distinct(across, members);
      const rows = down ? distinct(down, members).reverse() : [null];
      const body = rows.map((row) => make("tr", {},
        make("th", { scope: "row" }, row === null ? "" : down.texts[row]),
        ...columns.map((column) => {
          const group = members.find((g) => place(across, g) === column && (row === null || place(down, g) === row));
          const td = make("td");
          if (group !== undefined) td.append(cell(group, values, digits, low, high, now.colours));
          return td;
        })));
      const head = make("tr", {}, make("th", { class: "corner" }, down ? `${down.label} ↓ ${across.label} →` : across.label),
        ...columns.map((column) => make("th", { scope: "col" }, across.texts[column])));
      const title = heading(members[0]);
      return make("figure", {}, title ? make("figcaption", {}, title) : null,
        make("table", {}, make("thead", {}, head), make("tbody", {}, ...body)));
    }));
    for (const side of ["a", "b"]) {
      const button = root.querySelector(`[data-group="${runs.group[now[side]]}"]`);
      if (!button) continue;
      button.classList.add("chosen", side);
      button.setAttribute("aria-pressed", "true");
      button.append(make("span", { class: `badge ${side}`, "aria-hidden": "true" }, side.toUpperCase()));
    }
    if (had !== undefined) root.querySelector(`[data-group="${had}"]`)?.focus();
    const which = metric.values[""] ? "" : ` by ${content.measures.find((m) => m.name === now.measure).label}`;
    document.getElementById("grid-note").textContent = values
      ? `Mean over seeds${which}; colours from ${words.number(low, digits)} to ${words.number(high, digits)}.`
      : `${metric.label}: not defined for this measure.`;
  }

  // Arrow keys go to the neighbouring cell that there is.
  root.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const td = event.target.closest("td");
    if (!step || !td) return;
    event.preventDefault();
    const table = td.closest("table");
    let [row, column] = [td.parentElement.rowIndex, td.cellIndex];
    for (;;) {
      row += step[0];
      column += step[1];
      const next = table.rows[row]?.cells[column];
      if (!next || next.tagName === "TH") return;
      const button = next.querySelector("button");
      if (button) {
        button.focus();
        return;
      }
    }
  });

  return { update };
})();
