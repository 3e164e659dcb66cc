const state = {example: 0, at: data.shown, atom: 0};
const lines = part("lines");
const svg = (name, attributes) => {
  const node = document.createElementNS(lines.namespaceURI, name);
  set(node, attributes);
  return node;
};
const below = Number(part("picture").getAttribute("viewBox").split(" ")[3]) / 2 + 17;
const shownExample = () => data.examples[state.example];
const largest = (row) => row.indexOf(Math.max(...row));

function sentence(atom) {
  const {before, product, truth, weights} = shownExample();
  const row = weights[state.at][atom];
  const best = largest(row);
  const origin = truth[atom].map((n) => before.names[n]).join(" or ");
  const ending = truth[atom].includes(best) ? "which is where it came from." : `but it came from ${origin}.`;
  return `${product.names[atom]} of the product looks most at ${before.names[best]} of the reactants, weight ${number(row[best], 2)}: ${ending}`;
}

function draw() {
  const {before, product, truth, weights} = shownExample();
  const [x, y] = product.places[state.atom];
  lines.replaceChildren();
  weights[state.at][state.atom].forEach((weight, n) => {
    const [toX, toY] = before.places[n];
    if (weight >= data.faint) lines.append(svg("line", {class: "mt-line", x1: x, y1: y + below, x2: toX, y2: toY, "stroke-width": (1 + 7 * weight).toFixed(1), "stroke-opacity": (0.2 + 0.6 * weight).toFixed(2)}));
    if (truth[state.atom].includes(n)) lines.append(svg("circle", {class: "mt-source", cx: toX, cy: toY, r: 12}));
  });
  parts("atom").forEach((node, n) => {
    set(node, {"aria-pressed": n === state.atom, tabindex: n === state.atom ? 0 : -1});
  });
  part("status").textContent = sentence(state.atom);
}

function choose(atom) {
  state.atom = atom;
  draw();
}

// The table of the pass that is shown.
function tell() {
  const {before, product, truth, weights} = shownExample();
  part("rows").replaceChildren(...truth.map((origin, n) => {
    const row = weights[state.at][n];
    const best = largest(row);
    const cells = [before.names[best], number(row[best], 2), origin.includes(best) ? "right" : "wrong"];
    return make("tr", {}, make("th", {scope: "row"}, product.names[n]), ...cells.map((cell) => make("td", {}, cell)));
  }));
  draw();
}

function fill() {
  const {before, product} = shownExample();
  part("before").innerHTML = before.markup;
  part("product").innerHTML = product.markup;
  const atoms = product.places.map(([x, y], n) => {
    const node = svg("circle", {cx: x, cy: y, r: 13, class: "mt-atom", "data-part": "atom", role: "button", "aria-label": `${product.names[n]} of the product`});
    for (const event of ["pointerenter", "click", "focus"]) node.addEventListener(event, () => choose(n));
    return node;
  });
  part("atoms").replaceChildren(...atoms);
  tell();
}

part("atoms").addEventListener("keydown", (event) => {
  const step = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[event.key];
  if (!step) return;
  event.preventDefault();
  const count = parts("atom").length;
  parts("atom")[(state.atom + step + count) % count].focus();
});

const choice = make("select", {}, ...data.examples.map((example, n) => make("option", {value: n}, example.name)));
choice.addEventListener("change", () => {
  Object.assign(state, {example: Number(choice.value), atom: 0});
  fill();
});
controls.append(make("label", {}, "reaction ", choice));
slider("pass", data.passes, data.passes[state.at], String, (pass) => {
  state.at = data.passes.indexOf(pass);
  tell();
});
fill();
