/* Mends what the theme leaves open for keyboard and screen reader. Nothing here is needed to read a page. */
(() => {
  "use strict";

  // Whatever scrolls sideways must be reachable by keyboard; whatever does not should not be a stop.
  const SCROLLERS = "mjx-container[display='true'], .bd-article pre, .bd-article .output, .bd-article .pst-scrollable-table-container, .bd-article div.math";

  function markScrollers() {
    for (const box of document.querySelectorAll(SCROLLERS)) {
      const scrolls = box.scrollWidth > box.clientWidth + 1;
      if (scrolls && !box.hasAttribute("tabindex")) {
        box.setAttribute("tabindex", "0");
        box.dataset.scrolls = "";
      } else if (!scrolls && "scrolls" in box.dataset) {
        box.removeAttribute("tabindex");
        delete box.dataset.scrolls;
      }
    }
  }

  // Two fields for one search, and a side bar that is no landmark.
  function nameLandmarks() {
    const fields = document.querySelectorAll("form.bd-search");
    for (const form of fields) {
      const inDialog = form.closest("dialog") !== null;
      form.setAttribute("role", "search");
      form.setAttribute("aria-label", inDialog ? "Search from any page" : "Search");
      form.querySelector("input").setAttribute("aria-label", inDialog ? "Search this book" : "Words to search for");
    }
    // The button that opens the dialog is named by what stands on it, its keys included, so that it can be called by it.
    for (const button of document.querySelectorAll(".search-button-field")) button.removeAttribute("aria-label");
    const bar = document.getElementById("pst-primary-sidebar");
    if (bar) {
      bar.setAttribute("role", "complementary");
      bar.setAttribute("aria-label", "The book");
    }
  }

  function start() {
    nameLandmarks();
    markScrollers();
    new ResizeObserver(markScrollers).observe(document.body);
    const mathematics = window.MathJax && window.MathJax.startup;
    if (mathematics && mathematics.promise) mathematics.promise.then(markScrollers);
    document.addEventListener("toggle", markScrollers, true);
    document.addEventListener("click", () => setTimeout(markScrollers, 300));
  }

  if (document.readyState === "complete") start();
  else window.addEventListener("load", start);
})();
