const state = {at: [...data.at], together: false};
const [hands, arcs] = [parts("hand"), parts("arc")];
const length = (pair) => Math.hypot(...pair);
const longest = Math.max(...data.pairs.flat().map(length), 1e-9);
const dot = part("dot");

// A pair of channels, turned by its rate times the position, as an angle and a length.
function turned(which, c) {
  const [x, y] = data.pairs[which][c];
  return {angle: Math.atan2(y, x) + data.rates[c] * state.at[which], length: length([x, y])};
}

function between(query, key) {
  const turn = query.angle - key.angle;
  return Math.atan2(Math.sin(turn), Math.cos(turn));
}

function follow() {
  const gains = data.rates.map((rate, c) => {
    const pair = [turned(0, c), turned(1, c)];
    pair.forEach((hand, which) => {
      const reach = data.radius * hand.length / longest;
      set(hands[2 * c + which], {x2: reach * Math.cos(hand.angle), y2: -reach * Math.sin(hand.angle)});
    });
    const angle = between(...pair);
    const [end, start] = pair.map((hand) => `${22 * Math.cos(hand.angle)} ${-22 * Math.sin(hand.angle)}`);
    set(arcs[c], {d: `M${start}A22 22 0 0 ${angle < 0 ? 1 : 0} ${end}`});
    parts("between")[c].textContent = number(180 * angle / Math.PI, 0) + "°";
    const gain = pair[0].length * pair[1].length * Math.cos(angle);
    parts("gain")[c].textContent = number(gain, 3);
    return gain;
  });
  const score = gains.reduce((sum, gain) => sum + gain, 0);
  const lag = state.at[0] - state.at[1];
  parts("at").forEach((node, which) => { node.textContent = state.at[which]; });
  part("lag").textContent = number(lag, 0);
  part("score").textContent = number(score, 3);
  dot.style.left = 50 * (1 + lag / data.last) + "%";
  dot.style.top = 100 * (dot.dataset.top - score) / (dot.dataset.top - dot.dataset.bottom) + "%";
}

// Together, neither goes beyond an end, so the distance stays.
function move(which, to) {
  const other = 1 - which;
  const free = state.at[other] + to - state.at[which];
  const held = state.together ? Math.min(Math.max(free, 0), data.last) : state.at[other];
  state.at[which] = state.together ? to + held - free : to;
  state.at[other] = held;
  state.at.forEach((place, n) => sliders[n](place));
  follow();
}

const places = [...Array(data.last + 1).keys()];
const sliders = ["query at position", "key at position"].map((name, which) =>
  slider(name, places, state.at[which], String, (to) => move(which, to)));
checkbox("move both together", false, (together) => { state.together = together; });
follow();
