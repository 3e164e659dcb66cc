const state = {...data.at};
const largest = data.weights.reduce((at, w, n) => Math.abs(w) > Math.abs(data.weights[at]) ? n : at, 0);

function rounded() {
  const top = 2 ** (state.bits - 1) - 1;
  const w = data.weights.map((x, n) => n === largest ? x * state.outlier : x);
  const steps = [];
  for (let n = 0; n < w.length; n += state.group) {
    steps.push(Math.max(...w.slice(n, n + state.group).map(Math.abs)) / top);
  }
  let [off, size, zeros] = [0, 0, 0];
  w.forEach((x, n) => {
    if (n === largest) return;
    const step = steps[Math.floor(n / state.group)] || 1;
    const level = Math.sign(x) * Math.floor(Math.abs(x) / step + 0.5);
    off += (level * step - x) ** 2;
    size += x ** 2;
    zeros += level === 0;
  });
  return {top, steps, error: Math.sqrt(off / size), zeros: zeros / (w.length - 1)};
}

function ticks(step, top) {
  let path = "";
  for (let n = -top; n <= top; n += 1) {
    if (Math.abs(n * step) <= data.reach) path += `M${(50 + 50 * n * step / data.reach).toFixed(2)} 0V10`;
  }
  return path;
}

function follow() {
  const {top, steps, error, zeros} = rounded();
  const mine = Math.floor(largest / state.group);
  set(part("mine"), {d: ticks(steps[mine], top)});
  set(part("other"), {d: ticks(steps[(mine + 1) % steps.length], top)});
  part("status").textContent = `All but the outlier: off by ${number(100 * error, 1)} % of their size, `
    + `${number(100 * zeros, 0)} % become 0. Stored are ${number(state.bits + 32 / state.group, 2)} bits a weight, scales included.`;
}

const move = (name) => (value) => {
  state[name] = value;
  follow();
};
slider("bits", data.bits, state.bits, String, move("bits"));
slider("weights that share a scale", data.groups, state.group, String, move("group"));
slider("largest weight, times", data.outliers, state.outlier, (value) => number(value, 1), move("outlier"));
follow();
