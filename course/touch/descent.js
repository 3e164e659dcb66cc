const state = {start: data.start, rate: data.rate, momentum: data.momentum};
const valley = part("valley");
const handle = part("handle");
const size = valley.viewBox.baseVal.width;
const last = data.shown[data.shown.length - 1];

function points() {
  let at = state.start;
  let velocity = [0, 0];
  const found = [at];
  for (let step = 0; step < last; step += 1) {
    velocity = velocity.map((speed, n) => state.momentum * speed + data.bends[n] * at[n]);
    at = at.map((place, n) => place - state.rate * velocity[n]);
    found.push(at);
  }
  return found;
}

const loss = (at) => (data.bends[0] * at[0] ** 2 + data.bends[1] * at[1] ** 2) / 2;
const written = (x) => (x > 1e4 ? "above 10,000" : x < 5e-4 ? "below 0.001" : number(x, 3));
const place = (at) => [1, -1].map((sign, n) =>
  Math.min(Math.max((1 + (sign * at[n]) / data.reach) * (size / 2), -size), 2 * size).toFixed(1));

function follow() {
  const found = points();
  const places = found.map(place);
  const losses = found.map(loss);
  set(part("path"), {d: "M" + places.map((at) => at.join(" ")).join("L")});
  [...part("dots").children].forEach((dot, n) => set(dot, {cx: places[n + 1][0], cy: places[n + 1][1]}));
  parts("loss").forEach((cell, n) => { cell.textContent = written(losses[data.shown[n]]); });
  const what = losses[last] > losses[0] ? "It grows with every step: the rate is too large." : "It has come down.";
  part("status").textContent =
    `After ${last} steps the loss is ${written(losses[last])}, at the start it is ${written(losses[0])}. ${what}`;
  set(handle, {
    transform: `translate(${places[0].join(" ")})`,
    "aria-valuenow": state.start[0],
    "aria-valuetext": `a: ${number(state.start[0], 1)}, b: ${number(state.start[1], 1)}`,
  });
}

draggable(handle, valley, "start", data.reach, 1, () => state.start, (start) => {
  state.start = within(start, data.reach, 10);
  follow();
});
slider("learning rate", data.rates, data.rate, String, (rate) => {
  state.rate = rate;
  follow();
});
slider("momentum", data.momenta, data.momentum, String, (momentum) => {
  state.momentum = momentum;
  follow();
});
follow();
