// The whole: what is chosen, and which parts follow from it.
// The same explorer may stand twice on a page, so none has an id: each script takes the first root that waits for it.
// What marks a root as taken is no attribute, since a saved page would keep it and find every root taken.
const root = [...document.querySelectorAll(`.mha-explorer[data-key="${key}"]`)].find((one) => !one.explorerIsLive);
if (!root) return;
root.explorerIsLive = true;
const readings = [data.kinds.map(openKind)];
const kindsOf = (number) => (readings[number] ||= JSON.parse(more[number - 1]).map(openKind));
const kindNow = () => kindsOf(state.reading)[state.kind];
const letting = {pinned: null, hover: null, at: [1, 0]};
const state = {
  ...letting, reading: 0, kind: data.kind, picks: data.picks, active: data.picks.length - 1, difference: false, added: false,
  hide: false, anchor: null, why: false, sort: data.sort,
};
if (data.focus !== null) state.pinned = {by: "row", row: data.focus, column: null};
let spare = data.picks[1] || null;
let panels = [];
let views = [];
let overview = null;
let shown = null;
let pinnedBefore = null;
let pointer = [];
let palette = [];

const controls = el("div", {class: "mx-controls"});
const maps = el("div", {class: "mx-heads"});
const swatches = (letter) => el("ol", {class: "mx-" + letter}, ...count(10).map((n) => (
  el("li", null, el("i", {class: letter + n}), n ? String(TONES[n - 1] / 10) : "0"))));
const meaning = el("span");
const legend = el("div", {class: "mx-legend"}, meaning, swatches("t"), swatches("o"));
const status = el("div", {class: "mx-status"});
const aloud = el("div", {class: "mx-aloud", role: "status", "aria-live": "polite"});
const hint = el("p", {class: "mx-note"},
  "Point at a token, tap it, or walk through the map with the arrow keys. Esc lets go. Layers and heads count from 0.");
const side = el("div", {class: "mx-side"}, legend, status, aloud, hint);
const body = el("div", {class: "mx-panels"});
const tip = el("div", {class: "mx-tip", "aria-hidden": "true", hidden: true});
const why = channelTexts.length ? buildWhy((open) => {
  state.why = open;
  renderFocus();
}) : null;
const said = el("span", {class: "mx-note", "aria-live": "polite"});
const link = el("a", {class: "mx-link", href: "#", click: copyLink}, "Link to this view");
const foot = el("div", {class: "mx-foot"}, link, el("button", {type: "button", click: savePicture}, "Save as picture (SVG)"), said);

// What a spot lights up: the row whose lines leave, the column whose lines arrive, and the pair of a single cell.
function focusOf(spot) {
  const kind = kindNow();
  if (!spot || spot.by === "hidden") return {out: null, into: null, pair: null};
  const token = spot.by === "column" ? spot.column : spot.row;
  return {
    out: spot.by === "column" && !kind.self ? null : token,
    into: spot.by !== "column" && !kind.self ? null : token,
    pair: spot.by === "cell" ? [spot.row, spot.column] : null,
  };
}

function renderFocus() {
  const kind = kindNow();
  const focus = focusOf(state.hover || state.pinned);
  panels.forEach((panel, n) => {
    markMatrix(panel.matrix, shown, focus);
    drawLines(panel.lines, kind, shown, views[n], focus);
  });
  status.replaceChildren(...views.map((view) => el("p", null, ...sentence(kind, shown, view, focus))));
  // The sentence's box grows and does not shrink: else the map would slide away under the pointer that reads it.
  status.style.minHeight = status.offsetHeight + "px";
  aloud.replaceChildren(...views.flatMap((view) => spoken(kind, shown, view, focus, state.hover || state.pinned)));
  placeTip(tip, state.hover || state.pinned ? state.anchor : null, tipLines(kind, shown, views, focus));
  renderWhy(kind, focus);
  link.href = fragmentOf(state);
  said.textContent = "";
}

function look(news) {
  Object.assign(state, news);
  renderFocus();
}

function renderWhy(kind, focus) {
  if (!why || !state.why) return;
  const channels = channelsOf(state.reading, state.kind);
  const pick = state.picks[state.active];
  const view = viewOf(kind, pick, false);
  let pair = focus.pair && focus.pair[1] < kind.columns && !kind.forbids(...focus.pair) ? focus.pair : null;
  if (!pair && focus.out !== null) pair = [focus.out, shown.columns.filter((j) => j < kind.columns)
    .reduce((best, j) => (view.mille(focus.out, j) > view.mille(focus.out, best) ? j : best), 0)];
  if (!pair) pair = (strongestPairs(kind, view)[0] || [0, shown.rows[0], 0]).slice(1);
  drawWhy(why, kind, channels, pick, shown, pair, palette);
}

