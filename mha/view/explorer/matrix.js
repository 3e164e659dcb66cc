// The large map: a table with the roles of a grid, so that arrow keys walk from cell to cell.
// Each cell knows its spot: {by: "row" | "column" | "cell", row, column}, positions in the sentence or null.
const STEPS = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]};
const HIDDEN = "hidden";

function buildMatrix(kind, shown, pick) {
  const table = el("table", {class: "mx-map", role: "grid"});
  table.dataset.lmSuppressShortcuts = "true";
  table.append(el("caption", null, el("span", null, "How much each row’s token looks at each column’s token, in percent.")));
  const header = (scope, text, spot) => {
    const cell = el("th", {scope, title: text, tabindex: -1}, bdi(text));
    cell.spot = spot;
    return cell;
  };
  const top = shown.columns.map((j) => (j === kind.columns
    ? header("col", HIDDEN, {by: "hidden", row: null, column: j})
    : header("col", kind.k[j], {by: "column", row: null, column: j})));
  const grid = [[el("td", {class: "mx-corner"}), ...top]];
  for (const i of shown.rows) {
    const cells = shown.columns.map((j) => {
      const code = kind.at(pick, i, j);
      const cell = el("td", {class: "t" + tone(code), tabindex: -1}, String(perCent(code)));
      if (j === kind.columns) cell.classList.add("mx-rest");
      cell.spot = {by: "cell", row: i, column: j};
      return cell;
    });
    grid.push([header("row", kind.q[i], {by: "row", row: i, column: null}), ...cells]);
  }
  const rows = grid.map((cells) => el("tr", null, ...cells));
  table.append(el("thead", null, rows[0]), el("tbody", null, ...rows.slice(1)));
  return {table, grid};
}

// at: [row, column] in the grid, where the keyboard enters the table.
function placeKeyboard(matrix, at) {
  for (const cell of matrix.grid.flat()) if (cell.tabIndex === 0) cell.tabIndex = -1;
  matrix.grid[at[0]][at[1]].tabIndex = 0;
}

// Where a key leads from a cell, or null if it is none of ours. The corner holds nothing:
// the way leads past it, from the first row's header to the first column's and back.
function walk(matrix, at, event) {
  const last = [matrix.grid.length - 1, matrix.grid[0].length - 1];
  let [row, column] = at;
  if (event.key in STEPS) {
    row = Math.min(Math.max(row + STEPS[event.key][0], 0), last[0]);
    column = Math.min(Math.max(column + STEPS[event.key][1], 0), last[1]);
  } else if (event.key === "Home") [row, column] = event.ctrlKey ? [1, 0] : [row, 0];
  else if (event.key === "End") [row, column] = event.ctrlKey ? last : [row, last[1]];
  else return null;
  if (row + column > 0) return [row, column];
  return at[0] === 0 ? [1, 0] : [0, 1];
}

function markMatrix(matrix, focus) {
  matrix.grid.forEach((cells) => cells.forEach((cell) => {
    const spot = cell.spot;
    if (!spot) return;
    const inRow = focus.out !== null && spot.row === focus.out;
    const inColumn = focus.into !== null && spot.column === focus.into;
    cell.classList.toggle("mx-out", inRow);
    cell.classList.toggle("mx-in", inColumn);
    cell.classList.toggle("mx-pair", Boolean(focus.pair) && spot.row === focus.pair[0] && spot.column === focus.pair[1]);
  }));
}
