const state = {variant: data.variant, depth: data.depth};
const scales = {gradient: data.range, cosine: [0, 1]};

function height(value, [low, high]) {
  return (100 * (1 - Math.min(Math.max((value - low) / (high - low), 0), 1))).toFixed(1);
}

function sides(n, count) {
  return [(100 * (n + 0.15)) / count, (100 * (n + 0.85)) / count].map((x) => x.toFixed(1));
}

function bars(values, scale) {
  const base = height(0, scale);
  return values.map((value, n) => {
    const [left, right] = sides(n, values.length);
    return `M${left} ${base}V${height(value, scale)}H${right}V${base}Z`;
  }).join("");
}

function dashes(values, scale) {
  return values.map((value, n) => {
    const [left, right] = sides(n, values.length);
    return `M${left} ${height(value, scale)}H${right}`;
  }).join("");
}

// A number whose logarithm to base 10 is given: 0.25, 340, 6 · 10⁵.
function power(logarithm) {
  let exponent = Math.floor(logarithm);
  if (exponent >= -2 && exponent < 3) return number(10 ** logarithm, Math.max(1 - exponent, 0));
  let digit = number(10 ** (logarithm - exponent), 0);
  if (digit === "10") [digit, exponent] = ["1", exponent + 1];
  return `${digit} · 10` + String(exponent).replace("-", "⁻").replace(/\d/g, (n) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[n]);
}

function sentence(gradients, cosines) {
  const first = gradients[0];
  const size = first > data.explodes ? "explodes on its way to" : first < data.vanishes ? "vanishes on its way to" : "arrives at";
  const likeness = cosines[cosines.length - 1] > data.alike ? "as good as one" : "still told apart";
  const blocks = `${gradients.length} blocks, ${state.variant}`;
  return `${blocks}: the gradient ${size} the first block, and two tokens that leave the last one are ${likeness}.`;
}

function follow() {
  const measured = data.measured[state.variant][state.depth];
  const beside = data.measured[data.beside][state.depth];
  for (const name of ["gradient", "cosine"]) {
    set(part(name + "-bars"), {d: bars(measured[name], scales[name])});
    set(part(name + "-beside"), {d: dashes(beside[name], scales[name])});
  }
  const ends = [measured.gradient.map(power), measured.cosine.map((value) => number(value, 2))];
  const shown = ends.flatMap((values) => [values[0], values[values.length - 1]]);
  parts("end").forEach((cell, n) => { cell.textContent = shown[n]; });
  part("last").textContent = `block ${state.depth}`;
  part("status").textContent = sentence(measured.gradient, measured.cosine);
}

const choice = make("select", {}, ...Object.keys(data.measured).map((name) => make("option", {value: name}, name)));
choice.value = state.variant;
choice.addEventListener("change", () => {
  state.variant = choice.value;
  follow();
});
controls.append(make("label", {}, "stack ", choice));
slider("blocks", data.depths, data.depth, String, (depth) => {
  state.depth = depth;
  follow();
});
follow();