function buildPanel(n) {
  const kind = kindNow();
  const matrix = buildMatrix(kind, shown);
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
    const cell = event.target;
    const row = matrix.grid.findIndex((cells) => cells.includes(cell));
    state.at = [row, matrix.grid[row].indexOf(cell)];
    panels.forEach((panel) => placeKeyboard(panel.matrix, state.at));
    look({pinned: cell.spot, hover: null, anchor: cell});
  });
  const scroll = el("div", {class: "mx-scroll", tabindex: 0, role: "group"}, matrix.table);
  const title = el("span");
  const which = el("p", {class: "mx-which"}, el("b", {class: "mx-badge"}, views[n].signed ? "A − B" : "AB"[n]), title);
  body.append(el("div", null, ...(state.picks.length > 1 ? [which] : []), el("div", {class: "mx-panel"}, scroll, lines.node)));
  return {matrix, lines, scroll, title};
}

function fillPanel(n) {
  fillMatrix(panels[n].matrix, kindNow(), shown, views[n]);
  panels[n].scroll.setAttribute("aria-label", `Map of ${views[n].name.replace("Layer", "layer")}`);
  panels[n].title.textContent = views[n].name.replace("A − B: ", "");
}

function makeViews() {
  const kind = kindNow();
  views = state.picks.map((pick) => viewOf(kind, pick, state.added));
  if (state.difference && views.length > 1) views = [differenceOf(kind, ...views)];
}

// Another head in the maps that stand: what does not depend on it stays as it is.
function choose(n, pick) {
  state.picks = state.picks.map((old, m) => (m === n ? pick : old));
  state.active = n;
  makeViews();
  renderControls();
  fillPanel(panels.length > 1 ? n : 0);
  markOverview(overview, state.picks, state.active);
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
  const kind = kindNow();
  const kinds = kindsOf(state.reading);
  const two = state.picks.length > 1;
  const held = [...controls.querySelectorAll("select, input")].indexOf(document.activeElement);
  const parts = [];
  if (data.names.length > 1) parts.push(select("Sentence", data.names, state.reading, changeReading));
  if (kinds.length > 1) parts.push(select("Attention", kinds.map((one) => one.label), state.kind, changeKind));
  parts.push(...state.picks.map((_, n) => headFields(n, kind)));
  if (kind.layers * kind.heads > 1) parts.push(checkbox("Compare two heads", two, changeCompare));
  if (two) parts.push(checkbox("Difference A − B", state.difference, (on) => change({difference: on})));
  if (two) parts.push(select("Small maps choose", ["A", "B"], state.active, changeActive));
  if (kind.lengths) parts.push(select("Show", ["weight", "weight × value length"], Number(state.added), (n) => change({added: n === 1})));
  if (kind.hasSpecial) parts.push(checkbox("Hide special tokens", state.hide, changeHide));
  if (data.scores) parts.push(sortField());
  controls.replaceChildren(...parts);
  if (held >= 0) controls.querySelectorAll("select, input")[held]?.focus();
}

function change(news) {
  Object.assign(state, {anchor: null}, news);
  render();
}

function changeReading(value) {
  change({...letting, reading: value, hide: state.hide && kindsOf(value)[state.kind].hasSpecial});
}

function changeKind(value) {
  const kind = kindsOf(state.reading)[value];
  const picks = state.picks.map(([layer, head]) => [within(layer, kind.layers), within(head, kind.heads)]);
  change({...letting, kind: value, picks, hide: state.hide && kind.hasSpecial});
}

// The second head starts as the next one, or where it was left.
function changeCompare(on) {
  const {layers, heads} = kindNow();
  const [layer, head] = state.picks[0];
  const next = head + 1 < heads ? [layer, head + 1] : [(layer + 1) % layers, 0];
  if (!on) spare = state.picks[1];
  else if (!spare || spare[0] >= layers || spare[1] >= heads) spare = next;
  change({picks: on ? [state.picks[0], spare] : [state.picks[0]], active: on ? 1 : 0, difference: false});
}

function changeActive(value) {
  state.active = value;
  markOverview(overview, state.picks, value);
  renderFocus();
}

