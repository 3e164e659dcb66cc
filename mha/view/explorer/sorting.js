// Heads in the order of a score, the highest first, row by row; the arrow keys go along. Each row is headed by the score,
// in percent, of its first head.
function sortField() {
  const names = ["place", ...Object.keys(data.scores)];
  return select("Sort heads by", names, state.sort, (n) => change({sort: n}));
}

function sortHeads() {
  const name = Object.keys(data.scores)[state.sort - 1];
  if (!name) return;
  const {heads} = kindNow();
  const {group, buttons} = overview;
  const cent = (pick) => data.scores[name][pick[0]][pick[1]];
  const picks = buttons.flatMap((row, layer) => row.map((_, head) => [layer, head])).sort((a, b) => cent(b) - cent(a));
  const sorted = picks.map(([layer, head]) => buttons[layer][head]);
  group.setAttribute("aria-label", `All heads, sorted by ${name}`);
  group.style.gridTemplateColumns = `24px repeat(${heads}, var(--small))`;
  group.replaceChildren(...sorted.flatMap((button, n) => {
    button.title += `, ${name} ${cent(picks[n])} %`;
    button.setAttribute("aria-label", button.title);
    return n % heads ? [button] : [el("span", {"aria-hidden": "true"}, Math.round(cent(picks[n]))), button];
  }));
  group.addEventListener("keydown", (event) => {
    const at = sorted.indexOf(event.target);
    const [down, right] = STEPS[event.key] || [0, 0];
    if (at < 0 || !(down || right)) return;
    event.preventDefault();
    event.stopPropagation();
    const next = (at + down * heads + right + sorted.length) % sorted.length;
    choose(state.active, picks[next]);
    sorted[next].focus();
  }, {capture: true});
}
