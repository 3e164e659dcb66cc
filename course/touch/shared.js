// Each script takes the first root that waits for it. What marks a root as taken is no attribute: a saved page would keep it.
const root = [...document.querySelectorAll(`.mha-touch[data-key="${key}"]`)].find((one) => !one.figureIsLive);
if (!root) return;
root.figureIsLive = true;
const part = (name) => root.querySelector(`[data-part="${name}"]`);
const parts = (name) => [...root.querySelectorAll(`[data-part="${name}"]`)];
const controls = root.querySelector(".mt-controls");
root.querySelector(".mt-unscripted").hidden = true;
root.querySelector(".mt-hint").hidden = false;

function number(value, digits) {
  const written = value.toFixed(digits);
  return Number(written) ? written.replace("-", "−") : written.replace("-", "");
}

function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
}

function softmax(scores) {
  const largest = Math.max(...scores);
  const exponentials = scores.map((score) => Math.exp(score - largest));
  const total = exponentials.reduce((sum, x) => sum + x, 0);
  return exponentials.map((x) => x / total);
}

function make(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  set(node, attributes);
  node.append(...children);
  return node;
}

// A slider over a list of values. What it returns moves it without a hand on it.
function slider(name, values, start, write, change) {
  const input = make("input", {type: "range", min: 0, max: values.length - 1, step: 1, value: values.indexOf(start)});
  const shown = make("b");
  const show = () => {
    shown.textContent = write(values[input.value]);
    set(input, {"aria-valuetext": shown.textContent});
  };
  input.addEventListener("input", () => {
    show();
    change(values[input.value]);
  });
  set(input, {"aria-label": name});
  controls.append(make("label", {}, `${name} `, shown, input));
  show();
  return (value) => {
    input.value = values.indexOf(value);
    show();
  };
}

function checkbox(name, checked, change) {
  const input = make("input", {type: "checkbox"});
  input.checked = checked;
  input.addEventListener("change", () => change(input.checked));
  controls.append(make("label", {}, input, ` ${name}`));
}
