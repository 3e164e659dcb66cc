const names = Object.keys(data.orders);
const cells = parts("head");
const bars = parts("bar");
let order = names[0];
let count = data.start;
const width = (x) => `${100 * Math.max(x, 0)}%`;

function follow() {
  const gone = new Set(data.orders[order].slice(0, count));
  const at = data.counts.indexOf(count);
  cells.forEach((cell, place) => {
    cell.textContent = gone.has(place) ? "□" : "■";
    set(cell, {"aria-label": gone.has(place) ? "gone" : "there"});
  });
  names.forEach((name, n) => {
    const score = data.scores[name][at];
    bars[n].children[1].textContent = number(score, 2);
    bars[n].querySelectorAll("i")[1].style.width = width(score);
    bars[n].className = name === order ? "mt-tile" : "";
  });
  part("order").textContent = order;
  const [whole, left] = [data.scores[order][0], data.scores[order][at]];
  part("status").textContent = `${count} heads gone, ${order}: ${number(left, 2)} of ${number(whole, 2)} is left.`;
}

slider("heads removed", data.counts, count, (value) => `${value} of ${cells.length}`, (value) => {
  count = value;
  follow();
});
const choice = make("select", {"aria-label": "order"}, ...names.map((name) => make("option", {value: name}, name)));
choice.addEventListener("change", () => {
  order = choice.value;
  follow();
});
controls.append(make("label", {}, "order of removal ", choice));
follow();
