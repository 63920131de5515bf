// The page as a whole: what is shown follows the state, and controls change nothing but the state.
(() => {
  "use strict";
  const { about, chooser, curves, examples, grid, make, map, profiles, runs, state } = repatlas;
  const { content } = about;
  const byId = (id) => document.getElementById(id);
  const notice = byId("notice");

  function fill(id, entries) {
    byId(id).replaceChildren(...entries.map(([value, text]) => make("option", { value }, text)));
  }

  fill("measure", content.measures.map((measure) => [measure.name, measure.label]));
  fill("layers", Object.entries(content.kinds).map(([kind, words]) => [kind, kind === "all" ? "all compared" : words]));
  fill("metric", content.metrics.map((metric) => [metric.name, metric.label]));
  fill("colours", Object.keys(content.colours).map((name) => [name, name]));

  for (const id of ["measure", "layers", "show", "metric", "curve", "colours"]) {
    byId(id).addEventListener("change", (event) => state.set({ [id]: event.target.value }));
  }
  byId("outline").addEventListener("change", (event) => state.set({ outline: event.target.checked }));
  for (const radio of document.querySelectorAll("[name=pick]")) {
    radio.addEventListener("change", () => state.set({ pick: radio.value }));
  }
  const theme = byId("theme");
  theme.value = repatlasTheme.chosen();
  theme.addEventListener("change", () => repatlasTheme.choose(theme.value));
  repatlasTheme.onChange(() => update(state.get(), null));

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    const press = { s: "same", x: "swap", o: "outline" }[event.key];
    if (press) byId(press).click();
  });

  let drawing = Promise.resolve(); // until all that is due is on the screen

  function fail(error) {
    notice.hidden = false;
    notice.textContent = error.message;
  }

  // What has to be drawn anew when a part of the state changes; everything where `before` is null.
  const follows = [
    [chooser, ["a", "b"]],
    [grid, ["a", "b", "metric", "measure", "colours"]],
    [runs, ["a", "b", "sort", "find", "measure"]],
    [map, ["a", "b", "measure", "layers", "show", "outline", "colours", "cell"]],
    [profiles, ["a", "b", "measure"]],
    [curves, ["a", "b", "curve"]],
    [examples, ["a", "b", "pair"]],
  ];

  function update(now, before) {
    for (const id of ["measure", "layers", "show", "metric", "curve", "colours"]) byId(id).value = now[id];
    byId("outline").checked = now.outline;
    document.querySelector(`[name=pick][value=${now.pick}]`).checked = true;
    const page = document.documentElement.dataset;
    page.drawn = "no";
    const due = follows.filter(([, keys]) => !before || keys.some((key) => now[key] !== before[key]));
    const work = Promise.all([drawing, ...due.map(async ([part]) => part.update(now))]).catch(fail);
    drawing = work;
    work.then(() => { if (drawing === work) page.drawn = "yes"; });
    const problems = state.problems();
    notice.hidden = !problems.length;
    if (problems.length) notice.textContent = `The address names what this study does not have: ${problems.join(", ")}.`;
  }

  const n = about.count;
  const failed = [...content.runs.status].filter((status) => status !== "completed").length;
  document.title = `${content.title || content.study}: repatlas explorer`;
  byId("study-title").textContent = content.title || content.study;
  const fixed = about.fixed.filter((axis) => axis.name !== "dataset").map((axis) => axis.settings[content.runs.places[axis.name][0]]);
  byId("study-about").textContent = [
    `Study ${content.study}`, `${n} ${n === 1 ? "network" : "networks"}${failed ? ` (${failed} failed)` : ""}`,
    content.probes, ...(fixed.length ? [`all with ${fixed.join(", ")}`] : []),
  ].filter(Boolean).join(" · ");
  byId("links").append("Files of the study: ", ...content.links.flatMap((path, k) => [
    k ? " · " : "", make("a", { href: path }, path.split("/").pop()),
  ]));

  map.onCursor(profiles.highlight);
  profiles.onPoint(map.pointAt);
  profiles.onLeave(map.leave);
  state.onChange(update);
  update(state.get(), null);
})();
