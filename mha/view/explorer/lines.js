// The same head as lines: on the left the tokens that look, on the right what they look at. The table says the same in
// a form that a screen reader can walk, so this drawing is hidden from it.
const FAINTEST = 50;

function buildLines(kind, shown) {
  const item = (text, spot) => {
    const node = el("li", {title: text}, bdi(text), el("span"));
    node.spot = spot;
    return node;
  };
  const left = shown.rows.map((i) => item(kind.q[i], {by: "row", row: i, column: null}));
  const right = shown.columns.map((j) => (j === kind.columns
    ? item(HIDDEN, {by: "hidden", row: null, column: j})
    : item(kind.k[j], {by: "column", row: null, column: j})));
  const drawing = svg("svg", {preserveAspectRatio: "none", viewBox: `0 0 100 ${Math.max(left.length, right.length)}`});
  drawing.style.setProperty("--rows", Math.max(left.length, right.length));
  const note = el("p", {class: "mx-note"});
  const node = el("div", {class: "mx-lines", "aria-hidden": "true"},
    note, el("ol", {class: "mx-left"}, ...left), drawing, el("ol", {class: "mx-right"}, ...right));
  return {node, left, right, drawing, note};
}

function line(y1, y2, mille, way) {
  const path = svg("path", {d: `M0 ${y1 + 0.5}C50 ${y1 + 0.5} 50 ${y2 + 0.5} 100 ${y2 + 0.5}`, class: way});
  const share = Math.abs(mille) / 1000;
  path.style.strokeWidth = (0.75 + 6 * share).toFixed(2);
  path.style.opacity = (0.2 + 0.8 * Math.sqrt(share)).toFixed(2);
  return path;
}

// focus.out: the row whose lines leave; focus.into: the column whose lines arrive; neither: the whole head.
function drawLines(lines, kind, shown, view, focus) {
  const idle = focus.out === null && focus.into === null;
  const paths = [];
  const numbers = {left: shown.rows.map(() => ""), right: shown.columns.map(() => "")};
  const way = (mille, plain) => (view.signed ? (mille < 0 ? "mx-arrives" : "mx-leaves") : plain);
  shown.rows.forEach((i, y) => shown.columns.forEach((j, x) => {
    if (!idle && i !== focus.out && j !== focus.into) return;
    const mille = view.mille(i, j);
    if (i === focus.out) numbers.right[x] = view.text(mille);
    if (j === focus.into) numbers.left[y] = view.text(mille);
    if (Math.abs(mille) < (idle ? FAINTEST : 1)) return;
    if (idle && j < kind.columns) paths.push(line(y, x, mille, way(mille, "mx-all")));
    if (j === focus.into) paths.push(line(y, x, mille, way(mille, "mx-arrives")));
    if (i === focus.out) paths.push(line(y, x, mille, j === kind.columns ? "mx-all" : way(mille, "mx-leaves")));
  }));
  lines.drawing.replaceChildren(...paths);
  lines.left.forEach((item, y) => markItem(item, numbers.left[y], item.spot.row === focus.out));
  lines.right.forEach((item, x) => {
    markItem(item, numbers.right[x], item.spot.column === focus.into);
    item.classList.toggle("mx-pair", Boolean(focus.pair) && item.spot.column === focus.pair[1]);
  });
  lines.note.replaceChildren(...legendOf(view, focus, idle));
}

function legendOf(view, focus, idle) {
  const key = (way, text) => el("span", {class: way}, text);
  if (view.signed) return [key("mx-leaves", "━ more in A"), " ", key("mx-arrives", "╌ more in B"), idle ? " lines from 5 points" : ""];
  if (idle) return [`Lines: ${view.added ? "shares" : "weights"} of 5 % and more.`];
  return [
    focus.out === null ? "" : key("mx-leaves", view.added ? "━ gets from, %" : "━ looks at, %"), " ",
    focus.into === null ? "" : key("mx-arrives", view.added ? "╌ gives to, %" : "╌ is looked at by, %"),
  ];
}

function markItem(item, number, chosen) {
  if (item.lastChild.textContent !== number) item.lastChild.textContent = number;
  item.classList.toggle("mx-chosen", chosen);
}
