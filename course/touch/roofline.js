const state = {...data.at, decoding: false};
const PREFIXES = ["n", "µ", "m", "", "k", "M", "G", "T", "P"];

function inUnits(value, unit) {
  const power = Math.min(Math.max(Math.floor(Math.log10(value) / 3), -3), 5);
  const scaled = value / 10 ** (3 * power);
  return number(scaled, scaled < 10 ? 2 : scaled < 100 ? 1 : 0) + "\u00a0" + PREFIXES[power + 3] + unit;
}

// Operations and bytes of each part, as mha.measure.cost counts them.
function costs() {
  const heads = state.batch * state.n_heads;
  const queries = state.decoding ? 1 : state.tokens;
  const square = heads * queries * state.tokens;
  const rows = heads * (queries + state.tokens) * state.head_dim;
  const product = {flops: 2 * square * state.head_dim, bytes: state.item_bytes * (rows + square)};
  const pass = (flops) => ({flops, bytes: 2 * state.item_bytes * square});
  const parts = [product, pass(square), pass(5 * square), product];
  const fused = {flops: parts.reduce((sum, one) => sum + one.flops, 0), bytes: 2 * state.item_bytes * rows};
  return [...parts.map((one) => [one]), parts, [fused]];
}

const limits = (part) => [part.flops / state.flops_per_s, part.bytes / state.bytes_per_s];
const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
const intensity = (parts) => sum(parts.map((one) => one.flops)) / sum(parts.map((one) => one.bytes));
const reached = (x) => Math.min(state.flops_per_s, x * state.bytes_per_s);

function place(x) {
  const [left, up] = [x, reached(x)].map((value, axis) =>
    Math.min(Math.max((Math.log10(value) - data.low[axis]) / (data.high[axis] - data.low[axis]), 0), 1));
  return [100 * left, 100 * (1 - up)];
}

function cells(parts) {
  const seconds = sum(parts.map((one) => Math.max(...limits(one))));
  const arithmetic = sum(parts.map((one) => limits(one)[0]));
  const limit = arithmetic >= seconds * (1 - 1e-9) ? "arithmetic" : parts.length === 1 ? "memory" : "both";
  return [number(intensity(parts), 1), limit, inUnits(seconds, "s")];
}

function follow() {
  const rows = costs();
  const shown = rows.flatMap(cells);
  parts("cell").forEach((cell, n) => { cell.textContent = shown[n]; });
  const ridge = state.flops_per_s / state.bytes_per_s;
  const corners = [10 ** data.low[0], ridge, 10 ** data.high[0]].map((x) => place(x).join(" "));
  set(part("roof"), {d: "M" + corners.join("L")});
  [rows[2], rows[0], rows[5]].forEach((one, n) => {
    const [left, top] = place(intensity(one));
    Object.assign(parts("dot")[n].style, {left: left + "%", top: top + "%"});
  });
  const seconds = (one) => sum(one.map((each) => Math.max(...limits(each))));
  const whom = state.decoding ? `of one new token and ${state.tokens} keys` : `of ${state.tokens} tokens`;
  part("status").textContent = `The ridge is at ${number(ridge, 1)} operations a byte; fused attention ${whom} is at `
    + `${number(intensity(rows[5]), 1)}. Written out it takes at least ${number(seconds(rows[4]) / seconds(rows[5]), 1)} times as long.`;
}

const move = (name) => (value) => {
  state[name] = value;
  follow();
};
slider("peak", data.steps.flops_per_s, state.flops_per_s, (value) => inUnits(value, "FLOP/s"), move("flops_per_s"));
slider("bandwidth", data.steps.bytes_per_s, state.bytes_per_s, (value) => inUnits(value, "B/s"), move("bytes_per_s"));
for (const name of ["tokens", "head_dim", "batch"]) slider(name, data.steps[name], state[name], String, move(name));
checkbox("decoding: one new token at a time", false, move("decoding"));
follow();
