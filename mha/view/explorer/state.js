// A link holds a state as words and numbers behind "#": explorer-1_layer-3_head-1…; the first is the place on the page.
// No other signs: themes look for an element by what stands there, and these can be a name.
const place = () => [...document.querySelectorAll(".mha-explorer")].indexOf(root) + 1;

function fragmentOf(state) {
  const [a, b] = state.picks;
  const spot = state.pinned || {};
  const parts = {
    explorer: place(), sentence: state.reading, attention: state.kind, layer: a[0], head: a[1],
    layerB: b && b[0], headB: b && b[1], difference: Number(state.difference), added: Number(state.added),
    hide: Number(state.hide), query: spot.row, key: spot.column, why: Number(state.why),
  };
  const optional = ["sentence", "attention", "difference", "added", "hide", "why"];
  const kept = Object.entries(parts).filter(([key, value]) => Number.isInteger(value) && (value || !optional.includes(key)));
  return "#" + kept.map((part) => part.join("-")).join("_");
}

// What a link says, or null if it is none of ours. What it says beyond the maps' bounds ends at their edge.
function stateOf(fragment, kindsOf) {
  const given = new Map(fragment.slice(1).split("_").map((part) => part.split("-")));
  const number = (name) => (/^\d{1,6}$/.test(given.get(name)) ? Number(given.get(name)) : null);
  if (number("explorer") !== place()) return null;
  const reading = within(number("sentence") || 0, data.names.length);
  const kinds = kindsOf(reading);
  const kindNumber = within(number("attention") || 0, kinds.length);
  const kind = kinds[kindNumber];
  const pick = (layer, head) => [within(layer || 0, kind.layers), within(head || 0, kind.heads)];
  const picks = [pick(number("layer"), number("head"))];
  if (number("layerB") !== null) picks.push(pick(number("layerB"), number("headB")));
  const row = number("query") === null ? null : within(number("query"), kind.rows);
  const column = number("key") === null ? null : within(number("key"), kind.columns);
  const by = row === null ? "column" : column === null ? "row" : "cell";
  return {
    reading, kind: kindNumber, picks, active: picks.length - 1, pinned: row === null && column === null ? null : {by, row, column},
    difference: picks.length > 1 && number("difference") === 1, added: Boolean(kind.lengths) && number("added") === 1,
    hide: kind.hasSpecial && number("hide") === 1, why: channelTexts.length > 0 && number("why") === 1, hover: null, at: [1, 0],
  };
}
