// Statistics of the answers: pure functions. The kit contains the exact bounds.

const UNSURE = 3; // the confidence of an answer without one

// Which strips are synthetic: the last bit of the XOR of two bytes.
function unsealed(key) {
  const bytes = Array.from(atob(key), (letter) => letter.charCodeAt(0));
  const half = bytes.length / 2;
  return bytes.slice(0, half).map((pad, k) => ((pad ^ bytes[half + k]) & 1) === 1);
}

function share(right, bounds) {
  const hits = right.filter(Boolean).length, total = right.length;
  const [low, high] = bounds[total][hits];
  return { hits, total, low, high };
}

// Probability that a synthetic strip has a higher score than a real one; ties count half.
function auc(truth, scores) {
  const of = (side) => scores.filter((_, k) => truth[k] === side);
  const synthetic = of(true), real = of(false);
  let won = 0;
  for (const a of synthetic) for (const b of real) won += a > b ? 1 : a === b ? 0.5 : 0;
  return won / (synthetic.length * real.length);
}

// Scores per class, then of all strips. answers: [{answer, confidence}] in the kit's order.
function scored(kit, answers) {
  const truth = unsealed(kit.key);
  return (kit.groups.length > 1 ? [...kit.groups, "all"] : ["all"]).map((group) => {
    const rows = [...truth.keys()].filter((k) => group === "all" || kit.items[k].group === group);
    const said = (k) => answers[k].answer === "synthetic";
    const right = (keys) => keys.map((k) => said(k) === truth[k]);
    const accuracy = share(right(rows), kit.bounds);
    return {
      group,
      sensitivity: share(right(rows.filter((k) => truth[k])), kit.bounds),
      specificity: share(right(rows.filter((k) => !truth[k])), kit.bounds),
      accuracy,
      p: kit.chance[accuracy.total][accuracy.hits],
      auc: auc(rows.map((k) => truth[k]),
               rows.map((k) => (said(k) ? 1 : -1) * (answers[k].confidence || UNSURE))),
    };
  });
}
