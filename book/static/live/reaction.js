/* A reaction: each atom of the product tied to the atom it came from, in the drawing and in the text; atoms masked. */
(() => {
  "use strict";

  const {LATE, READING, STEPS, count, loader, make, place, plural, written} = window.LivePage;
  const WAIT = 150; // milliseconds after the last key
  const LAYERS = 12, HEAD = 5;
  const ATOM = /^(?:\[[^\]]+\]|Br|Cl|[BCNOSPFIbcnops])$/;
  const MASK = "[MASK]";
  const SPECIAL = new Set(["[CLS]", "[SEP]", "[UNK]", "[PAD]", MASK]);
  const home = place("reaction");
  if (!home) return;

  const figures = [...document.querySelectorAll(".live-reaction")];
  const stored = new Map(figures.map(figure => [figure.dataset.text, JSON.parse(figure.dataset.answer)]));
  const state = {text: figures[0].dataset.text, off: false};
  let base = state.text; // as it was before an atom was masked: what is drawn
  let ready = false, progress = null, timer = 0, shown = null, chosen = -1, buttons = new Map();

  const list = make("select", {id: "live-reactions", change: () => list.value && set({text: list.value})},
    make("option", {value: ""}, "one that you typed"),
    ...figures.map(figure => make("option", {value: figure.dataset.text}, figure.querySelector("figcaption").textContent)));
  const field = make("input", {id: "live-smiles", type: "text", maxlength: 5000, spellcheck: "false", autocomplete: "off", autocapitalize: "off", input: typed});
  const said = make("p", {class: "live-said", role: "status"});
  const line = make("div", {class: "live-tokens", role: "group", "aria-label": "The reaction as text; the product’s atoms can be chosen"});
  const told = make("p", {class: "live-said", role: "status"});
  const fill = make("p", {class: "live-said", role: "status"});
  const mask = make("button", {type: "button", click: maskChosen}, "Mask this atom");
  const unmask = make("button", {type: "button", click: () => set({text: base, off: state.off})}, "Unmask all");
  const on = make("input", {type: "checkbox", change: () => {
    state.off = !on.checked;
    compute();
  }});
  const tools = make("fieldset", {disabled: true}, make("legend", {}, "What is changed"),
    make("div", {class: "live-row"}, mask, unmask, make("label", {class: "live-box"}, on, ` The mapping head is on, in all ${LAYERS} layers`)));

  /* A masked atom counts, so that the others keep their numbers and those of the drawing. */
  const isAtom = piece => piece === MASK || (ATOM.test(piece) && !SPECIAL.has(piece));

  /* What each token stands for, also where the model does not know it. */
  const piecesOf = answer => answer.pieces ?? answer.tokens;

  /* Which atom of which reactant a token is, in words. */
  function origin(tokens, at) {
    const before = tokens.slice(1, at + 1);
    const start = before.lastIndexOf(".") + 1;
    return `${tokens[at]}, atom ${before.slice(start).filter(isAtom).length} of reactant ${before.filter(token => token === ".").length + 1}`;
  }

  const reactantOf = (tokens, at) => tokens.slice(0, at).filter(token => token === ".").length;

  /* Which of the product's atoms a token is, from 1. */
  const ordinal = (tokens, at) => tokens.slice(tokens.indexOf(">>") + 1, at + 1).filter(isAtom).length;

  /* What no chemist could draw in one side of a reaction: rings and branches that do not close. */
  function unclosed(tokens, side) {
    const rings = new Set();
    let depth = 0, stray = false;
    for (const token of tokens) {
      if (/^(?:\d|%\d\d)$/.test(token) && !rings.delete(token)) rings.add(token);
      depth += token === "(" ? 1 : token === ")" ? -1 : 0;
      stray ||= depth < 0;
    }
    const found = [...rings].map(ring => `ring ${ring} of the ${side} is not closed`);
    if (depth > 0) found.push(`a bracket of the ${side} is not closed`);
    if (stray) found.push(`a bracket of the ${side} was never opened`);
    return found;
  }

  /* What is wrong with a reaction as a chemist would read it, in words; the model reads it all the same. */
  function faults(tokens) {
    const arrow = tokens.indexOf(">>");
    const found = tokens.some(token => /\s/.test(token)) ? ["a SMILES has no spaces"] : [];
    if (arrow < 0) return [...found, ...unclosed(tokens, "text")];
    return [...found, ...unclosed(tokens.slice(0, arrow), "reactants"), ...unclosed(tokens.slice(arrow + 1), "product")];
  }

  function whyNoAtom(tokens) {
    const arrows = tokens.filter(token => token === ">>").length;
    const why = arrows > 1 ? `a reaction has one arrow, and here are ${arrows}`
      : tokens.includes(">") ? "what is written on the arrow goes to the reactants, as reactants.agents>>product"
      : "a reaction is written reactants>>product";
    return `There is no atom of a product to map: ${why}.`;
  }

  function show(answer) {
    shown = answer;
    draw();
    const {tokens, map} = answer, pieces = piecesOf(answer);
    const sources = new Map(map.map(({product, reactant}) => [product, reactant]));
    buttons = new Map();
    const parts = tokens.slice(1, -1).map((token, n) => {
      const at = n + 1;
      const source = sources.get(at);
      const isSource = map.some(({reactant}) => reactant === at);
      const kind = source >= 0 ? reactantOf(tokens, source) : isSource ? reactantOf(tokens, at) : -1;
      const look = kind >= 0 ? `live-${Math.min(kind, 1)}` : "";
      if (!sources.has(at)) return make("span", {"data-token": at, class: look}, token);
      const name = `${pieces[at]}, atom ${ordinal(pieces, at)} of the product`;
      const button = make("button", {
        type: "button", "data-token": at, tabindex: -1, class: look, "aria-label": name, click: () => choose(at), focus: () => choose(at), pointerenter: () => choose(at),
      }, token);
      buttons.set(at, button);
      return button;
    });
    line.replaceChildren(...parts);
    if (!buttons.has(chosen)) chosen = ([...buttons.keys()].find(at => at > chosen) ?? [...buttons.keys()][0]) ?? -1;
    if (chosen >= 0) {
      buttons.get(chosen).tabIndex = 0;
      choose(chosen);
    } else told.textContent = whyNoAtom(pieces);
  }

  /* The drawing of what is not masked, if there is one. */
  function draw() {
    for (const figure of figures) figure.hidden = figure.dataset.text !== base;
    list.value = figures.some(figure => !figure.hidden) ? base : "";
  }

  function choose(at) {
    if (buttons.has(chosen)) buttons.get(chosen).tabIndex = -1;
    chosen = at;
    buttons.get(at).tabIndex = 0;
    const {map} = shown, pieces = piecesOf(shown);
    const {reactant, weight} = map.find(({product}) => product === at);
    const again = map.filter(other => other.reactant === reactant && reactant >= 0).length > 1;
    const name = `Atom ${ordinal(pieces, at)} of the product, ${pieces[at]},`;
    told.textContent = reactant < 0 ? `${name} comes from nowhere: no reactant has an atom of its element.`
      : `${name} comes from ${origin(pieces, reactant)}: weight ${written(weight / 2, 2)}, the mean of both directions.` +
        (again ? " Another atom is tied to the same one: both are right only if that molecule takes part twice." : "");
    const lit = new Set([String(at), String(reactant)]);
    for (const one of line.children) one.classList.toggle("live-lit", lit.has(one.dataset.token));
    for (const figure of figures) for (const one of figure.querySelectorAll(".live-atom")) {
      one.classList.toggle("live-lit", !figure.hidden && lit.has(one.dataset.token));
    }
  }

  line.addEventListener("keydown", event => {
    const step = STEPS[event.key];
    if (!step || !buttons.size) return;
    event.preventDefault();
    const all = [...buttons.keys()];
    const next = (all.indexOf(chosen) + step[0] + step[1] + all.length) % all.length;
    buttons.get(all[next]).focus();
  });

  for (const figure of figures) figure.addEventListener("pointerover", ({target}) => {
    const at = Number(target.dataset.token);
    if (!figure.hidden && buttons.has(at)) choose(at);
  });

  async function compute() {
    on.checked = !state.off;
    unmask.disabled = state.text === base;
    if (!ready) {
      if (stored.has(state.text)) {
        show(stored.get(state.text));
        said.textContent = "This map was computed when the book was built.";
      } else {
        said.textContent = "The model is not loaded: only the ready reactions are shown.";
        clear();
      }
      return null;
    }
    const slow = setTimeout(() => (said.textContent = READING), LATE);
    const without = state.off ? count(LAYERS).map(layer => [layer, HEAD]) : [];
    try {
      const answer = await window.LiveEngine.ask({model: "reaction", text: state.text.trim(), slot: "reaction", without}, progress);
      show(answer);
      const unknown = answer.unknown ? ` ${plural(answer.unknown, "piece")} the model does not know: [UNK].` : "";
      const wrong = faults(piecesOf(answer).slice(1, -1)).join("; ");
      const nothing = answer.length === 2 ? " Nothing is typed: these are [CLS] and [SEP]." : "";
      said.textContent = `${plural(answer.length, "token")}, computed in ${Math.max(1, Math.round(answer.ms))} ms.${nothing}${unknown}` +
        (wrong && ` The model reads this, but a chemist could not: ${wrong}.`);
      const found = answer.filled.map(({at, tokens, probabilities}, n) => {
        const likely = tokens.slice(0, 3).filter((_, k) => !k || probabilities[k] >= 0.001).map((token, k) => `${token} (${percent(probabilities[k])})`).join(", ");
        return `${answer.filled.length > 1 ? `mask ${n + 1}` : "the mask"}: ${likely}`;
      });
      fill.textContent = found.length ? `The model fills in ${found.join("; ")}.` : "";
      return {filled: found.join("; ")};
    } catch (error) {
      if (error.kind === "superseded") return null;
      said.textContent = error.message;
      if (error.kind === "input") clear();
      return {failed: error.message};
    } finally {
      clearTimeout(slow);
    }
  }

  /* Nothing of an earlier reaction stays. */
  function clear() {
    line.replaceChildren();
    buttons = new Map();
    told.textContent = fill.textContent = "";
    chosen = -1;
  }

  const percent = chance => (chance > 0.995 ? "over 99 %" : `${written(100 * chance, chance > 0.0995 ? 0 : 1)} %`);

  function typed() {
    state.text = base = field.value;
    clearTimeout(timer);
    timer = setTimeout(() => {
      draw();
      compute();
    }, WAIT);
  }

  /* The atom's token becomes [MASK]; the others stay where they are, and so does the drawing. */
  function maskChosen() {
    if (chosen < 0) return;
    const tokens = piecesOf(shown).slice(1, -1);
    tokens[chosen - 1] = MASK;
    state.text = field.value = tokens.join("");
    compute();
  }

  function set({text, off = false}) {
    clearTimeout(timer);
    Object.assign(state, {text, off});
    base = [...stored.keys()].find(one => same(one, text)) ?? text;
    field.value = text;
    if (!ready) fill.textContent = "";
    return compute();
  }

  /* Whether a text is one of ours, or would be without its masks. */
  function same(one, text) {
    const parts = text.split(MASK);
    if (parts.length === 1) return one === text;
    const written = stored.get(one).tokens.slice(1, -1);
    const tokens = parts.flatMap((part, n) => [...(n ? [MASK] : []), ...(part.match(/\[[^\]]+\]|Br|Cl|>>|%\d\d|./g) ?? [])]);
    return tokens.length === written.length && tokens.every((token, n) => token === MASK || token === written[n]);
  }

  home.replaceChildren(
    make("p", {}, make("label", {for: "live-reactions"}, "Ready reactions"), list),
    make("p", {}, make("label", {for: "live-smiles"}, "Your reaction, as SMILES"), field), said, line, told, tools, fill);
  home.hidden = false;
  field.value = state.text;
  for (const figure of figures) figure.querySelector("code").parentNode.hidden = true; // it stands above
  compute();
  const loading = loader(place("load-reaction"), {
    model: "reaction", ask: "Load the chemistry model", size: place("load-reaction").dataset.size, more: place("load-reaction").dataset.more,
    done: () => {
      ready = true;
      tools.disabled = false;
      document.dispatchEvent(new CustomEvent("live-ready", {detail: "reaction"}));
      return compute();
    },
  });
  progress = loading.progress;
  window.LivePage.reaction = {set};
})();
