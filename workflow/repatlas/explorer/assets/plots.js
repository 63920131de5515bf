// Plotly, loaded behind the page's first picture, and how all plots look.
repatlas.plots = (() => {
  "use strict";
  const { content } = repatlas.about;
  let loading = null;

  const ready = () => {
    loading ??= repatlas.script("assets/plotly-cartesian.min.js");
    return loading;
  };

  const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function font(size = 12) {
    return { family: token("--font"), size, color: token("--quiet") };
  }

  function axis(title, more = {}) {
    return {
      title: { text: title, font: font(12), standoff: 6 },
      tickfont: font(11), color: token("--quiet"), gridcolor: token("--rule"), zeroline: false,
      linecolor: token("--line"), showline: true, ticks: "outside", ticklen: 3,
      tickcolor: token("--line"), fixedrange: true, ...more,
    };
  }

  function layout(more) {
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: font(),
      margin: { l: 46, r: 12, t: 8, b: 38 }, showlegend: false, hovermode: "closest",
      hoverlabel: {
        bgcolor: token("--panel"), bordercolor: token("--line"),
        font: { ...font(12), color: token("--text") }, align: "left",
      },
      ...more,
    };
  }

  const config = { displaylogo: false, displayModeBar: false, responsive: true };

  function scale(name) {
    const stops = content.colours[name];
    return stops.map((colour, k) => [k / (stops.length - 1), colour]);
  }

  // The colour of a share (0 to 1) and the text colour that reads on it.
  function colour(name, share) {
    const stops = content.colours[name];
    const hex = stops[Math.round(Math.min(1, Math.max(0, share)) * (stops.length - 1))];
    const [r, g, b] = [1, 3, 5].map((at) => (parseInt(hex.slice(at, at + 2), 16) / 255) ** 2.2);
    const luminance = 0.2126 * r + 0.7152 * g + 0.0722 * b;
    return { background: hex, text: luminance > 0.18 ? "#111" : "#fff" };
  }

  return { ready, token, axis, layout, config, scale, colour, font };
})();
