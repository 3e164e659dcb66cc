// Shows the claims that fit the lists and all words of the search field; the form stands hidden until this runs.
document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector(".claims-filter");
  const claims = [...document.querySelectorAll(".claim")];
  const status = form.querySelector("[role=status]");
  const fits = (claim, {verdict, part, words}) =>
    (!verdict || claim.classList.contains("is-" + verdict)) && (!part || claim.classList.contains("in-" + part)) &&
    words.toLowerCase().split(/\s+/).every((word) => claim.textContent.toLowerCase().includes(word));
  const apply = () => {
    const asked = Object.fromEntries(new FormData(form));
    for (const claim of claims) claim.hidden = !fits(claim, asked);
    status.textContent = `${claims.filter((claim) => !claim.hidden).length} of ${claims.length} shown`;
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  // A link to a claim shows it, whatever is asked for, and opens the list of those that wait.
  const reveal = () => {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (!target) return;
    if (target.hidden) { form.reset(); apply(); }
    const folded = target.closest("details");
    if (folded) { folded.open = true; target.scrollIntoView(); }
  };
  addEventListener("hashchange", reveal);
  form.hidden = false;
  apply();
  reveal();
});
