// The data, read: see codec.py for the code of a weight. `at` gives a code; n_keys as column gives the hidden ones' sum.
// `taken` gives the special tokens' share of a head's weight.
const ALPHABET = count(94).map((i) => String.fromCharCode(33 + i)).filter((c) => !'"&<\\'.includes(c)).join("");
const SHORT = 78;
const TONES = [5, 20, 50, 100, 200, 350, 500, 700, 900];

function decode(kind, length) {
  const two = (text, at) => ALPHABET.indexOf(text[at]) * ALPHABET.length + ALPHABET.indexOf(text[at + 1]);
  const levels = count(kind.levels.length / 2).map((place) => two(kind.levels, 2 * place));
  const codes = new Uint16Array(length);
  for (let i = 0, at = 0; i < length; i++, at++) {
    let place = ALPHABET.indexOf(kind.codes[at]);
    if (place >= SHORT) place = two(kind.codes, at++) - SHORT * ALPHABET.length + SHORT;
    codes[i] = levels[place];
  }
  return codes;
}

const perCent = (code) => Math.floor((code + 5) / 11);
const perMille = (code) => code - perCent(code);
const tone = (code) => TONES.filter((step) => perMille(code) >= step).length;
const percentNumber = (code) => (perMille(code) / 10).toFixed(1);
const percentText = (code) => percentNumber(code) + "\u00a0%";

function openKind(kind) {
  const [layers, heads, rows, columns] = kind.shape;
  const all = layers * heads * rows * (columns + 1);
  const codes = decode(kind, all + 2 * layers * heads);
  return {
    ...kind,
    k: kind.k || kind.q,
    layers,
    heads,
    columns,
    hasSpecial: kind.special.q.length + kind.special.k.length > 0,
    at: (pick, row, column) => codes[((pick[0] * heads + pick[1]) * rows + row) * (columns + 1) + column],
    taken: (pick, hide) => codes[all + 2 * (pick[0] * heads + pick[1]) + Number(hide)],
  };
}

// The positions to draw: {rows, columns, hide}, where the last column may be the one of the hidden weight.
function visible(kind, hide) {
  const left = (labels, special) => count(labels.length).filter((i) => !hide || !special.includes(i));
  const columns = left(kind.k, kind.special.k);
  if (columns.length < kind.columns) columns.push(kind.columns);
  return {rows: left(kind.q, kind.special.q), columns, hide};
}
