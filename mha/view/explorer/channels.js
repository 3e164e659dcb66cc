// Why a weight is large: a score is a sum of products, one a channel. For the row that is looked at, all keys by all
// channels; for the pair, the two vectors and their product. Channels are read when this is opened, and not before.
const LEVELS = 44;
const opened = [];

function channelsOf(reading, number) {
  opened[reading] ||= JSON.parse(channelTexts[reading]);
  return opened[reading][number];
}

function vectorOf(text, unit, width, place) {
  const start = place * (width + 2);
  const size = two(text, start) * unit;
  return count(width).map((c) => ((ALPHABET.indexOf(text[start + 2 + c]) - LEVELS) / LEVELS) * size);
}

const total = (numbers) => numbers.reduce((a, b) => a + b, 0);
const plain = (number) => (number < -0.05 ? "−" : "") + Math.abs(number).toFixed(1);

function buildWhy(toggled) {
  const parts = {
    words: el("p"),
    keys: el("ol", {class: "mx-keys"}),
    canvas: el("canvas", {role: "img", "aria-label": "Products of the query with each key, by channel"}),
    scores: el("ol"),
    names: el("ol", {class: "mx-keys mx-names"}),
    bars: svg("svg", {preserveAspectRatio: "none", "aria-hidden": "true"}),
    row: null,
  };
  const note = (text) => el("span", {class: "mx-note"}, text);
  parts.node = el("details", {class: "mx-why", toggle: (event) => toggled(event.target.open)},
    el("summary", null, "Why this weight: query times key, channel by channel"), parts.words,
    el("div", {class: "mx-products"}, note("key"), note("products, one column a channel"), note("score"),
      parts.keys, parts.canvas, parts.scores, parts.names, parts.bars));
  return parts;
}

// Products of query i with every key that it may look at.
function productsOf(kind, channels, pick, shown, i) {
  const query = vectorOf(channels.q, channels.qUnit, channels.width, kind.place(pick) * kind.rows + i);
  const keys = shown.columns.filter((j) => j < kind.columns && !kind.forbids(i, j));
  const vectors = keys.map((j) => vectorOf(channels.k, channels.kUnit, channels.width, kind.place(pick) * kind.columns + j));
  const products = vectors.map((key) => key.map((x, c) => x * query[c]));
  return {query, keys, vectors, products, scores: products.map(total)};
}

function drawWhy(why, kind, channels, pick, shown, [i, j], palette) {
  const row = productsOf(kind, channels, pick, shown, i);
  const largest = Math.max(...row.products.flat().map(Math.abs)) || 1;
  const {canvas} = why;
  Object.assign(canvas, {width: channels.width, height: row.keys.length});
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  row.products.flat().forEach((product, at) => {
    const step = Math.ceil((9 * Math.abs(product)) / largest - 1e-9);
    image.data.set(palette[product < 0 ? step + 10 : step], 4 * at);
  });
  context.putImageData(image, 0, 0);
  canvas.style.setProperty("--rows", row.keys.length);
  const id = [pick, i, shown.hide, kind.label, row.keys.length].join();
  if (why.row !== id) fillKeys(why, kind, row, i);
  why.row = id;
  const at = Math.max(row.keys.indexOf(j), 0);
  [...why.keys.children, ...why.scores.children].forEach((item, n) => {
    item.classList.toggle("mx-chosen", n % row.keys.length === at);
  });
  drawBars(why, kind, row, i, at);
  why.words.replaceChildren(el("strong", null, `Layer ${pick[0]}, head ${pick[1]}`), ". ", ...whySentence(kind, channels, row, i, at));
}

function fillKeys(why, kind, row, i) {
  const item = (j, ...content) => {
    const node = el("li", null, ...content);
    node.spot = {by: "cell", row: i, column: j};
    return node;
  };
  why.keys.replaceChildren(...row.keys.map((j) => item(j, bdi(kind.k[j]))));
  why.scores.replaceChildren(...row.keys.map((j, n) => item(j, plain(row.scores[n]))));
}

function drawBars(why, kind, row, i, at) {
  const strips = [row.query, row.vectors[at], row.products[at]];
  const bars = strips.flatMap((strip, y) => {
    const largest = Math.max(...strip.map(Math.abs)) || 1;
    return strip.map((x, c) => svg("rect", {
      class: x < 0 ? "mx-less" : "mx-more", x: c + 0.1, width: 0.8, height: (0.46 * Math.abs(x)) / largest,
      y: y + 0.5 - (x < 0 ? 0 : (0.46 * x) / largest),
    }));
  });
  const base = [0.5, 1.5, 2.5].map((y) => svg("path", {d: `M0 ${y}H${row.query.length}`}));
  why.bars.setAttribute("viewBox", `0 0 ${row.query.length} 3`);
  why.bars.replaceChildren(...base, ...bars);
  const names = [["query ", ...name(kind.q, i)], ["key ", ...name(kind.k, row.keys[at])], ["product"]];
  why.names.replaceChildren(...names.map((words) => el("li", null, el("span", null, ...words))));
}

function whySentence(kind, channels, row, i, at) {
  const score = row.scores[at];
  const products = row.products[at];
  const most = count(products.length).sort((a, b) => (products[b] - products[a]) * (Math.sign(score) || 1)).slice(0, 3);
  return [
    ...name(kind.q, i), " · ", ...name(kind.k, row.keys[at]), `: score ${plain(score)}, the sum of ${products.length} products; `,
    `the average over the keys is ${plain(total(row.scores) / row.scores.length)}. Most comes from `,
    most.map((c) => `channel ${c} (${plain(products[c])})`).join(", "),
    ". A weight is e to the power of its score, divided by the sum of those over the row.",
    channels.biased ? " To each score a bias for its distance is added, which is in no channel." : "",
  ];
}
