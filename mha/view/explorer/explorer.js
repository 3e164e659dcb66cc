// The whole: what is chosen, and which parts follow from it.
// The same explorer may stand twice on a page, so none has an id: each script takes the first root that waits for it.
// What marks a root as taken is no attribute, since a saved page would keep it and find every root taken.
const root = [...document.querySelectorAll(`.mha-explorer[data-key="${key}"]`)].find((one) => !one.explorerIsLive);
if (!root) return;
root.explorerIsLive = true;
const kinds = data.kinds.map(openKind);
const state = {kind: 0, picks: data.picks, active: data.picks.length - 1, hide: false, pinned: null, hover: null, at: [1, 0]};
if (data.focus !== null) state.pinned = {by: "row", row: data.focus, column: null};
let spare = data.picks[1] || null;
let panels = [];
let overview = null;
let shown = null;
let pinnedBefore = null;
let pointer = [];

const controls = el("div", {class: "mx-controls"});
const maps = el("div", {class: "mx-heads"});
const legend = el("div", {class: "mx-legend"}, "Weight in percent, from ",
  el("ol", null, ...count(10).map((n) => el("li", null, el("i", {class: "t" + n}), n ? String(TONES[n - 1] / 10) : "0"))));
const status = el("div", {class: "mx-status", role: "status", "aria-live": "polite"});
const hint = el("p", {class: "mx-note"},
  "Point at a token, tap it, or walk through the map with the arrow keys. Esc lets go. Layers and heads count from 0.");
const side = el("div", {class: "mx-side"}, legend, status, hint);
const body = el("div", {class: "mx-panels"});

// What a spot lights up: the row whose lines leave, the column whose lines arrive, and the pair of a single cell.
function focusOf(spot) {
  const kind = kinds[state.kind];
  if (!spot || spot.by === "hidden") return {out: null, into: null, pair: null};
  const token = spot.by === "column" ? spot.column : spot.row;
  return {
    out: spot.by === "column" && !kind.self ? null : token,
    into: spot.by !== "column" && !kind.self ? null : token,
    pair: spot.by === "cell" ? [spot.row, spot.column] : null,
  };
}

function renderFocus() {
  const kind = kinds[state.kind];
  const focus = focusOf(state.hover || state.pinned);
  panels.forEach((panel, n) => {
    markMatrix(panel.matrix, focus);
    drawLines(panel.lines, kind, shown, state.picks[n], focus);
  });
  status.replaceChildren(...state.picks.map((pick) => el("p", null, ...sentence(kind, shown, pick, focus))));
  // The sentence's box grows and does not shrink: else the map would slide away under the pointer that reads it.
  status.style.minHeight = status.offsetHeight + "px";
}

function renderPanel(n) {
  const kind = kinds[state.kind];
  const [layer, head] = state.picks[n];
  const matrix = buildMatrix(kind, shown, [layer, head]);
  const lines = buildLines(kind, shown);
  placeKeyboard(matrix, state.at);
  matrix.table.addEventListener("keydown", (event) => {
    const next = walk(matrix, state.at, event);
    if (!next) return;
    event.preventDefault();
    const cell = matrix.grid[next[0]][next[1]];
    cell.focus();
    cell.scrollIntoView({block: "nearest", inline: "nearest"});
  });
  matrix.table.addEventListener("focusin", (event) => {
    const row = matrix.grid.findIndex((cells) => cells.includes(event.target));
    state.at = [row, matrix.grid[row].indexOf(event.target)];
    panels.forEach((panel) => placeKeyboard(panel.matrix, state.at));
    state.pinned = event.target.spot;
    state.hover = null;
    renderFocus();
  });
  const scroll = el("div", {class: "mx-scroll", tabindex: 0, role: "group", "aria-label": `Map of layer ${layer}, head ${head}`},
    matrix.table);
  panels[n] = {matrix, lines};
  const old = body.children[n];
  const title = el("p", {class: "mx-which"}, el("b", {class: "mx-badge"}, "AB"[n]), `Layer ${layer}, head ${head}`);
  const panel = el("div", {class: "mx-panel"}, ...(state.picks.length > 1 ? [title] : []), scroll, lines.node);
  if (old) old.replaceWith(panel);
  else body.append(panel);
}

function choose(n, pick) {
  state.picks = state.picks.map((old, m) => (m === n ? pick : old));
  state.active = n;
  renderControls();
  renderPanel(n);
  markOverview(overview, state.picks, state.active);
  layout();
  renderFocus();
}

function headFields(n, kind) {
  const [layer, head] = state.picks[n];
  const mark = state.picks.length > 1 ? "AB"[n] + ": " : "";
  const toLayer = (value) => choose(n, [value, state.picks[n][1]]);
  const toHead = (value) => choose(n, [state.picks[n][0], value]);
  return el("span", {class: "mx-fields"},
    select(mark + "Layer", count(kind.layers), layer, toLayer),
    select("Head", count(kind.heads), head, toHead, mark + "Head"));
}

