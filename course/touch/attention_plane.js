const state = {query: data.query, scale: data.scale, d: data.d || 2, divide: false};
const plane = part("plane");
const handle = part("handle");
const field = part("field");
const rows = [...root.querySelectorAll("tbody tr")];
const size = plane.viewBox.baseVal.width;
const css = (colour) => `rgb(${colour.map((channel) => Math.round(255 * channel)).join(", ")})`;
const mix = (weights) => [0, 1, 2].map((c) => weights.reduce((sum, weight, j) => sum + weight * data.values[j][c], 0));

// A score of d channels is √(d / 2) times as large as one of these two.
const stretch = () => state.scale * Math.sqrt(state.d / 2) / (state.divide ? Math.sqrt(state.d) : 1);

function scores(query, factor) {
  return data.keys.map((keyVector) => factor * (keyVector[0] * query[0] + keyVector[1] * query[1]));
}

function paint() {
  const factor = stretch();
  const pixels = field.getContext("2d");
  const image = pixels.createImageData(field.width, field.height);
  const coordinate = (n, count) => data.reach * (2 * (n + 0.5) / count - 1);
  for (let y = 0; y < field.height; y += 1) {
    for (let x = 0; x < field.width; x += 1) {
      const query = [coordinate(x, field.width), -coordinate(y, field.height)];
      image.data.set([...mix(softmax(scores(query, factor))).map((channel) => 255 * channel), 255], 4 * (y * field.width + x));
    }
  }
  pixels.putImageData(image, 0, 0);
}

function follow() {
  const factor = stretch();
  const found = scores(state.query, factor);
  const weights = softmax(found);
  const colour = mix(weights);
  const [x, y] = [(1 + state.query[0] / data.reach) * size / 2, (1 - state.query[1] / data.reach) * size / 2];
  set(handle, {
    transform: `translate(${x} ${y})`,
    "aria-valuenow": state.query[0],
    "aria-valuetext": `channel 0: ${number(state.query[0], 2)}, channel 1: ${number(state.query[1], 2)}`,
  });
  set(part("line"), {x2: x, y2: y});
  set(part("ring"), {fill: css(colour)});
  rows.forEach((row, j) => {
    row.children[1].textContent = number(found[j], 2);
    row.children[2].textContent = number(weights[j], 3);
    row.querySelector(".mt-track i").style.width = 100 * weights[j] + "%";
  });
  const more = data.d ? `scores × ${number(factor, 2)}` : `length ${number(Math.hypot(...state.query), 2)}`;
  part("query").textContent = `query (${state.query.map((entry) => number(entry, 2)).join(", ")}), ${more}`;
  part("mixed").textContent = colour.map((channel) => number(channel, 2)).join(" ");
  part("mixture").style.background = css(colour);
  const leader = weights.indexOf(Math.max(...weights));
  const name = make("bdi");
  name.textContent = data.names[leader];
  const slope = number(weights[leader] * (1 - weights[leader]), 3);
  const gradient = data.d ? ` The gradient of that weight by its score, w (1 − w), is ${slope}.` : "";
  part("status").replaceChildren(name, ` leads with weight ${number(weights[leader], 3)}.${gradient}`);
}

draggable(handle, plane, "query", data.reach, 0.5, () => state.query, (query) => {
  state.query = within(query, data.reach, 100);
  follow();
});

function redraw() {
  paint();
  follow();
}

slider("scale", data.scales, data.scale, (scale) => `${scale}, temperature ${+(1 / scale).toFixed(2)}`, (scale) => {
  state.scale = scale;
  redraw();
});
if (data.d) {
  slider("channels d", data.widths, data.d, String, (d) => {
    state.d = d;
    redraw();
  });
  checkbox("divide the scores by √d", false, (divide) => {
    state.divide = divide;
    redraw();
  });
}
redraw();
