// Networks A and B, each by the axes that vary in the study.
repatlas.chooser = (() => {
  "use strict";
  const { about, state, make } = repatlas;
  const { runs, varying, words } = about;

  function build(side) {
    const element = document.getElementById(`choose-${side}`);
    const selects = varying.map((axis) => {
      const present = [...new Set(runs.places[axis.name])].sort((x, y) => x - y);
      const options = present.map((place) => make("option", { value: place }, axis.texts[place]));
      const select = make("select", {
        id: `${side}-${axis.name}`,
        onchange: () => {
          const now = state.get();
          const run = about.nearest(now[side], axis.name, Number(select.value));
          if (side === "a" && now.a === now.b) {
            state.set({ a: run, b: run, cell: null });
          } else {
            const other = now[side === "a" ? "b" : "a"];
            state.set({ [side]: axis.name === "seed" ? run : about.apart(run, other), cell: null });
          }
        },
      }, ...options);
      return [axis, select];
    });
    element.append(
      make("legend", {}, make("span", { class: `badge ${side}` }, side.toUpperCase()), ` Network ${side.toUpperCase()}`),
      make("div", { class: "axes" },
        ...selects.map(([axis, select]) => make("label", {}, axis.label, select))),
    );
    const line = make("p", { class: "quiet small network-line" });
    element.append(line);
    return (run) => {
      selects.forEach(([axis, select]) => { select.value = runs.places[axis.name][run]; });
      const done = about.completed(run);
      line.classList.toggle("failed", !done);
      line.textContent = done
        ? `${about.content.evaluated_on} accuracy ${words.percent(runs.test_accuracy[run])} %, ${words.count(runs.parameters[run])} parameters`
        : `${runs.status[run]}: ${runs.reason[run]}`;
    };
  }

  const sides = { a: build("a"), b: build("b") };
  document.getElementById("same").addEventListener("click", () => {
    state.set({ b: state.get().a, cell: null });
  });
  document.getElementById("swap").addEventListener("click", () => {
    const { a, b } = state.get();
    state.set({ a: b, b: a, cell: null });
  });

  return {
    update(now) {
      sides.a(now.a);
      sides.b(now.b);
      document.getElementById("same").disabled = now.a === now.b;
      document.getElementById("swap").disabled = now.a === now.b;
    },
  };
})();
