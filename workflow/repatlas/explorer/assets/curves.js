// Learning curves of A and B.
repatlas.curves = (() => {
  "use strict";
  const { about, load, plots } = repatlas;
  const { runs, absent } = about;
  const root = document.getElementById("curves");
  let turn = 0;

  function line(side, name, curve, column, factor, dash) {
    const kept = curve.epoch.map((_, k) => k).filter((k) => !absent(curve[column][k]));
    const colour = plots.token(`--${side}`);
    return {
      type: "scatter", mode: kept.length > 1 ? "lines" : "markers", name,
      x: kept.map((k) => curve.epoch[k]), y: kept.map((k) => factor * curve[column][k]),
      line: { color: colour, width: 1.5, dash }, marker: { color: colour },
      hovertemplate: `<b>${side.toUpperCase()}</b>  ${name}<br>epoch %{x}: %{y:.4~g}<extra></extra>`,
    };
  }

  async function update(now) {
    const mine = ++turn;
    const sides = now.a === now.b ? ["a"] : ["a", "b"];
    const [networks] = await Promise.all([
      Promise.all(sides.map((side) => load(`networks/${runs.run[now[side]]}`))), plots.ready(),
    ]);
    if (mine !== turn) return;
    const evaluated = `${about.content.evaluated_on.toLowerCase()} images`;
    const factor = now.curve === "accuracy" ? 100 : 1;
    const traces = [];
    networks.forEach((network, k) => {
      if (!network.curve) return;
      traces.push(line(sides[k], "training images", network.curve, `train_${now.curve}`, factor, "dot"));
      traces.push(line(sides[k], evaluated, network.curve, `test_${now.curve}`, factor, "solid"));
    });
    await Plotly.react(root, traces, plots.layout({
      height: 210, margin: { l: 54, r: 74, t: 6, b: 40 },
      xaxis: plots.axis("Epoch", { rangemode: "tozero", nticks: 8 }),
      yaxis: plots.axis(now.curve === "accuracy" ? "Accuracy (%)" : "Loss (nats)", { nticks: 6 }),
    }), plots.config);
    const stopped = sides.filter((side) => !about.completed(now[side]))
      .map((side) => ` ${side.toUpperCase()} ${runs.status[now[side]]}: ${runs.reason[now[side]]}.`);
    document.getElementById("curves-note").textContent = `Solid: ${evaluated}; dotted: training images, `
      + `augmented, mean over the batches of an epoch.${stopped.join("")}`;
  }

  return { update };
})();
