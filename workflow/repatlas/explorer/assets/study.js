// The study in a form that is asked questions: which networks, which is nearest, how numbers read.
repatlas.about = (() => {
  "use strict";
  const content = repatlas.study();
  const { runs, groups, axes } = content;
  const count = runs.run.length;
  const byName = new Map(runs.run.map((name, number) => [name, number]));
  const groupByName = new Map(groups.group.map((name, number) => [name, number]));
  const varying = axes.filter((axis) => new Set(runs.places[axis.name]).size > 1);
  const fixed = axes.filter((axis) => !varying.includes(axis));

  const placesOf = (run) => axes.map((axis) => runs.places[axis.name][run]);

  // The network that has `place` on `axis` and otherwise most in common with `run`, the first axes
  // counting most; a network that completed before one that did not.
  function nearest(run, axis, place) {
    const own = placesOf(run);
    let best = run;
    let bestScore = -1;
    for (let other = 0; other < count; other++) {
      if (runs.places[axis][other] !== place) continue;
      const theirs = placesOf(other);
      let score = 0;
      own.forEach((value, k) => { score = 2 * score + (value === theirs[k] ? 1 : 0); });
      score = 2 * score + (runs.status[other] === "completed" ? 1 : 0);
      if (score > bestScore) [best, bestScore] = [other, score];
    }
    return best;
  }

  // The network of a group with the seed of `run`, or else its first that completed.
  function ofGroup(group, run) {
    const own = [...runs.run.keys()].filter((r) => runs.group[r] === group);
    const seed = runs.places.seed;
    const done = own.filter((r) => runs.status[r] === "completed");
    return done.find((r) => seed[r] === seed[run]) ?? done[0] ?? own[0];
  }

  // `run`, or where it is of another group than `other` but of one seed with it, a network of its own
  // group with another seed: such pairs are the ones that are compared.
  function apart(run, other) {
    const seed = runs.places.seed;
    if (runs.group[run] === runs.group[other] || seed[run] !== seed[other]) return run;
    const own = [...runs.run.keys()].filter((r) => runs.group[r] === runs.group[run] && seed[r] !== seed[other]);
    return own.find((r) => runs.status[r] === "completed") ?? run;
  }

  const absent = (value) => value === null || value === undefined || Number.isNaN(value);
  const fixedTo = (value, digits) => (absent(value) ? "–" : value.toFixed(digits).replace("-", "−"));
  const words = {
    percent: (value) => fixedTo(absent(value) ? value : 100 * value, 1),
    number: fixedTo,
    count: (value) => (absent(value) ? "–" : Math.round(value).toLocaleString("en")),
    // Four decimals for similarities; a standard error with two digits that count.
    similarity: (value) => fixedTo(value, 4),
    error: (value) => (absent(value) ? "–" : value === 0 ? "0" : Number(value.toPrecision(2)).toString()),
  };

  return {
    content, runs, groups, axes, varying, fixed, count, byName, groupByName,
    nearest, ofGroup, apart, words, absent,
    completed: (run) => runs.status[run] === "completed",
    block(measure, run) {
      const own = content.blocks[measure];
      const row = own ? own.run.indexOf(runs.run[run]) : -1;
      if (row < 0) return null;
      return {
        threshold: own.threshold, kind: own.kind, above: own.fraction_above[row],
        longest: own.longest_run[row],
        start: own.run_start_layer[row], end: own.run_end_layer[row],
      };
    },
  };
})();

// An element with attributes, listeners (`onclick: f`) and content.
repatlas.make = (tag, attributes = {}, ...content) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...content.filter((part) => part !== null && part !== undefined));
  return element;
};
