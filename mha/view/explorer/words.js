// What is under the pointer or the keyboard, in a sentence: read aloud by a screen reader, seen by everyone.
function name(labels, position) {
  const same = count(labels.length).filter((i) => labels[i] === labels[position]);
  const again = same.length > 1 ? ` #${same.indexOf(position) + 1}` : "";
  return ["‘", bdi(labels[position]), "’" + again];
}

// links: [code, ...nodes] in the order of the sentence; the three largest, largest first.
function strongest(links) {
  return links.filter(([code]) => perMille(code) > 0).sort((a, b) => b[0] - a[0]).slice(0, 3)
    .flatMap(([code, ...nodes], n) => [n ? ", " : "", ...nodes, " " + percentText(code)]);
}

// What the strongest links leave out: the special tokens' share of all weight, or of the weight of the rows shown.
function taken(kind, shown, pick) {
  const labels = [...new Set(kind.special.k.map((j) => kind.k[j]))];
  if (!labels.length) return [];
  const names = labels.flatMap((label, n) => [n ? (n + 1 < labels.length ? ", " : " and ") : " ", bdi(label)]);
  const whose = shown.hide ? "the words’" : "all";
  return [...names, labels.length > 1 ? " take " : " takes ", `${percentText(kind.taken(pick, shown.hide))} of ${whose} weight.`];
}

function idleSentence(kind, shown, pick) {
  const links = [];
  count(kind.q.length).forEach((i) => count(kind.columns).forEach((j) => {
    if (kind.special.q.includes(i) || kind.special.k.includes(j) || (kind.self && i === j)) return;
    links.push([kind.at(pick, i, j), i, j]);
  }));
  const texts = strongest(links.sort((a, b) => b[0] - a[0]).slice(0, 3)
    .map(([code, i, j]) => [code, ...name(kind.q, i), " → ", ...name(kind.k, j)]));
  const ends = kind.hasSpecial ? "words" : "different tokens";
  return [...(texts.length ? [`Strongest links between ${ends}: `, ...texts, "."] : []), ...taken(kind, shown, pick)];
}

function sentence(kind, shown, pick, focus) {
  const words = [el("strong", null, `Layer ${pick[0]}, head ${pick[1]}`), ". "];
  const columns = shown.columns.filter((j) => j < kind.columns);
  const hidden = shown.columns.length > columns.length;
  if (focus.out === null && focus.into === null) return [...words, ...idleSentence(kind, shown, pick)];
  if (focus.pair && focus.pair[1] < kind.columns) {
    const [i, j] = focus.pair;
    words.push(...name(kind.q, i), " → ", ...name(kind.k, j), ` ${percentText(kind.at(pick, i, j))}. `);
  }
  if (focus.out !== null) {
    const seen = strongest(columns.map((j) => [kind.at(pick, focus.out, j), ...name(kind.k, j)]));
    words.push(...name(kind.q, focus.out), " looks at ", ...(seen.length ? seen : ["nothing shown"]));
    if (hidden) words.push(`; hidden weight: ${percentText(kind.at(pick, focus.out, kind.columns))}`);
    words.push(". ");
  }
  if (focus.into !== null) {
    const seen = strongest(shown.rows.map((i) => [kind.at(pick, i, focus.into), ...name(kind.q, i)]));
    words.push(...name(kind.k, focus.into), " is looked at by ", ...(seen.length ? seen : ["nothing shown"]), ".");
  }
  return words;
}
