const names = Object.keys(data.masks);
const [rows, columns] = [data.scores.length, data.scores[0].length];
let allowed = data.masks[names[0]].map((row) => [...row]);
const sums = parts("sum");

const buttons = parts("cell").map((cell, n) => {
  const [i, j] = [Math.floor(n / columns), n % columns];
  const button = make("button", {type: "button"}, cell.textContent);
  button.addEventListener("click", () => {
    allowed[i][j] = !allowed[i][j];
    choice.value = "";
    show();
  });
  cell.replaceChildren(button);
  return button;
});

function weights(i) {
  const kept = [...Array(columns).keys()].filter((j) => allowed[i][j]);
  const found = Array(columns).fill(0);
  if (kept.length) softmax(kept.map((j) => data.scores[i][j])).forEach((weight, n) => { found[kept[n]] = weight; });
  return found;
}

function show() {
  const empty = [];
  for (let i = 0; i < rows; i += 1) {
    const row = weights(i);
    if (!allowed[i].includes(true)) empty.push(i);
    row.forEach((weight, j) => {
      const button = buttons[i * columns + j];
      button.textContent = allowed[i][j] ? number(weight, 2) : "–";
      set(button, {"aria-pressed": allowed[i][j], "aria-label": `query ${i}, key ${j}: ${button.textContent}`});
      button.style.background = `color-mix(in srgb, var(--accent) ${Math.round(38 * weight)}%, transparent)`;
    });
    sums[i].textContent = empty.includes(i) ? "0" : "1";
  }
  const count = `${allowed.flat().filter(Boolean).length} of ${rows * columns} pairs are allowed.`;
  const who = empty.length === 1 ? `Query ${empty[0]} has` : `Queries ${empty.join(", ")} have`;
  const told = empty.length ? `${who} no key left: weights of 0 here, NaN where −∞ meets an ordinary softmax.` : "Every row sums to 1.";
  part("says").textContent = `${count} ${told}`;
}

const choice = make("select", {"aria-label": "mask"}, ...names.map((name) => make("option", {value: name}, name)));
choice.append(make("option", {value: "", disabled: ""}, "your own"));
choice.addEventListener("change", () => {
  allowed = data.masks[choice.value].map((row) => [...row]);
  show();
});
controls.append(make("label", {}, "mask ", choice));
show();
