/* A sentence that is typed, the model that is changed, and a second sentence beside it. The maps are the explorer's. */
(() => {
  "use strict";

  const {LATE, READING, board, count, degrees, headName, inDegrees, loader, make, place, plural, shade, written} = window.LivePage;
  const WAIT = 150; // milliseconds after the last key
  const KEPT = 24; // answers of the whole model
  const LAYERS = 6, HEADS = 12;
  const NOTHING = "(nothing typed)"; // what an empty sentence is called among the others
  const home = place("type");
  if (!home) return;

  const explorer = document.querySelector(".live-explorer .mha-explorer");
  const data = JSON.parse(place("examples").textContent);
  const state = {text: data.sentences[0], other: "", without: new Set(), uniform: new Set(), positions: true};
  const answers = new Map(); // of the whole model, by text
  let ready = false, progress = null, turn = 0, timer = 0, sweeping = 0;

  const key = (layer, head) => `${layer},${head}`;
  const isWhole = () => !state.without.size && !state.uniform.size && state.positions;
  const changes = () => ({
    without: [...state.without].map(one => one.split(",").map(Number)), uniform: [...state.uniform], positions: state.positions,
  });

  /* What stands on the page */

  const field = make("textarea", {id: "live-sentence", rows: 2, maxlength: 5000, spellcheck: "false", input: () => typed("text", field)});
  const said = make("p", {class: "live-said", role: "status"});
  const again = make("button", {type: "button", hidden: true, click: () => {
    field.focus();
    compute();
  }}, "Try again");
  const other = make("input", {id: "live-other", type: "text", maxlength: 5000, spellcheck: "false", autocomplete: "off", input: () => typed("other", other)});
  const turned = make("p", {class: "live-said", role: "status"});
  const between = make("p", {class: "live-said", role: "status"});
  const picked = make("p", {class: "live-said", role: "status"});
  const moved = make("div", {hidden: true});
  const switches = board({
    label: "Heads that are on, one row a layer", layers: LAYERS, heads: HEADS, role: "switch",
    press: (layer, head) => flip([key(layer, head)]),
    whole: layer => flip(count(HEADS).map(head => key(layer, head))),
  });
  const uniform = count(LAYERS).map(layer => box(String(layer), on => {
    state.uniform[on ? "add" : "delete"](layer);
    changed();
  }, `Uniform attention in layer ${layer}`));
  const positions = box("Tell the tokens where they stand", on => {
    state.positions = on;
    changed();
  });
  const sweep = make("button", {type: "button", click: measureEach}, "Measure each head alone");
  const swept = make("p", {class: "live-said", role: "status"});
  const edits = make("fieldset", {class: "live-edits", disabled: true},
    make("legend", {}, "The model"),
    switches.node,
    make("p", {class: "live-note"}, "A head is on or off; the number of a layer switches all its heads. Arrow keys walk, Space switches."),
    make("div", {class: "live-row", role: "group", "aria-label": "Uniform attention"}, make("span", {}, "Uniform attention in layer"), ...uniform),
    make("div", {class: "live-row"}, positions, make("button", {type: "button", click: () => set({text: state.text, other: state.other})}, "Everything on"), sweep),
    swept);
  const shift = board({label: "How far each head’s output moved; choose one to see its map", layers: LAYERS, heads: HEADS, press: (layer, head) => {
    pick([layer, head]);
    picked.replaceChildren(`${headName(layer, head)} is shown among `, to(explorer, "the maps above"), ".");
  }});

  /* A link to another part of this page; the keyboard goes with it. */
  function to(part, text) {
    return make("a", {href: `#${part.closest("[id]").id}`, click: event => {
      event.preventDefault();
      part.scrollIntoView();
      (part.matches("input, textarea") ? part : part.querySelector("[role=radio][aria-checked=true]")).focus({preventScroll: true});
    }}, text);
  }

  function box(text, change, name = text) {
    const input = make("input", {type: "checkbox", "aria-label": name, change: () => change(input.checked)});
    return make("label", {class: "live-box"}, input, ` ${text}`);
  }

  function pairs() {
    const list = make("select", {id: "live-pairs", change: () => {
      if (!list.value) return;
      const [text, second] = JSON.parse(list.value);
      set({...changes(), text, other: second});
      list.value = "";
    }}, make("option", {value: ""}, "Choose two sentences"));
    for (const {group, sentences} of data.pairs) {
      list.append(make("optgroup", {label: group}, ...sentences.map(two => make("option", {value: JSON.stringify(two)}, two.join(" / ")))));
    }
    return make("p", {}, make("label", {for: "live-pairs"}, "Ready pairs"), list);
  }

  function build() {
    field.value = state.text;
    home.replaceChildren(make("label", {for: "live-sentence"}, "Your sentence"), field, said, again);
    place("edits").replaceChildren(edits, turned);
    place("pair").replaceChildren(pairs(), make("p", {}, make("label", {for: "live-other"}, "Second sentence"), other), between, moved);
    moved.append(make("p", {class: "live-note"}, "How far each head’s output moved: the stronger its colour, the further. Choose one to see its map."), shift.node, picked);
    for (const name of ["type", "edits", "pair"]) place(name).hidden = false;
    positions.firstChild.checked = true;
    show();
  }

  /* What is asked, and what is shown of the answers */

  async function whole(text, slot) {
    if (!answers.has(text)) {
      answers.set(text, await window.LiveEngine.ask({model: "sentence", text, slot}, progress));
      if (answers.size > KEPT) answers.delete(answers.keys().next().value);
    }
    return answers.get(text);
  }

  async function both(text, slot) {
    const plain = await whole(text, `${slot}-whole`);
    if (isWhole()) return [plain, plain];
    return [plain, await window.LiveEngine.ask({model: "sentence", text, slot, ...changes()}, progress)];
  }

  /* Resolves to what was found, or to null where something newer came or nothing could be computed. */
  async function compute() {
    if (!ready) return null;
    const mine = ++turn;
    const second = state.other.trim();
    const slow = setTimeout(() => mine === turn && wait(second), LATE);
    try {
      const one = await both(state.text, "first");
      const two = second ? await both(second, "second") : null;
      if (mine !== turn) return null;
      again.hidden = true;
      return tell(one, two);
    } catch (error) {
      if (error.kind === "superseded" || mine !== turn) return null;
      fail(error, second);
      return {failed: error.message};
    } finally {
      clearTimeout(slow);
    }
  }

  /* Where an answer will stand, that it is on its way. */
  function wait(second) {
    said.textContent = READING;
    if (!isWhole()) turned.textContent = READING;
    if (second) between.textContent = READING;
  }

  function fail({kind, message}, second) {
    said.textContent = `${message} The maps below are still those of what was read before.`;
    again.hidden = kind === "input";
    const why = () => [to(field, "why stands under your sentence"), "."];
    turned.replaceChildren("The vector was not computed: ", ...why());
    moved.hidden = true;
    if (second) between.replaceChildren("The sentences were not compared: ", ...why());
  }

  function tell([plain, now], two) {
    explorer.readSentence((state.text.trim() || NOTHING) + (isWhole() ? "" : " (model changed)"), [readingOf(now)]);
    said.textContent = heard(now);
    const near = window.LiveEngine.cosine(plain.vector, now.vector);
    const found = {turned: degrees(near)};
    turned.textContent = isWhole() ? "The model is as it was trained."
      : `The sentence’s vector turned by ${inDegrees(found.turned)} (cosine ${written(near, 3)}) from where the whole model puts it.`;
    moved.hidden = !two;
    if (two) Object.assign(found, tellPair([plain, now], two));
    else between.textContent = "Type a second sentence, or choose a pair.";
    return found;
  }

  function heard({length, ms, ...rest}) {
    const parts = [`${plural(length, "token")}, computed in ${Math.max(1, Math.round(ms))} ms.`];
    if (length === 2) parts.push("Nothing is typed: these are [CLS] and [SEP].");
    parts.push(...odd(rest));
    if (!isWhole()) parts.push("The model is changed, as set under “Switch heads off”.");
    return parts.join(" ");
  }

  /* What of a sentence was not read as it was typed, in words. */
  function odd({cut, unknown}) {
    const parts = [];
    if (cut) parts.push(`More than 64 tokens are not read: the last ${plural(cut, "piece")} ${cut === 1 ? "is" : "are"} left out.`);
    if (unknown) parts.push(`${plural(unknown, "token")} the model’s vocabulary does not have: [UNK].`);
    return parts;
  }

  function tellPair([plain, now], [otherPlain, otherNow]) {
    const near = window.LiveEngine.cosine(now.vector, otherNow.vector);
    const before = window.LiveEngine.cosine(plain.vector, otherPlain.vector);
    const distances = [...window.LiveEngine.moved(now, otherNow)];
    const most = Math.max(...distances, 1e-9);
    const ranked = count(LAYERS * HEADS).sort((a, b) => distances[b] - distances[a]).slice(0, 3);
    const name = n => headName(Math.floor(n / HEADS), n % HEADS).toLowerCase();
    const averages = count(LAYERS).map(layer => distances.slice(layer * HEADS, (layer + 1) * HEADS).reduce((a, b) => a + b) / HEADS);
    distances.forEach((distance, n) => {
      const [layer, head] = [Math.floor(n / HEADS), n % HEADS];
      shade(shift.at(layer, head), layer, head, distance / most, `moved ${written(distance, 2)}`);
    });
    const change = isWhole() ? "" : ` With the whole model it is ${written(before, 3)}.`;
    const parts = ranked.map(n => `${name(n)} (${written(distances[n], 2)})`).join(", ");
    between.textContent = `The cosine of the two vectors is ${written(near, 3)}: they are ${inDegrees(degrees(near))} apart.${change} ` +
      `Between the two sentences the outputs of these heads moved most: ${parts}.` +
      odd(otherNow).map(part => ` Of the second sentence: ${part}`).join("");
    picked.textContent = "";
    return {cosine: near, averages};
  }

  /* An answer as the explorer reads one: a code for each weight, behind each row one for its special tokens together,
     and behind all rows, for each head, what those take of all weight and of the words'. */
  function readingOf({tokens, attention, layers, heads, length: n}) {
    const found = count(n).filter(i => ["[CLS]", "[SEP]"].includes(tokens[i]));
    const special = found.length < n ? found : [];
    const all = layers * heads * n * (n + 1);
    const codes = new Uint16Array(all + 2 * layers * heads);
    const code = share => Math.round(1000 * Math.min(share, 1)) + Math.round(100 * Math.min(share, 1));
    for (let head = 0, at = 0; head < layers * heads; head++) {
      let taken = 0, ofWords = 0;
      for (let i = 0; i < n; i++) {
        const row = attention.subarray((head * n + i) * n, (head * n + i + 1) * n);
        for (let j = 0; j < n; j++) codes[at++] = code(row[j]);
        const hidden = special.reduce((sum, j) => sum + row[j], 0);
        codes[at++] = code(hidden);
        taken += hidden;
        if (!special.includes(i)) ofWords += hidden;
      }
      codes[all + 2 * head] = code(taken / n);
      codes[all + 2 * head + 1] = code(ofWords / (n - special.length));
    }
    return {label: "self-attention", self: true, q: tokens, k: null, special: {q: special, k: special}, shape: [layers, heads, n, n], codes, causal: false, lengths: null};
  }

  /* What the reader does */

  function show() {
    for (const layer of count(LAYERS)) for (const head of count(HEADS)) {
      switches.at(layer, head).setAttribute("aria-checked", !state.without.has(key(layer, head)));
    }
    uniform.forEach((label, layer) => (label.firstChild.checked = state.uniform.has(layer)));
    positions.firstChild.checked = state.positions;
    if (ready) return;
    said.textContent = "Without the encoder nothing typed is read: the maps are those of the sentence chosen below.";
    turned.textContent = "Nothing can be changed before the encoder is loaded.";
    between.textContent = "Nothing can be compared before the encoder is loaded.";
  }

  function clearSweep() {
    sweeping++;
    swept.textContent = "";
    for (const layer of count(LAYERS)) for (const head of count(HEADS)) shade(switches.at(layer, head), layer, head, 0, "");
  }

  function typed(name, input) {
    if (name === "text") clearSweep();
    state[name] = input.value;
    clearTimeout(timer);
    timer = setTimeout(compute, WAIT);
  }

  function changed() {
    show();
    return compute();
  }

  function flip(heads) {
    const on = heads.every(one => state.without.has(one));
    for (const one of heads) state.without[on ? "delete" : "add"](one);
    changed();
  }

  const pick = ([layer, head]) => explorer.querySelector(`[role="radio"][aria-label="${headName(layer, head)}"]`).click();

  /* All controls at once, as a task or a pair asks for; what is not named is as in the whole model. */
  function set({text, other: second = "", without = [], uniform: layers = [], positions: told = true, pick: head}) {
    clearTimeout(timer);
    if (text !== state.text) clearSweep();
    Object.assign(state, {text, other: second, positions: told});
    state.without = new Set(without.map(([layer, head]) => key(layer, head)));
    state.uniform = new Set(layers);
    [field.value, other.value] = [text, second];
    if (head) pick(head);
    return changed();
  }

  async function measureEach() {
    clearSweep();
    const mine = sweeping, text = state.text;
    const angles = [];
    swept.textContent = `0 of ${LAYERS * HEADS} heads measured.`;
    try {
      const plain = await whole(text, "first-whole");
      for (const layer of count(LAYERS)) for (const head of count(HEADS)) {
        const answer = await window.LiveEngine.ask({model: "sentence", text, slot: "sweep", without: [[layer, head]]});
        if (mine !== sweeping) return;
        angles.push([degrees(window.LiveEngine.cosine(plain.vector, answer.vector)), layer, head]);
        if (head < HEADS - 1) continue; // the board is drawn a layer at a time, so that the page keeps up
        const most = Math.max(...angles.map(([angle]) => angle), 1e-9);
        for (const [angle, l, h] of angles) shade(switches.at(l, h), l, h, angle / most, `alone turns the vector by ${inDegrees(angle)}`);
        swept.textContent = `${angles.length} of ${LAYERS * HEADS} heads measured.`;
      }
      const top = angles.sort((a, b) => b[0] - a[0]).slice(0, 3).map(([angle, l, h]) => `${headName(l, h).toLowerCase()} (${inDegrees(angle)})`);
      swept.textContent = `Switched off alone, these turn the vector most: ${top.join(", ")}. The stronger a head’s colour, the more.`;
    } catch (error) {
      if (error.kind !== "superseded") swept.textContent = error.message;
    }
  }

  explorer.addEventListener("sentence", ({detail}) => {
    if (detail.endsWith(" (model changed)")) return;
    clearSweep();
    state.text = field.value = detail === NOTHING ? "" : detail;
    compute();
  });

  build();
  const loading = loader(place("load"), {
    model: "sentence", ask: "Load the encoder", size: place("load").dataset.size, more: place("load").dataset.more,
    done: () => {
      ready = true;
      edits.disabled = false;
      turned.textContent = between.textContent = "";
      document.dispatchEvent(new CustomEvent("live-ready", {detail: "sentence"}));
      return compute();
    },
  });
  progress = loading.progress;
  window.LivePage.sentence = {set};
})();
