const state = {step: 0, token: data.follow};
const lines = [...part("lines").children];
parts("row").forEach((cell) => { cell.hidden = true; });

// Colour says sign and size, up to a strength that the numbers can be read on.
function shade(value, largest) {
  const strength = Math.round(38 * Math.sqrt(Math.abs(value) / largest));
  return `color-mix(in srgb, var(--${value < 0 ? "second" : "accent"}) ${strength}%, transparent)`;
}

// x W_Q with its index below, as in the chapter's formulas.
function typeset(name) {
  const [head, index] = name.split("_");
  return index ? [head, make("sub", {}, index)] : [name];
}

// rows: tokens by channels, or by keys. framed: "own", "all" or nothing.
function table(name, rows, head, framed, largest) {
  const square = name === "scores" || name === "weights";
  const digits = name === "weights" ? 2 : 1;
  const width = head === null ? rows[0].length / data.heads.length : rows[0].length;
  const body = rows.map((row, i) => {
    const read = framed === "all" || (framed === "own" && i === state.token);
    const cells = row.map((value, c) => {
      const cell = make("td", {style: `background-color:${shade(value, largest)}`}, i === state.token || framed === "all" ? number(value, digits) : "");
      if (head === null && c && c % width === 0) cell.className = "mt-block";
      return cell;
    });
    return make("tr", read ? {class: "mt-read"} : {}, make("th", {scope: "row"}, make("bdi", {}, data.tokens[i])), ...cells);
  });
  const words = head === null ? "" : `head ${data.heads[head]}${square ? ", keys across" : ""}`;
  return make("table", {}, ...(words ? [make("caption", {}, words)] : []), make("tbody", {}, ...body));
}

function drawArray(name, framed, made) {
  const array = data.arrays[name];
  const largest = Math.max(...array.flat(2).map(Math.abs)) || 1;
  const tables = Array.isArray(array[0][0])
    ? array.map((rows, head) => table(name, rows, head, framed, largest)) : [table(name, array, null, framed, largest)];
  return make("div", {class: made ? "mt-array mt-made" : "mt-array"}, make("p", {}, made ? "makes " : "reads ", ...typeset(name)), make("div", {}, ...tables));
}

function follow() {
  const step = data.steps[state.step];
  lines.forEach((line, n) => {
    if (n === state.step) line.setAttribute("aria-current", "step");
    else line.removeAttribute("aria-current");
  });
  const means = step.means.replace("{token}", "‘" + data.tokens[state.token] + "’");
  part("status").textContent = `Line ${state.step + 1} of ${lines.length}. ${means}`;
  part("picture").replaceChildren(
    ...step.reads.map(([name, rows]) => drawArray(name, rows, false)),
    ...step.makes.map((name) => drawArray(name, "own", true)));
}

slider("step", data.steps.map((_, n) => n), 0, (n) => `${n + 1} of ${data.steps.length}`, (n) => {
  state.step = n;
  follow();
});
const choice = make("select", {"aria-label": "follow"}, ...data.tokens.map((token, n) => make("option", {value: n}, token)));
choice.value = state.token;
choice.addEventListener("change", () => {
  state.token = Number(choice.value);
  follow();
});
controls.append(make("label", {}, "follow ", choice));
follow();
