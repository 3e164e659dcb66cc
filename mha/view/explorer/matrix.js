// The large map: a table with the roles of a grid, so that arrow keys walk from cell to cell. Its rows are no table rows to
// the browser (explorer.css), which takes a third less time to draw another head, so each cell names its role.
// Each cell knows its spot: {by: "row" | "column" | "cell", row, column}, positions in the sentence or null.
const STEPS = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]};
const HIDDEN = "hidden";
const CAPTIONS = {
  plain: "How much each row’s token looks at each column’s token, in percent.",
  added: "What each column’s token adds to each row’s, weight times length of the value, in percent of the row.",
  signed: "Blue: more in A. Orange: more in B. In percentage points.",
};

function buildMatrix(kind, shown) {
  const table = el("table", {class: "mx-map", role: "grid"});
  const caption = el("span");
  table.dataset.lmSuppressShortcuts = "true";
  table.style.setProperty("--columns", shown.columns.length);
  table.append(el("caption", null, caption));
  const at = (cell, by, row, column) => Object.assign(cell, {spot: {by, row, column}});
  // No label: the column of the hidden tokens.
  const header = (side, label, row, column) => {
    const text = label ?? HIDDEN;
    const cell = el("th", {scope: side.slice(0, 3), role: side + "header", title: text, tabindex: -1}, bdi(text));
    return at(cell, label === undefined ? HIDDEN : side, row, column);
  };
  const grid = [[el("td"), ...shown.columns.map((j) => header("column", kind.k[j], null, j))]];
  for (const i of shown.rows) {
    const cells = shown.columns.map((j) => at(el("td", {role: "gridcell", tabindex: -1}, ""), "cell", i, j));
    grid.push([header("row", kind.q[i], i, null), ...cells]);
  }
  const rows = grid.map((cells) => el("tr", {role: "row"}, ...cells));
  table.append(el("thead", null, rows[0]), el("tbody", null, ...rows.slice(1)));
  return {table, grid, caption, marked: [], entry: null};
}

// Another head in the same cells: only what differs is written.
function fillMatrix(matrix, kind, shown, view) {
  shown.rows.forEach((i, y) => shown.columns.forEach((j, x) => {
    const cell = matrix.grid[y + 1][x + 1];
    const text = view.cent(i, j);
    const tone = view.tone(i, j) + (j === kind.columns ? " mx-rest" : "");
    if (cell.firstChild.data !== text) cell.firstChild.data = text;
    if (cell.className !== tone) cell.className = tone;
  }));
  matrix.marked = [];
  matrix.caption.textContent = CAPTIONS[view.signed ? "signed" : view.added ? "added" : "plain"];
}

// at: [row, column] in the grid, where the keyboard enters the table.
function placeKeyboard(matrix, at) {
  if (matrix.entry) matrix.entry.tabIndex = -1;
  matrix.entry = matrix.grid[at[0]][at[1]];
  matrix.entry.tabIndex = 0;
}

// Where a key leads from a cell, or null if it is none of ours. The corner holds nothing:
// the way leads past it, from the first row's header to the first column's and back.
function walk(matrix, at, event) {
  const last = [matrix.grid.length - 1, matrix.grid[0].length - 1];
  let [row, column] = at;
  if (event.key in STEPS) {
    row = within(row + STEPS[event.key][0], last[0] + 1);
    column = within(column + STEPS[event.key][1], last[1] + 1);
  } else if (event.key === "Home") [row, column] = event.ctrlKey ? [1, 0] : [row, 0];
  else if (event.key === "End") [row, column] = event.ctrlKey ? last : [row, last[1]];
  else return null;
  if (row + column > 0) return [row, column];
  return at[0] === 0 ? [1, 0] : [0, 1];
}

function markMatrix(matrix, shown, focus) {
  for (const cell of matrix.marked) cell.classList.remove("mx-out", "mx-in", "mx-pair");
  const row = focus.out === null ? -1 : shown.rows.indexOf(focus.out);
  const column = focus.into === null ? -1 : shown.columns.indexOf(focus.into);
  const cells = {
    "mx-out": row < 0 ? [] : matrix.grid[row + 1],
    "mx-in": column < 0 ? [] : matrix.grid.map((line) => line[column + 1]),
    "mx-pair": focus.pair ? [cellOf(matrix, shown, focus.pair)].filter(Boolean) : [],
  };
  for (const [name, all] of Object.entries(cells)) for (const cell of all) cell.classList.add(name);
  matrix.marked = Object.values(cells).flat();
}

function cellOf(matrix, shown, [i, j]) {
  return (matrix.grid[shown.rows.indexOf(i) + 1] || [])[shown.columns.indexOf(j) + 1];
}
