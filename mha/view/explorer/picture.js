// The maps that are shown, as a drawing of their own: one file, in the colours of the page.
function pictureOf(kind, shown, views, colours, heading) {
  const size = 26;
  const wide = (labels) => Math.min(16 + 7.5 * Math.max(...labels.map((label) => label.length)), 130);
  const [left, top] = [wide(shown.rows.map((i) => kind.q[i])), 52 + wide(shown.columns.map((j) => kind.k[j] || HIDDEN))];
  const width = left + shown.columns.length * size + 20;
  const height = top + shown.rows.length * size + 40;
  const text = (x, y, words, more) => svg("text", {x, y, fill: colours.ink, "font-size": 12, ...more}, words);
  const cut = (label) => (label.length > 16 ? label.slice(0, 15) + "…" : label);
  const picture = svg("svg", {
    xmlns: SVG, width: width * views.length, height, viewBox: `0 0 ${width * views.length} ${height}`,
    "font-family": "system-ui, sans-serif",
  }, svg("rect", {width: "100%", height: "100%", fill: colours.card}), text(8, 20, heading, {"font-size": 14}));
  views.forEach((view, n) => {
    const map = svg("g", {transform: `translate(${n * width} 0)`}, text(8, 42, view.name, {"font-weight": 700}));
    shown.columns.forEach((j, x) => {
      const at = left + (x + 0.5) * size + 4;
      map.append(text(at, top - 6, cut(kind.k[j] || HIDDEN), {transform: `rotate(-90 ${at} ${top - 6})`}));
    });
    shown.rows.forEach((i, y) => {
      map.append(text(left - 6, top + (y + 0.65) * size, cut(kind.q[i]), {"text-anchor": "end"}));
      shown.columns.forEach((j, x) => map.append(...cellPicture(view, i, j, left + x * size, top + y * size, size - 1, colours)));
    });
    const caption = view.signed ? "A − B, percentage points" : view.added ? "weight × value length, % of the row" : "weight, %";
    map.append(text(left, height - 16, `Rows look at columns: ${caption}.`));
    picture.append(map);
  });
  return picture;
}

function cellPicture(view, i, j, x, y, size, colours) {
  const tone = view.tone(i, j);
  const [ground, ink] = colours.tones[tone] || [colours.card, colours.ink];
  const parts = [svg("rect", {x, y, width: size, height: size, fill: ground})];
  if (tone !== "t0" && tone !== "mx-no") {
    const place = {x: x + size / 2, y: y + size / 2 + 4, "text-anchor": "middle", "font-size": 11, fill: ink};
    parts.push(svg("text", place, view.cent(i, j)));
  }
  return parts;
}

function save(picture, file) {
  const blob = new Blob([new XMLSerializer().serializeToString(picture)], {type: "image/svg+xml"});
  const address = URL.createObjectURL(blob);
  el("a", {href: address, download: file}).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}
