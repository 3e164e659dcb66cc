const at = [...data.at];
const size = {width: 340, height: 210, top: 2.5};
const last = data.steps[data.steps.length - 1];

function line(losses) {
  const points = losses.map((loss, n) => {
    const x = size.width * data.steps[n] / last;
    const y = size.height * (1 - Math.min(loss, size.top) / size.top);
    return `${x.toFixed(1)} ${y.toFixed(1)}`;
  });
  return "M" + points.join("L");
}

function follow() {
  const [train, others] = data.losses.map((table) => table[at[0]][at[1]]);
  [train, others].forEach((losses, n) => set(parts("line")[n], {d: line(losses)}));
  const least = others.indexOf(Math.min(...others));
  const end = data.steps.length - 1;
  part("status").textContent = `Trained on ${data.known[at[0]]} images. At the end: loss ${number(train[end], 2)} nats on them, `
    + `${number(others[end], 2)} on others, a gap of ${number(others[end] - train[end], 2)}. `
    + `On others it was least at step ${data.steps[least]}: ${number(others[least], 2)}.`;
}

["known", "decays"].forEach((name, axis) => {
  const label = ["images trained on", "weight decay"][axis];
  slider(label, data[name], data[name][at[axis]], String, (value) => {
    at[axis] = data[name].indexOf(value);
    follow();
  });
});
follow();
