const state = {...data.at};
const {model, numbers} = data;
const PREFIXES = ["n", "µ", "m", "", "k", "M", "G", "T", "P"];
const SHARDINGS = Object.keys(data.divided);
const sum = (values) => values.reduce((a, b) => a + b, 0);

function inUnits(value) {
  const power = Math.min(Math.max(Math.floor(Math.log10(value) / 3), -3), 5);
  const scaled = value / 10 ** (3 * power);
  return (number(scaled, scaled < 10 ? 2 : scaled < 100 ? 1 : 0) + "\u00a0" + PREFIXES[power + 3]).replace(/\u00a0$/, "");
}

function gigabytes(bytes) {
  const gb = bytes / 1e9;
  return number(gb, gb >= 100 ? 0 : gb >= 10 ? 1 : 2);
}

// As mha.parallel.budget counts.
function plan() {
  const sizes = data.bytes[state.precision];
  const replicas = state.data * state.sequence;
  const block = numbers.cut / state.heads + numbers.whole;
  const held = model.n_layers * block + numbers.outside;
  const tokens = state.batch * state.length / replicas;
  return {sizes, replicas, block, held, tokens, stage: SHARDINGS.indexOf(state.sharding)};
}

function memory({sizes, replicas, block, held, tokens, stage}) {
  const share = (needed) => stage < needed ? 1 : 1 / replicas;
  const inner = 4 * model.d_model + (4 * model.d_model + 2 * model.d_ff) / state.heads;
  const kept = state.recomputes ? model.n_layers * model.d_model + inner : model.n_layers * inner;
  return [
    held * sizes.weight * share(3) + (block + numbers.outside) * sizes.weight * (1 - share(3)),
    held * sizes.gradient * share(2),
    held * sizes.optimizer * share(1),
    tokens * kept * sizes.activation,
  ];
}

function traffic({sizes, replicas, block, held, tokens, stage}) {
  const part = (n) => (n - 1) / n;
  const [weights, gradients] = [held * sizes.weight, held * sizes.gradient];
  const again = stage === 3 ? model.n_layers * block * sizes.weight : 0;
  const alike = stage ? part(replicas) * (gradients + weights + again) : 2 * part(replicas) * gradients;
  const passes = state.recomputes ? 2 : 1;
  const stream = tokens * model.d_model;
  const sums = 2 * (passes + 1) * 2 * part(state.heads) * stream * sizes.activation;
  const [pair, hops] = [2 * stream / state.heads, state.sequence - 1];
  const ring = hops * (passes + 1) * pair * sizes.activation + (hops ? state.sequence : 0) * pair * data.sum_bytes;
  return [alike, model.n_layers * sums, model.n_layers * ring];
}

function operations({tokens}) {
  const m = model.d_model;
  const matrices = 2 * tokens * (4 * m * m + 2 * m * model.d_ff) / state.heads;
  const attention = 2 * tokens * state.length * m / state.heads;
  return model.n_layers * (state.recomputes ? 4 : 3) * (matrices + attention) + 6 * tokens * model.vocab_size * m;
}

function obstacle() {
  if (state.batch % state.data) return `${state.batch} sequences cannot be divided among ${state.data} ranks: let fewer share the batch, and more the heads or the sequence.`;
  if (state.length % state.sequence) return `${state.length} tokens cannot be divided among ${state.sequence} ranks.`;
  if (model.n_heads % state.heads) return `${model.n_heads} heads cannot be divided among ${state.heads} ranks.`;
  return "";
}

function show(held, sent, count, words) {
  const texts = [...held.map(gigabytes), gigabytes(sum(held))];
  sent.forEach((bytes) => texts.push(gigabytes(bytes), bytes ? inUnits(count / bytes) : "–"));
  parts("cell").forEach((cell, n) => { cell.textContent = words ? "–" : texts[n]; });
  const [total, device] = [sum(held), state.device * 1e9];
  const whole = Math.max(total, device);
  parts("held").forEach((one, n) => { one.style.width = (words ? 0 : 100 * held[n] / whole) + "%"; });
  part("limit").style.left = 100 * device / whole + "%";
  const all = state.data * state.heads * state.sequence;
  const whose = all === 1 ? "One rank holds" : `Each of ${all} ranks holds`;
  part("status").textContent = words || `${whose} ${gigabytes(total)} GB, which ${total <= device ? "fits" : "does not fit"} into ${state.device} GB.`;
}

function follow() {
  const counted = plan();
  show(memory(counted), traffic(counted), operations(counted), obstacle());
}

const move = (name) => (value) => {
  state[name] = value;
  follow();
};
const ranks = (n) => n === 1 ? "1 rank" : `${n} ranks`;
const LABELS = {data: "batch over", heads: "heads over", sequence: "sequence over"};
for (const name of Object.keys(LABELS)) slider(LABELS[name], data.steps[name], state[name], ranks, move(name));
slider("sequences", data.steps.batch, state.batch, String, move("batch"));
slider("tokens", data.steps.length, state.length, String, move("length"));
slider("divided too", SHARDINGS, state.sharding, (value) => data.divided[value], move("sharding"));
slider("device", data.steps.device, state.device, (value) => `${value} GB`, move("device"));
checkbox("recomputation", state.recomputes, move("recomputes"));
checkbox("32-bit numbers", state.precision === "float32", (on) => move("precision")(on ? "float32" : "mixed"));
follow();
