// All layers and heads as small maps, one of which is picked: a group of radio buttons that arrow keys walk through.
function buildOverview(kind, pick) {
  const group = el("div", {class: "mx-overview", role: "radiogroup", "aria-label": "All heads, one row a layer"});
  group.dataset.lmSuppressShortcuts = "true";
  group.style.setProperty("--heads", kind.heads);
  const label = (text) => el("span", {"aria-hidden": "true"}, text);
  group.append(label(""), ...count(kind.heads).map((head) => label(head)));
  const buttons = count(kind.layers).map((layer) => {
    group.append(label(layer));
    return count(kind.heads).map((head) => {
      const name = `Layer ${layer}, head ${head}`;
      const button = el("button", {type: "button", role: "radio", "aria-label": name, title: name}, el("canvas"));
      button.addEventListener("click", () => pick([layer, head]));
      group.append(button);
      return button;
    });
  });
  group.addEventListener("keydown", (event) => {
    const [down, right] = STEPS[event.key] || [0, 0];
    const layer = buttons.findIndex((row) => row.includes(event.target));
    if (layer < 0 || !(down || right)) return;
    event.preventDefault();
    const head = buttons[layer].indexOf(event.target) + right;
    const next = [(layer + down + kind.layers) % kind.layers, (head + kind.heads) % kind.heads];
    pick(next);
    buttons[next[0]][next[1]].focus();
  });
  return {group, buttons};
}

function drawOverview(overview, kind, shown, palette, added) {
  const columns = shown.columns.filter((column) => column < kind.columns);
  const at = added ? kind.addedAt : kind.at;
  overview.buttons.forEach((row, layer) => row.forEach((button, head) => {
    const canvas = button.firstChild;
    canvas.width = columns.length;
    canvas.height = shown.rows.length;
    const context = canvas.getContext("2d");
    const image = context.createImageData(canvas.width, canvas.height);
    shown.rows.forEach((i, y) => columns.forEach((j, x) => {
      image.data.set(palette[TONE_OF_CODE[at([layer, head], i, j)]], 4 * (y * canvas.width + x));
    }));
    context.putImageData(image, 0, 0);
  }));
}

// picks: one (layer, head) or two; the active one is where the keyboard stands.
function markOverview(overview, picks, active) {
  overview.buttons.forEach((row, layer) => row.forEach((button, head) => {
    const here = picks.map((pick) => pick[0] === layer && pick[1] === head);
    button.setAttribute("aria-checked", here[active]);
    button.tabIndex = here[active] ? 0 : -1;
    button.dataset.mark = picks.length > 1 ? here.map((is, n) => (is ? "AB"[n] : "")).join("") : "";
    button.classList.toggle("mx-picked", here.includes(true));
  }));
}
