/* On paper: what is folded is open, solutions stand at the end, colours are those of the light theme. */
(() => {
  "use strict";

  const LATER = "details.fold.solution";
  const root = document.documentElement;
  let undo = [];

  function open(details) {
    if (details.open) return;
    details.open = true;
    undo.push(() => (details.open = false));
  }

  function toTheEnd(details, section) {
    const place = document.createComment("");
    details.replaceWith(place);
    section.append(details);
    undo.push(() => place.replaceWith(details));
  }

  function prepare() {
    if (undo.length) return;
    const theme = root.dataset.theme;
    root.dataset.theme = "light";
    undo.push(() => (root.dataset.theme = theme));
    for (const details of document.querySelectorAll(".bd-article details:not(.above-input)")) open(details);
    const later = document.querySelectorAll(LATER);
    if (!later.length) return;
    const section = document.createElement("section"), heading = document.createElement("h2");
    section.className = "printed-solutions";
    heading.textContent = "Solutions";
    section.append(heading);
    for (const details of later) toTheEnd(details, section);
    document.querySelector(".bd-article").append(section);
    undo.push(() => section.remove());
  }

  function restore() {
    for (const step of undo.reverse()) step();
    undo = [];
  }

  window.addEventListener("beforeprint", prepare);
  window.addEventListener("afterprint", restore);
})();
