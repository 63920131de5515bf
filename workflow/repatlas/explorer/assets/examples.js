// Examples as images: those that dominate a first component, and those that divide architectures.
repatlas.examples = (() => {
  "use strict";
  const { about, load, make, state } = repatlas;
  const { content, groups, runs, words } = about;
  let turn = 0;

  function picture(one, line, alt) {
    return make("figure", { class: "example" }, make("img", { src: one.image, alt, width: 48, height: 48 }),
      make("figcaption", {}, one.class, make("br"), make("span", { class: "quiet" }, line)));
  }

  function strip(title, pictures) {
    return make("div", { class: "strip" }, make("h4", {}, title), make("div", { class: "pictures", tabindex: "0", role: "group", "aria-label": title }, ...pictures));
  }

  async function dominant(now, mine) {
    const section = document.getElementById("dominant-section");
    const sides = (now.a === now.b ? ["a"] : ["a", "b"]).filter((side) => content.dominant.includes(runs.run[now[side]]));
    section.hidden = !content.dominant.length;
    if (section.hidden) return;
    const found = await Promise.all(sides.map((side) => load(`dominant/${runs.run[now[side]]}`)));
    if (mine !== turn) return;
    const parts = found.map((one, k) => {
      const say = (example) => `${example.projection.toFixed(1)} ×`;
      const list = (kind) => one[kind].map((example) => picture(example, say(example),
        `Example ${example.example}, class ${example.class}: projection ${example.projection.toFixed(1)} times the median`));
      return make("div", {},
        make("h3", {}, make("span", { class: `badge ${sides[k]}` }, sides[k].toUpperCase()), ` ${runs.label[now[sides[k]]]}, layer ${one.layer}`),
        strip("Largest projections, in multiples of the median", list("dominant")),
        strip("Drawn at random", list("random")));
    });
    document.getElementById("dominant").replaceChildren(...(parts.length ? parts : [
      make("p", { class: "quiet" }, "The study has them for other networks: "),
      make("div", { class: "choices" }, ...content.dominant.slice(0, 12).map((name) => {
        const run = about.byName.get(name);
        return make("button", { type: "button", onclick: () => state.set({ a: run, b: run, cell: null }) }, runs.label[run]);
      })),
    ]));
  }

  async function dividing(now, mine) {
    const section = document.getElementById("dividing-section");
    section.hidden = !content.dividing.length;
    if (section.hidden) return;
    const pair = content.dividing[now.pair];
    const found = await load(`dividing/${now.pair}`);
    if (mine !== turn) return;
    const name = (side) => groups.label[about.groupByName.get(pair[side])];
    const parts = ["a", "b"].map((favours) => {
      const other = favours === "a" ? "b" : "a";
      const list = found[favours].map((one) => picture(one, one.accuracy.map((v) => words.number(100 * v, 0)).join(" | "),
        `Example ${one.example}, class ${one.class}: right in ${words.percent(one.accuracy[0])} % of ${name("a")}, `
        + `${words.percent(one.accuracy[1])} % of ${name("b")}`));
      return strip(list.length ? `${name(favours)} ahead of ${name(other)}` : `${name(favours)} is ahead of ${name(other)} on no example`, list);
    });
    document.getElementById("dividing").replaceChildren(
      make("p", { class: "quiet small" }, "Chosen by one half of the seeds. Below each image its class, and the share of the networks "
        + `of the other half that are right (%): ${name("a")} (n = ${pair.n_a}) | ${name("b")} (n = ${pair.n_b}).`), ...parts);
  }

  const select = document.getElementById("pair");
  content.dividing.forEach((pair, k) => {
    const [a, b] = ["a", "b"].map((side) => groups.label[about.groupByName.get(pair[side])]);
    select.append(make("option", { value: k }, `${a} and ${b}`));
  });
  select.addEventListener("change", () => state.set({ pair: Number(select.value) }));

  return {
    async update(now) {
      const mine = ++turn;
      select.value = now.pair;
      await Promise.all([dominant(now, mine), dividing(now, mine)]);
    },
  };
})();