function changeHide(on) {
  change({...letting, hide: on});
}

function coloursOf(node) {
  const {backgroundColor, color} = getComputedStyle(node);
  return [backgroundColor, color];
}

function paint() {
  palette = [...legend.querySelectorAll("i")].map((swatch) => {
    const [red, green, blue] = coloursOf(swatch)[0].match(/[\d.]+/g).map(Number);
    return [red, green, blue, 255];
  });
  drawOverview(overview, kindNow(), shown, palette, state.added);
  renderWhy(kindNow(), focusOf(state.hover || state.pinned));
}

function savePicture() {
  const tones = Object.fromEntries([...legend.querySelectorAll("i")].map((swatch) => [swatch.className, coloursOf(swatch)]));
  const [card, ink] = coloursOf(root);
  const heading = [root.getAttribute("aria-label"), data.names[state.reading]].filter(Boolean).join(": ");
  const file = "attention-" + state.picks.map(([layer, head]) => `layer${layer}-head${head}`).join("-") + ".svg";
  save(pictureOf(kindNow(), shown, views, {card, ink, tones}, heading), file);
  said.textContent = "Saved as " + file;
}

// The link itself goes to the address bar; to the clipboard too, where a page may write there.
function copyLink() {
  const done = () => {
    said.textContent = "Link copied";
  };
  navigator.clipboard?.writeText(new URL(link.getAttribute("href"), location.href).href).then(done, () => null);
}

function followLink(scroll) {
  if (location.hash === fragmentOf(state)) return;
  const linked = stateOf(location.hash, kindsOf);
  if (!linked) return;
  change(linked);
  if (why) why.node.open = state.why;
  if (scroll) root.scrollIntoView();
}

function render() {
  const kind = kindNow();
  shown = visible(kind, state.hide);
  makeViews();
  overview = buildOverview(kind, (pick) => choose(state.active, pick));
  if (data.scores) sortHeads();
  maps.replaceChildren(overview.group);
  markOverview(overview, state.picks, state.active);
  renderControls();
  meaning.textContent = views[0].signed ? "Difference in points, from" : state.added ? "Share in percent, from" : "Weight in percent, from";
  root.classList.toggle("mx-signed", views[0].signed);
  body.replaceChildren();
  panels = [];
  panels = views.map((_, n) => buildPanel(n));
  views.forEach((_, n) => fillPanel(n));
  paint();
  layout();
  renderFocus();
}

const spotOf = (event) => (event.target.closest("th, td, li") || {}).spot || null;
const same = (a, b) => Boolean(a && b) && a.by === b.by && a.row === b.row && a.column === b.column;
const field = el("div", null, body, ...(why ? [why.node] : []));
field.addEventListener("pointerover", (event) => {
  // A pointer that rests while the map moves under it says nothing: the keyboard's choice stays.
  if (event.screenX === pointer[0] && event.screenY === pointer[1]) return;
  pointer = [event.screenX, event.screenY];
  state.hover = spotOf(event);
  if (state.hover) state.anchor = event.target.closest("th, td, li");
  renderFocus();
});
field.addEventListener("pointerleave", () => {
  look({hover: null, anchor: null});
});
field.addEventListener("pointerdown", () => {
  pinnedBefore = state.pinned;
});
field.addEventListener("click", (event) => {
  if (event.target.closest("summary")) return;
  const spot = spotOf(event);
  look({pinned: same(pinnedBefore, spot) ? null : spot, anchor: event.target.closest("th, td, li")});
});
// Escape lets go where the pointer or the keyboard is, and everywhere if the keyboard is nowhere.
function letGo(event) {
  if (event.key !== "Escape" || !(event.target === document.body || root.matches(":hover, :focus-within"))) return;
  look({pinned: null, hover: null, anchor: null});
}

// What listens outside the root does so only while the root is on the page: a cell that is run again drops its output
// without a word, and a notebook takes out what is scrolled away and puts it back later, perhaps in another theme.
let listening = null;

function listen() {
  listening = new AbortController();
  const signal = listening.signal;
  document.addEventListener("keydown", letGo, {capture: true, signal});
  addEventListener("hashchange", () => followLink(true), {signal});
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint, {signal});
  matchMedia("print").addEventListener("change", () => { layout(); paint(); }, {signal}); // paper is narrower
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
live.append(controls, el("div", {class: "mx-top"}, maps, side), field, foot, tip);
root.insertBefore(live, root.querySelector(":scope > script"));
render();
followLink(true);
