let state = data.state;
const ways = Object.keys(data.scores);
const rows = [...root.querySelectorAll("tbody tr")];
const most = Math.max(0, ...ways.flatMap((way) => data.scores[way]));
const width = (x) => `${most ? (100 * Math.max(x, 0)) / most : 0}%`;

const buttons = data.words.map((word, n) => {
  const button = make("button", {type: "button"}, word);
  button.addEventListener("click", () => {
    state ^= 1 << n;
    follow();
  });
  return button;
});
const restore = make("button", {type: "button"}, "put all back");
restore.addEventListener("click", () => {
  state = 0;
  follow();
});

function said() {
  if (!state) return "Nothing is missing: all ways agree.";
  const left = ways.map((way) => data.scores[way][state]);
  const least = left.indexOf(Math.min(...left));
  const highest = left.indexOf(Math.max(...left));
  const missing = data.words.filter((word, n) => (state >> n) & 1).length;
  return `${missing} of ${data.words.length} words missing: from ${number(left[least], 2)} (${ways[least]}) ` +
    `to ${number(left[highest], 2)} (${ways[highest]}).`;
}

function follow() {
  buttons.forEach((button, n) => {
    const missing = Boolean((state >> n) & 1);
    set(button, {"aria-pressed": missing});
    button.style.textDecoration = missing ? "line-through" : "none";
  });
  restore.disabled = !state;
  ways.forEach((way, n) => {
    const left = data.scores[way][state];
    rows[n].children[1].textContent = number(left, 2);
    rows[n].children[2].children[0].style.width = width(data.scores[way][0]);
    rows[n].children[2].children[1].style.width = width(left);
  });
  part("status").textContent = said();
}

const line = make("div", {role: "group", "aria-label": "words to take away"}, ...buttons, restore);
set(line, {style: "grid-column:1/-1;display:flex;flex-wrap:wrap;gap:6px"});
controls.append(line);
part("text").hidden = true;
follow();
