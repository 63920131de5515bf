// Quantities along the depth of the two networks, linked with the heat map layer by layer.
repatlas.profiles = (() => {
  "use strict";
  const { about, comparison, load, make, plots } = repatlas;
  const { content, groups, runs, absent } = about;
  const root = document.getElementById("profiles");
  const HEIGHT = 158;
  let turn = 0;
  let cards = [];
  let point = () => {};
  let leave = () => {};

  const percent = (values) => values.map((value) => (absent(value) ? null : 100 * value));

  function rowsWhere(table, test) {
    const kept = table.layer.map((_, k) => k).filter(test);
    return Object.fromEntries(Object.entries(table).map(([name, column]) => [name, kept.map((k) => column[k])]));
  }

  const series = (side, table, y, more = {}) => ({ side, x: table.relative_depth, y, layers: table.layer, ...more });

  // A's values and, where it is another network, B's.
  function both(networks, make_) {
    const found = [make_("a", networks.a)];
    if (networks.b !== networks.a) found.push(make_("b", networks.b));
    return found.flat().filter((one) => one && one.y.some((value) => !absent(value)));
  }

  function ofNetworks(networks) {
    const components = (column, kind) => both(networks, (side, network) => {
      if (!network.components) return null;
      const own = rowsWhere(network.components, (k) => kind === "all" || !absent(network.components[column][k]));
      return series(side, own, percent(own[column]));
    });
    const probes = both(networks, (side, network) => {
      if (!network.probes) return [];
      const part = (position) => rowsWhere(network.probes, (k) => network.probes.position[k] === position
        && !absent(network.probes.relative_depth[k]));
      const [after, before] = [part("after"), part("before")];
      return [series(side, after, percent(after.accuracy), { what: "after the residual connection" }),
        series(side, before, percent(before.accuracy), { what: "before it", open: true })];
    });
    return [
      { title: "Share of the first principal component (%)", unit: "%", series: components("pc1_share", "all"), bottom: 0 },
      { title: "Accuracy of linear probes (%)", unit: "%", series: probes,
        note: "Filled: after a residual connection; open: before it." },
      { title: "Sparsity: zeros in ReLU layers (%)", unit: "%", series: components("zero_share", "relu"), bottom: 0 },
    ];
  }

  async function ofGroups(now, measure) {
    const own = { a: runs.group[now.a], b: runs.group[now.b] };
    const across = await comparison.sameLayer(measure);
    const seeds = both({ a: own.a, b: own.b }, (side, group) => {
      const table = across[groups.group[group]];
      return table ? series(side, table, table.value_mean, { sd: table.value_sd }) : null;
    });
    const found = [{
      title: `Same layer, between seeds: ${measure.label}`, unit: "", series: seeds,
      note: "Line: mean over pairs of seeds; band: one sd.",
    }];
    if (content.matches && now.a !== now.b && !measure.within) {
      const folder = `matches/${measure.folder}`;
      const pieces = await Promise.all(["a", "b"].map((s) => load(`${folder}/${groups.group[own[s]]}`).catch(() => ({}))));
      const matched = ["a", "b"].map((side, k) => {
        const table = pieces[k][groups.group[own[k ? "a" : "b"]]];
        return table ? series(side, table, table.match_depth_mean, { sd: table.match_depth_sd }) : null;
      }).filter(Boolean);
      found.push({
        title: "Depth of the best match in the other", unit: "", series: own.a === own.b ? matched.slice(0, 1) : matched,
        diagonal: true, range: [-0.03, 1.03],
        note: "Mean over pairs of networks, band: one sd; dotted: the same relative depth.",
      });
    }
    return found;
  }

  function band(one, colour) {
    const kept = one.x.map((_, k) => k).filter((k) => !absent(one.y[k]) && !absent(one.sd[k]));
    if (!kept.length) return [];
    const upper = kept.map((k) => one.y[k] + one.sd[k]);
    const lower = kept.map((k) => one.y[k] - one.sd[k]);
    const x = kept.map((k) => one.x[k]);
    return [{
      x: [...x, ...x.slice().reverse()], y: [...upper, ...lower.reverse()], fill: "toself", mode: "lines",
      line: { width: 0 }, fillcolor: colour, opacity: 0.18, hoverinfo: "skip", type: "scatter",
    }];
  }

  function traces(card) {
    const found = [];
    if (card.diagonal) {
      found.push({ x: [0, 1], y: [0, 1], mode: "lines", hoverinfo: "skip", line: { color: plots.token("--line"), dash: "dot", width: 1 } });
    }
    for (const one of card.series) {
      const colour = plots.token(`--${one.side}`);
      if (one.sd) found.push(...band(one, colour));
    }
    for (const one of card.series) {
      const colour = plots.token(`--${one.side}`);
      const size = one.x.length > 60 ? 3 : 5;
      found.push({
        type: "scatter", mode: "lines+markers", x: one.x, y: one.y, customdata: one.layers.map((layer) => [one.side, layer]),
        line: { color: colour, width: 1.25, dash: one.side === "b" ? "dash" : "solid" },
        marker: {
          size, color: one.open ? plots.token("--page") : colour, symbol: one.side === "b" ? "square" : "circle",
          line: { color: colour, width: 1 },
        },
        hovertemplate: `<b>${one.side.toUpperCase()}</b>  %{customdata[1]}<br>%{y:.4~g}${card.unit ? ` ${card.unit}` : ""}`
          + `${one.what ? ` ${one.what}` : ""}<extra></extra>`,
      });
    }
    return found;
  }

  async function draw(card, last) {
    const y = { nticks: 4, automargin: false, ...(card.range ? { range: card.range } : {}), ...(card.bottom === 0 ? { rangemode: "tozero" } : {}) };
    await Plotly.react(card.plot, traces(card), plots.layout({
      height: last ? HEIGHT + 22 : HEIGHT, margin: { l: 46, r: 10, t: 6, b: last ? 42 : 22 },
      xaxis: plots.axis(last ? "Relative depth (0 first, 1 last layer)" : "", { range: [-0.02, 1.02], nticks: 6 }),
      yaxis: plots.axis("", y),
    }), plots.config);
    if (card.plot.heard) return;
    card.plot.heard = true;
    card.plot.on("plotly_hover", (event) => point(...event.points[0].customdata));
    card.plot.on("plotly_unhover", () => leave());
  }

  async function update(now) {
    const mine = ++turn;
    const measure = comparison.measure(now.measure);
    const load_ = (run) => load(`networks/${runs.run[run]}`);
    const [a, b, shared] = await Promise.all([load_(now.a), load_(now.b), ofGroups(now, measure), plots.ready()]);
    if (mine !== turn) return;
    const networks = { a, b: now.a === now.b ? a : b };
    const wanted = [...ofNetworks(networks), ...shared].filter((card) => card.series.length);
    // The same plots again keep their elements, so that the page does not jump.
    const same = wanted.length === cards.length && wanted.every((card, k) => card.title === cards[k].title);
    if (!same) {
      cards.forEach((card) => Plotly.purge(card.plot));
      root.replaceChildren(...wanted.map((card) => {
        card.plot = make("div", { class: "plot" });
        const note = card.note ? [make("span", { class: "quiet" }, ` ${card.note}`)] : [];
        return make("figure", {}, make("figcaption", {}, `${card.title}${card.note ? "." : ""}`, ...note), card.plot);
      }));
    }
    wanted.forEach((card, k) => { card.plot ??= cards[k].plot; card.ringed = false; });
    cards = wanted;
    root.hidden = !cards.length;
    await Promise.all(cards.map((card, k) => draw(card, k === cards.length - 1)));
  }

  // Ring the layers that the heat map points at. Shapes, because Plotly moves them at once, where a
  // trace would make it draw the whole plot again.
  function highlight(layerA, layerB) {
    const line = { color: plots.token("--text"), width: 1.5 };
    const ring = (x, y) => ({
      type: "circle", xsizemode: "pixel", ysizemode: "pixel", xanchor: x, yanchor: y,
      x0: -6, x1: 6, y0: -6, y1: 6, line,
    });
    for (const card of cards) {
      if (!card.plot.data) continue;
      const alone = card.series.every((one) => one.side === "a");
      const shapes = [];
      for (const one of card.series) {
        const wanted = alone ? [layerA, layerB] : [one.side === "a" ? layerA : layerB];
        for (const layer of new Set(wanted)) {
          const at = layer === null ? -1 : one.layers.indexOf(layer);
          if (at >= 0 && !absent(one.y[at])) shapes.push(ring(one.x[at], one.y[at]));
        }
      }
      if (shapes.length || card.ringed) Plotly.relayout(card.plot, { shapes });
      card.ringed = shapes.length > 0;
    }
  }

  return {
    update, highlight,
    onPoint: (listener) => { point = listener; },
    onLeave: (listener) => { leave = listener; },
  };
})();
