const cells = parts("cell");
const carried = parts("carried");
const nColumns = data.scores[0].length;
const last = data.tiles.length - 1;
const still = matchMedia("(prefers-reduced-motion: reduce)");
let at = 0;
let timer = null;

const inside = (n, [start, stop]) => n >= start && n < stop;
const places = [...Array(last + 1).keys()];
const moveSlider = slider("step", places, 0, (n) => `${n} of ${last}`, (n) => {
  pause();
  go(n);
});

function go(n) {
  at = n;
  const [tileRows, tileColumns] = data.tiles[at];
  const shown = at === last ? data.weights : data.scores;
  cells.forEach((cell, n) => {
    const [i, j] = [Math.floor(n / nColumns), n % nColumns];
    const inTile = inside(i, tileRows) && inside(j, tileColumns);
    cell.textContent = shown[i][j];
    cell.classList.toggle("mt-tile", inTile);
    cell.classList.toggle("mt-aside", !inTile && at !== last);
  });
  data.carried[at].flat().forEach((text, n) => {
    carried[n].textContent = text;
    carried[n].parentNode.classList.toggle("mt-tile", inside(Math.floor(n / 5), tileRows));
  });
  part("shown").textContent = `${at === last ? "weights" : "scores"}, queries down, keys across`;
  part("says").textContent = data.says[at];
  back.disabled = at === 0;
  next.disabled = at === last;
  moveSlider(at);
}

function pause() {
  clearInterval(timer);
  timer = null;
  play.textContent = "Play";
}

function begin() {
  if (at === last) go(0);
  play.textContent = "Pause";
  timer = setInterval(() => {
    go(at + 1);
    if (at === last) pause();
  }, 1600);
}

function button(text, press) {
  const node = make("button", {type: "button"}, text);
  node.addEventListener("click", press);
  part("buttons").append(node, " ");
  return node;
}

const stepBy = (change) => () => {
  pause();
  go(at + change);
};
const back = button("Back", stepBy(-1));
const next = button("Step", stepBy(1));
const play = button("Play", () => (timer ? pause() : begin()));
// Who asked for less motion steps by hand.
const respect = () => {
  pause();
  play.hidden = still.matches;
};
still.addEventListener("change", respect);
respect();
go(0);
