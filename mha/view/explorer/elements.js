// Elements are built, never parsed: a token's text reaches the page as a text node and nothing else.
const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value !== false && value !== null) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

function el(name, attributes, ...children) {
  return fill(document.createElement(name), attributes, children);
}

function svg(name, attributes, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function bdi(text) {
  return el("bdi", null, text);
}

function select(label, options, chosen, change, name = label) {
  const list = el("select", {"aria-label": name, change: (event) => change(Number(event.target.value))});
  options.forEach((text, index) => list.append(el("option", {value: index, selected: index === chosen}, text)));
  return el("label", {class: "mx-field"}, label + " ", list);
}

function checkbox(label, checked, change) {
  const box = el("input", {type: "checkbox", change: (event) => change(event.target.checked)});
  box.checked = checked;
  return el("label", {class: "mx-field"}, box, " " + label);
}

function count(n) {
  return [...Array(n).keys()];
}

const within = (number, n) => Math.min(Math.max(number, 0), n - 1);
