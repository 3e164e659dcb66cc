/* The tasks: try an answer on the model, choose one, and be told. The truth was computed when the book was built. */
(() => {
  "use strict";

  const {inDegrees, written} = window.LivePage;

  const WORDS = {
    turned: ({turned}) => `turned by ${inDegrees(turned)}`,
    cosine: ({cosine}) => `cosine ${written(cosine, 3)}`,
    averages: ({averages}) => averages.map((value, layer) => `layer ${layer}: ${written(value, 2)}`).join(", "),
    filled: ({filled}) => filled,
  };

  function start(task) {
    const {answer, model, shows} = task.dataset;
    const said = task.querySelector(".live-said");
    const tries = [...task.querySelectorAll(".live-try")];
    for (const button of tries) {
      const found = button.nextElementSibling;
      button.addEventListener("click", async () => {
        found.textContent = "Trying …";
        const result = await window.LivePage[model].set(JSON.parse(button.dataset.setting));
        found.textContent = !result ? "" : result.failed ?? WORDS[shows](result);
      });
    }
    document.addEventListener("live-ready", ({detail}) => {
      if (detail === model) for (const button of tries) button.hidden = false;
    });
    task.addEventListener("submit", event => {
      event.preventDefault();
      const chosen = new FormData(task).get("choice");
      said.textContent = !chosen ? "Choose an answer first."
        : `${chosen === answer ? "Right" : "Not this one"}: the answer is ${answer}. ${task.querySelector(".live-measured").textContent}`;
    });
    task.querySelector("[type=submit]").hidden = false;
    task.querySelector("details").hidden = true;
  }

  document.querySelectorAll("form.live-task").forEach(start);
})();
