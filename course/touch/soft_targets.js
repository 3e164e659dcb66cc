const rows = [...root.querySelector("tbody").rows];
const lines = [...part("below").querySelectorAll("tbody tr")];

function logSoftmax(logits) {
  const largest = Math.max(...logits);
  const total = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0));
  return logits.map((logit) => logit - largest - total);
}

function follow(temperature) {
  const logs = [data.teacher, data.student].map((logits) => logSoftmax(logits.map((logit) => logit / temperature)));
  const [p, q] = logs.map((values) => values.map(Math.exp));
  rows.forEach((row, n) => {
    [p[n], q[n]].forEach((share, k) => {
      row.cells[1 + k].textContent = `${number(100 * share, 1)}\u00a0%`;
      row.cells[3].children[1 - k].style.width = 100 * share + "%";
    });
  });
  const divergence = p.reduce((sum, share, n) => sum + share * (logs[0][n] - logs[1][n]), 0);
  const gradient = Math.hypot(...p.map((share, n) => share - q[n])) / temperature;
  [divergence, gradient].forEach((value, n) => {
    lines[n].cells[1].textContent = number(value, 4);
    lines[n].cells[2].textContent = number(temperature ** 2 * value, 3);
  });
}

slider("temperature T", data.temperatures, data.temperature, String, follow);
follow(data.temperature);
