/* The search page: looks through sections.js (finding.py) and leads to sections, terms and sources, with an excerpt. */
(() => {
  "use strict";

  const MOST = 50, BEFORE = 70, AFTER = 150;
  const POINTS = { exact: 60, title: 20, phrase: 10, page: 4, text: 3, code: 1 };

  // A word is found where one begins with its stem: "masks" finds "mask", "masking" and attn_mask.
  function pattern(word) {
    const small = word.toLowerCase(), stem = new Stemmer().stemWord(small);
    let same = 0;
    while (same < stem.length && stem[same] === small[same]) same += 1;
    const start = same >= 3 ? small.slice(0, same) : small;
    const end = small.length < 3 ? "(?![\\p{L}\\p{N}])" : "[\\p{L}\\p{N}]*"; // "t5" and "b" are whole words
    return new RegExp(`(?<![\\p{L}\\p{N}])${start}${end}`, "giu");
  }

  function count(text, found) {
    return (text.match(found) ?? []).length;
  }

  function points([page, , title, text, code], patterns, query) {
    let sum = 0, hits = 0;
    for (const found of patterns) {
      const inText = count(text, found), inCode = count(code, found);
      const of = POINTS.title * (count(title, found) > 0) + POINTS.page * (count(bookPlaces.titles[page], found) > 0)
        + (inText > 0 ? POINTS.text + Math.min(inText, 4) : 0) + POINTS.code * (inCode > 0);
      sum += of;
      hits += of > 0;
    }
    if (title.toLowerCase() === query) sum += POINTS.exact;
    if (patterns.length > 1 && `${title} ${text}`.toLowerCase().includes(query)) sum += POINTS.phrase;
    return { hits, sum };
  }

  function search(query) {
    const all = query.match(/[\p{L}\p{N}]+/gu) ?? [];
    const telling = all.filter((word) => !stopwords.includes(word.toLowerCase()));
    const patterns = (telling.length ? telling : all).map(pattern);
    const found = bookPlaces.places.map((place) => ({ place, ...points(place, patterns, query.toLowerCase()) }));
    const most = Math.max(0, ...found.map((one) => one.hits)); // every word if some place has them all
    const best = found.filter((one) => one.hits > 0 && one.hits === most).sort((a, b) => b.sum - a.sum);
    return { patterns, best };
  }

  // Text nodes and marks; nothing of what is searched is read as HTML.
  function marked(text, patterns) {
    const any = new RegExp(patterns.map((one) => one.source).join("|"), "giu");
    const pieces = [];
    let end = 0;
    for (const hit of text.matchAll(any)) {
      const mark = document.createElement("mark");
      mark.textContent = hit[0];
      pieces.push(text.slice(end, hit.index), mark);
      end = hit.index + hit[0].length;
    }
    return [...pieces, text.slice(end)];
  }

  function excerpt([, , , text, code], patterns) {
    const source = patterns.some((one) => count(text, one)) ? text : patterns.some((one) => count(code, one)) ? code : text;
    const first = Math.min(...patterns.map((one) => source.search(one)).filter((at) => at >= 0), source.length);
    const at = first === source.length ? 0 : first;
    const from = at > BEFORE ? source.indexOf(" ", at - BEFORE) + 1 : 0;
    const to = at + AFTER < source.length ? source.lastIndexOf(" ", at + AFTER) : source.length;
    return `${from ? "… " : ""}${source.slice(from, Math.max(to, at))}${to < source.length ? " …" : ""}`;
  }

  function show({ place, place: [page, anchor, title] }, patterns) {
    const item = document.createElement("li"), link = document.createElement("a");
    link.href = `${page}.html${anchor ? `#${anchor}` : ""}`;
    link.textContent = title || bookPlaces.titles[page];
    item.append(link);
    if (title && title !== bookPlaces.titles[page]) {
      const where = document.createElement("span");
      where.className = "where";
      where.textContent = ` in ${bookPlaces.titles[page]}`;
      item.append(where);
    }
    const said = document.createElement("p");
    said.append(...marked(excerpt(place, patterns), patterns));
    item.append(said);
    return item;
  }

  const box = document.getElementById("search-results");
  const query = (new URLSearchParams(location.search).get("q") ?? "").trim();
  for (const field of document.querySelectorAll("form.bd-search input")) field.value = query;
  if (!query) return;
  const { patterns, best } = search(query);
  const said = document.createElement("p"), list = document.createElement("ol");
  said.setAttribute("role", "status");
  const shown = best.length > MOST ? `, the first ${MOST} shown` : "";
  said.textContent = best.length ? `${best.length} place${best.length > 1 ? "s" : ""} found${shown}.` : `Nothing found for “${query}”.`;
  list.append(...best.slice(0, MOST).map((one) => show(one, patterns)));
  box.replaceChildren(said, list);
})();
