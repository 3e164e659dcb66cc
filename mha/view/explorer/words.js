// What is under the pointer or the keyboard, in sentences: beside it, and in a region that a screen reader reads aloud.
function name(labels, position) {
  const same = count(labels.length).filter((i) => labels[i] === labels[position]);
  const again = same.length > 1 ? ` #${same.indexOf(position) + 1}` : "";
  return ["‘", bdi(labels[position]), "’" + again];
}

const unit = (view) => (view.signed ? "" : "\u00a0%");
const bySize = (a, b) => Math.abs(b[0]) - Math.abs(a[0]);

// links: [mille, ...nodes] in the order of the sentence; the three largest, largest first.
function strongest(view, links) {
  return links.filter(([mille]) => mille).sort(bySize).slice(0, 3)
    .flatMap(([mille, ...nodes], n) => [n ? ", " : "", ...nodes, " " + view.text(mille) + unit(view)]);
}

// What the strongest links leave out: the special tokens' share of all weight, or of the weight of the rows shown.
function taken(kind, shown, pick) {
  const labels = [...new Set(kind.special.k.map((j) => kind.k[j]))];
  if (!labels.length) return [];
  const names = labels.flatMap((label, n) => [n ? (n + 1 < labels.length ? ", " : " and ") : " ", bdi(label)]);
  const whose = shown.hide ? "the words’" : "all";
  const share = decimal(perMille(kind.taken(pick, shown.hide)));
  return [...names, labels.length > 1 ? " take " : " takes ", `${share}\u00a0% of ${whose} weight.`];
}

function strongestPairs(kind, view) {
  const links = [];
  count(kind.rows).forEach((i) => count(kind.columns).forEach((j) => {
    if (kind.special.q.includes(i) || kind.special.k.includes(j) || (kind.self && i === j)) return;
    links.push([view.mille(i, j), i, j]);
  }));
  return links.sort(bySize).slice(0, 3);
}

function idleSentence(kind, shown, view) {
  const texts = strongest(view, strongestPairs(kind, view)
    .map(([mille, i, j]) => [mille, ...name(kind.q, i), " → ", ...name(kind.k, j)]));
  const ends = kind.hasSpecial ? "words" : "different tokens";
  const what = view.signed ? "Largest differences" : view.added ? "Most is added" : "Strongest links";
  const rest = view.signed || view.added ? [] : taken(kind, shown, view.pick);
  return [...(texts.length ? [`${what} between ${ends}: `, ...texts, "."] : []), ...rest];
}

// The pair's own numbers: the weight and, where it was observed, what comes of it.
function pairSentence(kind, view, [i, j]) {
  const start = [...name(kind.q, i), " → ", ...name(kind.k, j), " "];
  if (kind.forbids(i, j)) return [...start, "masked: a later token. "];
  if (view.signed) return [...start, withSign(view.mille(i, j)), " points. "];
  const weight = decimal(perMille(kind.at(view.pick, i, j))) + "\u00a0%";
  if (!kind.lengths) return [...start, weight, ". "];
  const added = decimal(perMille(kind.addedAt(view.pick, i, j)));
  return [...start, weight, `, times value length ${kind.length(view.pick, j)}: ${added}\u00a0% of what is added. `];
}

// The parts of what is said of a focus: of the pair, of the row that looks, of the column that is looked at.
function partsOf(kind, shown, view, focus) {
  const columns = shown.columns.filter((j) => j < kind.columns);
  const [looks, looked] = view.signed ? [" differs at ", " differs for "]
    : view.added ? [" gets from ", " gives to "] : [" looks at ", " is looked at by "];
  const list = (links) => {
    const seen = strongest(view, links);
    return seen.length ? seen : ["nothing shown"];
  };
  const parts = {pair: [], out: [], into: []};
  if (focus.pair && focus.pair[1] < kind.columns) parts.pair = pairSentence(kind, view, focus.pair);
  if (focus.out !== null) {
    const links = columns.map((j) => [view.mille(focus.out, j), ...name(kind.k, j)]);
    const rest = columns.length < shown.columns.length
      ? `; hidden weight: ${view.text(view.mille(focus.out, kind.columns))}${unit(view)}` : "";
    parts.out = [...name(kind.q, focus.out), looks, ...list(links), rest, ". "];
  }
  if (focus.into !== null) {
    const links = shown.rows.map((i) => [view.mille(i, focus.into), ...name(kind.q, i)]);
    parts.into = [...name(kind.k, focus.into), looked, ...list(links), "."];
  }
  return parts;
}

function sentence(kind, shown, view, focus) {
  const {pair, out, into} = partsOf(kind, shown, view, focus);
  const idle = focus.out === null && focus.into === null;
  const words = idle ? idleSentence(kind, shown, view) : [...pair, ...out, ...into];
  return [el("strong", null, view.signed ? "A − B" : view.name), ". ", ...words];
}

// What a screen reader says at each key, which has read the cell itself: a pair's number; a row's or column's strongest
// three; of a head that was chosen its strongest link.
function spoken(kind, shown, view, focus, spot) {
  const {pair, out, into} = partsOf(kind, shown, view, focus);
  const badge = view.signed ? "A − B. " : "";
  if (pair.length) return [badge, ...pairSentence({...kind, lengths: null}, view, focus.pair)];
  if (out.length || into.length) return [badge, ...(out.length && spot.by !== "column" ? out : into)];
  const first = strongestPairs(kind, view).slice(0, 1)
    .map(([mille, i, j]) => [mille, ...name(kind.q, i), " → ", ...name(kind.k, j)]);
  return [view.name, ". ", ...strongest(view, first), " "];
}

// Beside the pointer the same, shorter: the pair, and where its row looks; of two heads the pair alone.
function tipLines(kind, shown, views, focus) {
  return views.map((view, n) => {
    const {pair, out, into} = partsOf(kind, shown, view, focus);
    const badge = views.length > 1 ? [el("b", {class: "mx-badge"}, "AB"[n])] : [];
    const words = pair.length ? [pair, views.length > 1 ? [] : out] : [out, into];
    return el("p", null, ...badge, ...words.flat());
  });
}

// Below what is pointed at, above it where there is no room, never past an edge.
function placeTip(tip, anchor, words) {
  tip.hidden = !anchor;
  if (!anchor) return;
  tip.replaceChildren(...words);
  const home = root.getBoundingClientRect();
  const spot = anchor.getBoundingClientRect();
  const left = within(spot.left - home.left + 12, Math.max(home.width - tip.offsetWidth - 6, 1));
  const below = spot.bottom + tip.offsetHeight + 12 < innerHeight;
  const top = below ? spot.bottom - home.top + 6 : spot.top - home.top - tip.offsetHeight - 6;
  Object.assign(tip.style, {left: left + "px", top: top + "px"});
}
