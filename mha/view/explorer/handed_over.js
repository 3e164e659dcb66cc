// For a page that computes for itself, behind all other parts. It shows a sentence by this: kinds as in the data, with codes
// that are numbers already. It takes the place of the sentence of that name, else the one behind those that came along.
root.readSentence = (name, kinds) => {
  const known = data.names.indexOf(name);
  const reading = known < 0 ? more.length + 1 : known;
  const same = String(kinds[state.kind].q) === String(kindNow().q);
  data.names[reading] = name;
  readings[reading] = kinds.map(openKind);
  change({...(same ? {} : letting), reading, hide: state.hide && readings[reading][state.kind].hasSpecial});
  linkIfKept();
};
// No link leads to what was typed: it is not here when the page is opened anew.
const linkIfKept = () => {
  link.hidden = state.reading > more.length;
};
// And it hears which sentence the reader chooses.
controls.addEventListener("change", ({target}) => {
  if (target.getAttribute("aria-label") !== "Sentence") return;
  linkIfKept();
  root.dispatchEvent(new CustomEvent("sentence", {detail: data.names[state.reading]}));
});
