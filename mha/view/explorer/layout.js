// The width of the drawing beside the map, its distance included.
const LINES = 290;
let lastWidth = 0;

// Sizes follow the width of the output, not of the window: a notebook's cell is narrower. The lines stand beside the map
// where both fit, and below it where they do not; a difference needs room for its signs.
function layout() {
  const width = body.clientWidth;
  if (!width) return;
  const kind = kindNow();
  const columns = shown.columns.length;
  const wide = width >= 600;
  const both = panels.length > 1;
  const labels = both && wide ? 62 : wide ? 92 : 76;
  const beside = !both && (width - labels - LINES) / columns >= (views[0].signed ? 22 : 17);
  const share = both && wide ? (width - 20) / 2 : width - (beside ? LINES : 0);
  const least = beside ? 17 : both && wide ? 11 : 24;
  const size = Math.min(Math.max(Math.floor((share - labels - 4) / columns), least), 32);
  const longest = Math.max(HIDDEN.length, ...kind.k.map((label) => label.length));
  const head = Math.min(Math.max(Math.ceil(7.4 * longest) + 14, 40), 92);
  const room = (wide ? width - 270 : width) - 16;
  const small = Math.min(Math.max(Math.floor(room / kind.heads) - 2, 24), 44);
  const sizes = {"--cell": size, "--labels": labels, "--small": small, "--head": head, "--share": Math.floor(share)};
  for (const [name, value] of Object.entries(sizes)) root.style.setProperty(name, value + "px");
  const classes = {"mx-wide": wide, "mx-both": both, "mx-beside": beside, "mx-tiny": size < 17};
  for (const [name, on] of Object.entries(classes)) root.classList.toggle(name, on);
  for (const box of root.querySelectorAll(".mx-heads, .mx-scroll")) {
    box.classList.toggle("mx-over", box.firstChild.offsetWidth > box.clientWidth);
  }
  if (width !== lastWidth) status.style.minHeight = "";
  lastWidth = width;
}
