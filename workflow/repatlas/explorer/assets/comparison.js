// One comparison of two networks: found in the index, loaded, turned if it is stored the other way.
repatlas.comparison = (() => {
  "use strict";
  const { about, load, unpack } = repatlas;
  const WIDTH = 5; // numbers of an entry of the index: a, b, layers of a, layers of b, piece
  const places = new Map();

  async function index(measure) {
    const found = await load(`similarity/${measure.folder}/index`);
    if (!places.has(measure.name)) {
      const at = new Map();
      for (let k = 0; k < found.pairs.length; k += WIDTH) {
        at.set(`${found.pairs[k]}-${found.pairs[k + 1]}`, k);
      }
      places.set(measure.name, at);
    }
    return { found, at: places.get(measure.name) };
  }

  function unfold(entry, rows, columns) {
    const value = unpack(entry.v);
    const reason = new Map();
    for (const [text, positions] of Object.entries(entry.u ?? {})) {
      positions.forEach((position) => reason.set(position, text));
    }
    const width = columns.layer.length;
    const se = entry.s ? unpack(entry.s) : null;
    return {
      rows, columns, batches: entry.n ?? 0, hasErrors: se !== null,
      value: (i, j) => value[i * width + j],
      se: (i, j) => (se ? se[i * width + j] : NaN),
      reason: (i, j) => reason.get(i * width + j) ?? "",
    };
  }

  // What was 'layer_a' in the file is B's layer where the comparison is turned.
  const turnWords = (text) => text.replace(/layer_([ab])/g, (_, side) => `layer_${side === "a" ? "b" : "a"}`);

  function turned(one) {
    return {
      ...one, rows: one.columns, columns: one.rows,
      value: (i, j) => one.value(j, i), se: (i, j) => one.se(j, i), reason: (i, j) => turnWords(one.reason(j, i)),
    };
  }

  // The comparison of run a with run b, or null where the study has none.
  async function get(measure, a, b) {
    const { found, at } = await index(measure);
    for (const [key, turn] of [[`${a}-${b}`, false], [`${b}-${a}`, true]]) {
      const k = at.get(key);
      if (k === undefined) continue;
      const [rows, columns, piece] = found.pairs.slice(k + 2, k + WIDTH);
      const entries = await load(`similarity/${measure.folder}/${piece}`);
      const one = unfold(entries[key], found.axes[rows], found.axes[columns]);
      return turn ? turned(one) : one;
    }
    return null;
  }

  // Networks that the study compares with `run`, itself first.
  async function partners(measure, run) {
    const { found } = await index(measure);
    const others = new Set();
    for (let k = 0; k < found.pairs.length; k += WIDTH) {
      if (found.pairs[k] === run) others.add(found.pairs[k + 1]);
      if (found.pairs[k + 1] === run) others.add(found.pairs[k]);
    }
    return [...others].sort((x, y) => (y === run) - (x === run) || x - y);
  }

  // Layers of one kind on both sides; null where there are none.
  function restricted(one, kind) {
    if (kind === "all") return one;
    const pick = (axis) => [...axis.layer.keys()].filter((k) => axis.kind[k] === kind);
    const [rows, columns] = [pick(one.rows), pick(one.columns)];
    if (!rows.length || !columns.length) return null;
    const part = (axis, kept) => ({
      index: kept.map((k) => axis.index[k]), layer: kept.map((k) => axis.layer[k]), kind: kept.map((k) => axis.kind[k]),
    });
    return {
      ...one, rows: part(one.rows, rows), columns: part(one.columns, columns),
      value: (i, j) => one.value(rows[i], columns[j]),
      se: (i, j) => one.se(rows[i], columns[j]),
      reason: (i, j) => one.reason(rows[i], columns[j]),
    };
  }

  async function sameLayer(measure) {
    return (await index(measure)).found.same_layer;
  }

  return { get, partners, restricted, sameLayer, measure: (name) => about.content.measures.find((m) => m.name === name) };
})();
