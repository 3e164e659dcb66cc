// The data, read: see codec.py for the code of a weight. `at` gives a code; n_keys as column gives the hidden ones' sum.
// `taken` gives the special tokens' share of a head's weight.
const ALPHABET = count(94).map((i) => String.fromCharCode(33 + i)).filter((c) => !'"&<\\'.includes(c)).join("");
const SHORT = 78;
const TONES = [5, 20, 50, 100, 200, 350, 500, 700, 900];

const two = (text, at) => ALPHABET.indexOf(text[at]) * ALPHABET.length + ALPHABET.indexOf(text[at + 1]);

function decode(kind, length) {
  const levels = count(kind.levels.length / 2).map((place) => two(kind.levels, 2 * place));
  const places = new Map([...ALPHABET].map((letter, place) => [letter, place]));
  const codes = new Uint16Array(length);
  for (let i = 0, at = 0; i < length; i++, at++) {
    let place = places.get(kind.codes[at]);
    if (place >= SHORT) place = (place - SHORT) * ALPHABET.length + places.get(kind.codes[++at]) + SHORT;
    codes[i] = levels[place];
  }
  return codes;
}

const perCent = (code) => Math.floor((code + 5) / 11);
const perMille = (code) => code - perCent(code);
const toCode = (share) => Math.round(1000 * share) + Math.round(100 * share);
const toneOf = (mille) => TONES.filter((step) => mille >= step).length;
const TONE_OF_CODE = Uint8Array.from(count(1101), (code) => toneOf(perMille(code)));
const decimal = (mille) => (Math.abs(mille) / 10).toFixed(1);
const withSign = (mille) => (mille > 0 ? "+" : mille < 0 ? "−" : "") + decimal(mille);

function openKind(kind) {
  const [layers, heads, rows, columns] = kind.shape;
  const all = layers * heads * rows * (columns + 1);
  const codes = kind.levels ? decode(kind, all + 2 * layers * heads) : kind.codes;
  const place = (pick) => pick[0] * heads + pick[1];
  const opened = {
    ...kind,
    k: kind.k || kind.q,
    layers,
    heads,
    rows,
    columns,
    place,
    hasSpecial: kind.special.q.length + kind.special.k.length > 0,
    at: (pick, row, column) => codes[(place(pick) * rows + row) * (columns + 1) + column],
    taken: (pick, hide) => codes[all + 2 * place(pick) + Number(hide)],
    forbids: (row, column) => kind.causal && column > row && column < columns,
    length: (pick, column) => kind.lengths[place(pick) * columns + column],
  };
  const tables = new Map();
  opened.addedAt = (pick, row, column) => {
    if (!tables.has(place(pick))) tables.set(place(pick), addedTable(opened, pick));
    return tables.get(place(pick))[row * (columns + 1) + column];
  };
  return opened;
}

// What a key adds to the output is its weight times its value's length; here as a share of the row's sum of those.
function addedTable(kind, pick) {
  const table = new Uint16Array(kind.rows * (kind.columns + 1));
  for (let row = 0; row < kind.rows; row++) {
    const parts = count(kind.columns).map((j) => perMille(kind.at(pick, row, j)) * kind.length(pick, j));
    const sum = parts.reduce((a, b) => a + b, 0) || 1;
    const hidden = kind.special.k.reduce((a, j) => a + parts[j], 0);
    [...parts, hidden].forEach((part, j) => {
      table[row * (kind.columns + 1) + j] = toCode(part / sum);
    });
  }
  return table;
}

// A view is what a map shows: thousandths, whole percents and the colour's class of each pair. Signed: a difference.
function viewOf(kind, pick, added) {
  const at = added ? kind.addedAt : kind.at;
  return {
    name: `Layer ${pick[0]}, head ${pick[1]}`,
    pick,
    added,
    signed: false,
    mille: (i, j) => perMille(at(pick, i, j)),
    cent: (i, j) => String(perCent(at(pick, i, j))),
    tone: (i, j) => (kind.forbids(i, j) ? "mx-no" : "t" + TONE_OF_CODE[at(pick, i, j)]),
    text: (mille) => decimal(mille),
  };
}

function differenceOf(kind, a, b) {
  const mille = (i, j) => a.mille(i, j) - b.mille(i, j);
  const cent = (i, j) => Math.round(Math.abs(mille(i, j)) / 10) * Math.sign(mille(i, j));
  const tone = (n) => (n < 0 ? (toneOf(-n) ? "o" + toneOf(-n) : "t0") : "t" + toneOf(n));
  return {
    name: `A − B: ${a.name} minus ${b.name[0].toLowerCase()}${b.name.slice(1)}`,
    pick: a.pick,
    added: a.added,
    signed: true,
    mille,
    cent: (i, j) => String(cent(i, j)).replace("-", "−"),
    tone: (i, j) => (kind.forbids(i, j) ? "mx-no" : tone(mille(i, j))),
    text: withSign,
  };
}

// The positions to draw: {rows, columns, hide}, where the last column may be the one of the hidden weight.
function visible(kind, hide) {
  const left = (labels, special) => count(labels.length).filter((i) => !hide || !special.includes(i));
  const columns = left(kind.k, kind.special.k);
  if (columns.length < kind.columns) columns.push(kind.columns);
  return {rows: left(kind.q, kind.special.q), columns, hide};
}