// The controls are built anew with each choice; the keyboard stays on the one that was used.
function renderControls() {
  const kind = kinds[state.kind];
  const held = [...controls.querySelectorAll("select, input")].indexOf(document.activeElement);
  const parts = [];
  if (kinds.length > 1) parts.push(select("Attention", kinds.map((one) => one.label), state.kind, changeKind));
  parts.push(...state.picks.map((_, n) => headFields(n, kind)));
  parts.push(checkbox("Compare two heads", state.picks.length > 1, changeCompare));
  if (state.picks.length > 1) parts.push(select("Small maps choose", ["A", "B"], state.active, changeActive));
  if (kind.hasSpecial) parts.push(checkbox("Hide special tokens", state.hide, changeHide));
  controls.replaceChildren(...parts);
  if (held >= 0) controls.querySelectorAll("select, input")[held]?.focus();
}

function changeKind(value) {
  const kind = kinds[value];
  state.picks = state.picks.map(([layer, head]) => [Math.min(layer, kind.layers - 1), Math.min(head, kind.heads - 1)]);
  Object.assign(state, {kind: value, pinned: null, hover: null, at: [1, 0]});
  render();
}

// The second head starts as the next one, or where it was left.
function changeCompare(on) {
  const {layers, heads} = kinds[state.kind];
  const [layer, head] = state.picks[0];
  const next = head + 1 < heads ? [layer, head + 1] : [(layer + 1) % layers, 0];
  if (!on) spare = state.picks[1];
  else if (!spare || spare[0] >= layers || spare[1] >= heads) spare = next;
  state.picks = on ? [state.picks[0], spare] : [state.picks[0]];
  state.active = on ? 1 : 0;
  render();
}

function changeActive(value) {
  state.active = value;
  markOverview(overview, state.picks, value);
}

function changeHide(on) {
  Object.assign(state, {hide: on, pinned: null, hover: null, at: [1, 0]});
  render();
}

function paint() {
  const palette = [...legend.querySelectorAll("i")].map((swatch) => {
    const [red, green, blue] = getComputedStyle(swatch).backgroundColor.match(/\d+/g).map(Number);
    return [red, green, blue, 255];
  });
  drawOverview(overview, kinds[state.kind], shown, palette);
}

function render() {
  const kind = kinds[state.kind];
  shown = visible(kind, state.hide);
  overview = buildOverview(kind, (pick) => choose(state.active, pick));
  maps.replaceChildren(overview.group);
  markOverview(overview, state.picks, state.active);
  renderControls();
  panels = [];
  body.replaceChildren();
  state.picks.forEach((_, n) => renderPanel(n));
  paint();
  layout();
  renderFocus();
}

const spotOf = (event) => (event.target.closest("th, td, li") || {}).spot || null;
const same = (a, b) => Boolean(a && b) && a.by === b.by && a.row === b.row && a.column === b.column;
body.addEventListener("pointerover", (event) => {
  // A pointer that rests while the map moves under it says nothing: the keyboard's choice stays.
  if (event.screenX === pointer[0] && event.screenY === pointer[1]) return;
  pointer = [event.screenX, event.screenY];
  state.hover = spotOf(event);
  renderFocus();
});
body.addEventListener("pointerleave", () => {
  state.hover = null;
  renderFocus();
});
body.addEventListener("pointerdown", () => {
  pinnedBefore = state.pinned;
});
body.addEventListener("click", (event) => {
  const spot = spotOf(event);
  state.pinned = same(pinnedBefore, spot) ? null : spot;
  renderFocus();
});
// Escape lets go where the pointer or the keyboard is, and everywhere if the keyboard is nowhere.
function letGo(event) {
  if (event.key !== "Escape" || !(event.target === document.body || root.matches(":hover, :focus-within"))) return;
  Object.assign(state, {pinned: null, hover: null});
  renderFocus();
}

// What listens outside the root does so only while the root is on the page: a cell that is run again drops its output
// without a word, and a notebook takes out what is scrolled away and puts it back later, perhaps in another theme.
let listening = null;

function listen() {
  listening = new AbortController();
  const signal = listening.signal;
  document.addEventListener("keydown", letGo, {capture: true, signal});
  for (const query of ["(prefers-color-scheme: dark)", "print"]) matchMedia(query).addEventListener("change", paint, {signal});
  const themes = new MutationObserver(paint);
  themes.observe(document.documentElement, {attributes: true, attributeFilter: ["data-theme"]});
  themes.observe(document.body, {attributes: true, attributeFilter: ["data-jp-theme-light"]});
  signal.addEventListener("abort", () => themes.disconnect());
  paint();
}

// A root that is taken out or hidden loses its size, of which its own observer tells, and which needs no release.
new ResizeObserver(() => {
  const seen = root.getClientRects().length > 0;
  if (seen && !listening) listen();
  if (seen) layout();
  else if (listening) {
    listening.abort();
    listening = null;
  }
}).observe(root);

// A saved page has stored what stood here: nothing of it stays but the style, the title and the script.
for (const part of [...root.children]) if (!part.matches("style, .mx-title, script")) part.remove();
const live = document.createDocumentFragment();
live.append(controls, el("div", {class: "mx-top"}, maps, side), body);
root.insertBefore(live, root.querySelector(":scope > script"));
render();
