// All networks as a table that sorts by any column, with links to their files.
repatlas.runs = (() => {
  "use strict";
  const { about, make, state } = repatlas;
  const { runs, varying, words } = about;
  const root = document.getElementById("runs");
  let drawn = null;

  function columns(now) {
    const block = (run) => about.block(now.measure, run);
    return [
      ...varying.map((axis) => ({
        key: axis.name, label: axis.label, value: (run) => runs.places[axis.name][run], text: (run) => axis.texts[runs.places[axis.name][run]],
      })),
      { key: "status", label: "Status", value: (run) => runs.status[run], text: (run) => runs.status[run], why: (run) => runs.reason[run] },
      { key: "parameters", label: "Parameters", number: true, value: (run) => runs.parameters[run], text: (run) => words.count(runs.parameters[run]) },
      { key: "test_accuracy", label: `${about.content.evaluated_on} accuracy (%)`, number: true, value: (run) => runs.test_accuracy[run], text: (run) => words.percent(runs.test_accuracy[run]) },
      { key: "train_accuracy", label: "Training accuracy (%)", number: true, value: (run) => runs.train_accuracy[run], text: (run) => words.percent(runs.train_accuracy[run]) },
      { key: "test_loss", label: `${about.content.evaluated_on} loss`, number: true, value: (run) => runs.test_loss[run], text: (run) => words.number(runs.test_loss[run], 3) },
      { key: "fraction_above", label: `Pairs above ${about.content.blocks[now.measure]?.threshold ?? "–"} (%)`, number: true, value: (run) => block(run)?.above, text: (run) => words.percent(block(run)?.above) },
      { key: "longest_run", label: "Longest run", number: true, value: (run) => block(run)?.longest, text: (run) => words.number(block(run)?.longest, 0) },
    ];
  }

  function sorted(list, column, down) {
    const order = (x, y) => {
      const [p, q] = [column.value(x), column.value(y)];
      if (about.absent(p) || about.absent(q)) return about.absent(p) - about.absent(q); // undefined last
      return (down ? -1 : 1) * (typeof p === "string" ? p.localeCompare(q) : p - q);
    };
    return [...list].sort((x, y) => order(x, y) || x - y);
  }

  function matches(run, text) {
    const words_ = `${runs.label[run]} ${runs.status[run]} ${runs.reason[run]} ${runs.run[run]}`.toLowerCase();
    return text.toLowerCase().split(/[,;]+/).every((part) => words_.includes(part.trim()));
  }

  function header(list, key, down) {
    return make("tr", {}, make("th", { scope: "col" }, "Choose"),
      ...list.map((column) => {
        const active = column.key === key;
        return make("th", {
          scope: "col", class: column.number ? "number" : "",
          "aria-sort": active ? (down ? "descending" : "ascending") : null,
        }, make("button", {
          type: "button", "data-key": column.key,
          onclick: () => {
            const next = !active ? (column.number ? "-" : "") + column.key : (down ? "" : "-") + column.key;
            state.set({ sort: next });
            root.querySelector(`[data-key="${column.key}"]`).focus();
          },
        }, column.label, make("span", { "aria-hidden": "true" }, active ? (down ? " ↓" : " ↑") : "")));
      }),
      make("th", { scope: "col" }, "Files"));
  }

  function row(run, list) {
    const choose = (side) => make("button", {
      type: "button", class: `badge ${side}`, "aria-label": `Choose ${runs.label[run]} as ${side.toUpperCase()}`, "data-side": side,
      onclick: () => state.set({ [side]: run, cell: null }),
    }, side.toUpperCase());
    return make("tr", { "data-run": run, class: about.completed(run) ? "" : "failed" },
      make("td", { class: "choose" }, choose("a"), choose("b")),
      ...list.map((column) => make("td", { class: column.number ? "number" : "", title: column.why?.(run) || null }, column.text(run))),
      make("td", { class: "files" }, ...(runs.files[run].length
        ? runs.files[run].map((path) => make("a", { href: path }, path.split("/").pop()))
        : [make("span", { class: "quiet", title: "The study came without its networks" }, "–")])));
  }

  function update(now) {
    const key = [now.sort, now.find, now.measure].join("\n");
    if (key !== drawn) {
      drawn = key;
      const list = columns(now);
      const down = now.sort.startsWith("-");
      const name = now.sort.replace(/^-/, "");
      const column = list.find((one) => one.key === name);
      const kept = [...runs.run.keys()].filter((run) => matches(run, now.find));
      const rows = column ? sorted(kept, column, down) : kept;
      root.replaceChildren(make("thead", {}, header(list, name, down)), make("tbody", {}, ...rows.map((run) => row(run, list))));
      if (!rows.length) root.append(make("caption", {}, "No network matches."));
    }
    for (const button of root.querySelectorAll("td .badge")) {
      const on = Number(button.closest("tr").dataset.run) === now[button.dataset.side];
      button.setAttribute("aria-pressed", String(on));
    }
    for (const tr of root.querySelectorAll("tbody tr")) {
      const run = Number(tr.dataset.run);
      tr.classList.toggle("chosen", run === now.a || run === now.b);
    }
  }

  const find = document.getElementById("find");
  find.addEventListener("input", () => state.set({ find: find.value }));
  return { update: (now) => { if (find.value !== now.find) find.value = now.find; update(now); } };
})();
