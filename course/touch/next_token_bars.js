const state = {context: 0, temperature: data.temperature, k: data.top_k, p: data.top_p};
const rows = [...root.querySelectorAll("tbody tr")];
const sum = (shares) => shares.reduce((total, share) => total + share, 0);
const percent = (share, digits) => `${number(100 * share, digits)}\u00a0%`;
const entropy = (shares) => -sum(shares.map((p) => (p > 0 ? p * Math.log2(p) : 0)));

// As mha.generate.probabilities: temperature, then top-k, then top-p, then all over again. Logits come sorted.
function probabilities(logits) {
  let kept = logits.map((logit) => logit / state.temperature);
  if (state.k !== null) {
    const lowest = kept[Math.min(state.k, kept.length) - 1];
    kept = kept.map((logit) => (logit < lowest ? -Infinity : logit));
  }
  if (state.p !== null) {
    const shares = softmax(kept);
    let rest = 0;
    for (let n = shares.length - 1; n > 0; n -= 1) {
      rest += shares[n];
      if (rest <= 1 - state.p) kept[n] = -Infinity;
    }
  }
  return softmax(kept);
}

function fillRow(row, before, after, axis) {
  row.children[1].textContent = after > 0 ? percent(after, 1) : "cut";
  [before, after].forEach((share, n) => {
    row.children[2].children[n].style.width = 100 * Math.min(share / axis, 1) + "%";
  });
}

function follow() {
  const logits = data.logits[state.context];
  const labels = data.labels[state.context];
  const before = softmax(logits.map((logit) => logit / state.temperature));
  const after = probabilities(logits);
  const axis = data.axes.find((width) => width >= Math.max(before[0], after[0])) || 1;
  labels.forEach((label, n) => {
    rows[n].querySelector("bdi").textContent = label;
    fillRow(rows[n], before[n], after[n], axis);
  });
  const others = rows[labels.length];
  if (others) {
    const rest = after.slice(labels.length);
    others.children[0].textContent = `others: ${rest.filter((p) => p > 0).length} of ${rest.length}`;
    fillRow(others, sum(before.slice(labels.length)), sum(rest), axis);
  }
  part("axis").textContent = `up to ${Math.round(100 * axis)}%`;
  part("context").querySelector("bdi").textContent = data.contexts[state.context];
  const kept = after.filter((p) => p > 0).length;
  const had = sum(before.filter((p, n) => after[n] > 0));
  const bits = entropy(after);
  part("status").textContent = `Kept: ${kept} of ${after.length} tokens, which had ${percent(had, 1)} before the cut. Entropy ${number(bits, 2)} bits, ` +
    `as in a choice among ${number(2 ** bits, 1)} equally likely tokens; before the cut ${number(entropy(before), 2)} bits.`;
}

const change = (name) => (value) => {
  state[name] = value;
  follow();
};
if (data.contexts.length > 1) {
  const choice = make("select", {}, ...data.contexts.map((context, n) => make("option", {value: n}, context)));
  choice.addEventListener("change", () => change("context")(Number(choice.value)));
  controls.append(make("label", {}, "context", choice));
  part("context").hidden = true;
}
slider("temperature", data.temperatures, state.temperature, String, change("temperature"));
slider("top-k", data.ks, state.k, (k) => (k === null ? "off" : String(k)), change("k"));
slider("top-p", data.ps, state.p, (p) => (p === null ? "off" : String(p)), change("p"));
follow();
