/* Text into tokens, as each model was trained on it: words and their pieces, or the atoms and bonds of a reaction. */
"use strict";

const SPECIAL = /(\[(?:PAD|UNK|CLS|SEP|MASK)\])/;
const REMOVED = /[\0\uFFFD]|(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu;
const IDEOGRAPHS = new RegExp("[\\u4E00-\\u9FFF\\u3400-\\u4DBF\\uF900-\\uFAFF\\u{20000}-\\u{2A6DF}" +
  "\\u{2A700}-\\u{2B81F}\\u{2B920}-\\u{2CEAF}\\u{2F800}-\\u{2FA1F}]", "gu");
const PUNCTUATION = /([!-/:-@[-`{-~\p{P}])/u;
const LONGEST_WORD = 100; // characters; BERT knows no longer one

// What counts as an atom is what stands in square brackets, or a letter that SMILES lets stand without.
const ATOM = /^(?:\[[^\]]+\]|Br|Cl|[BCNOSPFIbcnops])$/;
const REACTION_TOKEN = /(\[[^\]]+\]|Br|Cl|[BCNOSPFIbcnops]|>>|>|%[0-9]{2}|[0-9()./\\=#+:~@?*$-])/;
const ELEMENT = /^\[?\d*([A-Z][a-z]?|[a-z]{1,2}|\*)/;

class Vocabulary {
  constructor(text) {
    this.tokens = text.split("\n");
    this.ids = new Map(this.tokens.map((token, id) => [token, id]));
  }

  /* Tokens with [CLS] and [SEP] around them, what they stand for, their ids, and how many a limit left out. */
  wrap(found, longest) {
    const pieces = ["[CLS]", ...found.slice(0, longest - 2), "[SEP]"], cut = found.length - pieces.length + 2;
    const tokens = pieces.map(piece => (this.ids.has(piece) ? piece : "[UNK]"));
    const ids = Int32Array.from(tokens, token => this.ids.get(token));
    return {tokens, pieces, ids, cut, unknown: tokens.filter(token => token === "[UNK]").length};
  }
}

/* BERT's normalisation and punctuation: each word or sign of a text, in lower case and without accents. The tables of a
   browser are newer than those that Python's library has: some 650 marks of rare scripts, added after 2016, differ. */
function words(text) {
  return text
    .replace(REMOVED, "")
    .replace(IDEOGRAPHS, " $& ")
    .normalize("NFD")
    .replace(/\p{Mn}/gu, "")
    .replace(/./gsu, letter => letter.toLowerCase()) // each alone: BERT knows no final sigma
    .split(/\s+/)
    .flatMap(word => word.split(PUNCTUATION))
    .filter(Boolean);
}

/* The longest piece that the vocabulary has, and again from there on; the word itself where it does not come out. */
function* pieces(word, ids) {
  const letters = [...word];
  if (letters.length > LONGEST_WORD) return yield word;
  const found = [];
  for (let start = 0, end; start < letters.length; start = end) {
    const prefix = start ? "##" : "";
    for (end = letters.length; end > start; end--) {
      if (ids.has(prefix + letters.slice(start, end).join(""))) break;
    }
    if (end === start) return yield word;
    found.push(prefix + letters.slice(start, end).join(""));
  }
  yield* found;
}

function sentenceTokens(text, vocabulary) {
  return text.split(SPECIAL).flatMap(part =>
    SPECIAL.test(part) ? [part] : words(part).flatMap(word => [...pieces(word, vocabulary.ids)]));
}

/* What the grammar does not know stays, a stretch of it at a time: a token that the vocabulary lacks. */
const reactionTokens = text => text.split(REACTION_TOKEN).filter(Boolean);

/* The atoms on both sides of the arrow, in the order of the text; none if there is not exactly one arrow. */
function atoms(pieces) {
  const arrow = pieces.indexOf(">>");
  if (arrow < 0 || pieces.indexOf(">>", arrow + 1) >= 0) return [];
  return pieces.flatMap((text, token) => {
    if (SPECIAL.test(text) || !ATOM.test(text)) return [];
    const [, letters] = ELEMENT.exec(text) ?? [null, text];
    const element = letters[0].toUpperCase() + letters.slice(1);
    return [{token, element, side: token < arrow ? "reactant" : "product"}];
  });
}

/* For each atom of the product the reactants' atom of its element that one head ties it to most, both ways added. */
function mapAtoms(found, weights, length) {
  const before = found.filter(atom => atom.side === "reactant");
  return found.filter(atom => atom.side === "product").map(({token: product, element}) => {
    const best = {product, reactant: -1, weight: 0};
    for (const {token: reactant, element: other} of before) {
      const weight = weights[product * length + reactant] + weights[reactant * length + product];
      if (other === element && (weight > best.weight || best.reactant < 0)) Object.assign(best, {reactant, weight});
    }
    return best;
  });
}
