/* Predict, then run: choose, commit, see. Answers stay in this browser alone, and a page can be read without this. */
(() => {
  "use strict";

  const STORE = "attention-measured.predictions"; // {page: {question: letter}}
  const asked = window.PREDICTIONS || {}; // {page: [question]}, written by the build
  let remembered = {};
  let stored = true; // whether the browser keeps anything: it may forbid that, or be full

  function answers() {
    if (!stored) return remembered;
    try {
      const kept = JSON.parse(localStorage.getItem(STORE));
      remembered = kept && typeof kept === "object" ? kept : {};
    } catch (problem) {
      if (!(problem instanceof SyntaxError)) stored = false;
      else remembered = {};
    }
    return remembered;
  }

  function keep(changed) {
    remembered = changed;
    try {
      localStorage.setItem(STORE, JSON.stringify(changed));
    } catch {
      stored = false; // then they last as long as the page
    }
    showProgress();
  }

  function answerTo(page, key) {
    const ofPage = answers()[page];
    return ofPage && typeof ofPage === "object" ? ofPage[key] : undefined;
  }

  function make(name, className, ...children) {
    const element = document.createElement(name);
    if (className) element.className = className;
    element.append(...children);
    return element;
  }

  function button(text, act) {
    const made = make("button", "predict-quiet", text);
    made.type = "button";
    made.addEventListener("click", act);
    return made;
  }

  /* One box */

  function choice(box, item) {
    const letter = [...item.classList].find((name) => name.startsWith("choice-")).slice("choice-".length);
    const radio = make("input");
    Object.assign(radio, { type: "radio", name: `${box.id}-choice`, value: letter, required: true });
    const text = make("span", "", ...(item.querySelector(":scope > p") || item).childNodes);
    const label = make("label", "predict-choice", radio, text, make("span", "predict-mark"));
    return label;
  }

  function makeForm(box) {
    const { page, key, answer, result } = box.dataset;
    const list = box.querySelector("ul.choices");
    const choices = make("fieldset", "", ...[...list.children].map((item) => choice(box, item)));
    const question = box.querySelector("p");
    question.id = `${box.id}-question`;
    choices.setAttribute("aria-labelledby", question.id);
    const commit = make("button", "predict-commit", "Commit");
    const said = make("p", "predict-said");
    said.setAttribute("role", "status");
    const again = button("Answer again", () => change(undefined));
    const form = make("form", "", choices, commit, said, again);
    const outputs = document.querySelectorAll(`[id^="${result}"]`); // of its cell, and of those that draw the answer

    function show(chosen) {
      const settled = chosen !== undefined;
      choices.disabled = commit.hidden = settled;
      again.hidden = !settled;
      for (const label of choices.children) {
        const radio = label.querySelector("input");
        const isAnswer = radio.value === answer;
        radio.checked = settled && radio.value === chosen;
        label.classList.toggle("predict-right", settled && isAnswer);
        label.classList.toggle("predict-wrong", radio.checked && !isAnswer);
        label.lastChild.textContent = !settled ? "" : isAnswer ? "✓" : radio.checked ? "✗" : "";
        label.lastChild.setAttribute("aria-hidden", "true");
      }
      said.replaceChildren();
      if (settled) {
        const verdict = chosen === answer ? `Right: ${answer}.` : `Not this time: the answer is ${answer}.`;
        const link = make("a", "", "See what came out");
        link.href = `#${result}`;
        said.append(make("strong", "", verdict), " ", link);
      }
      for (const output of outputs) output.open = settled;
    }

    function change(chosen) {
      const all = { ...answers(), [page]: { ...answers()[page], [key]: chosen } }; // JSON leaves undefined out
      keep(all);
      show(chosen);
      (said.querySelector("a") || choices.querySelector("input")).focus();
    }

    form.addEventListener("submit", (event) => {
      event.preventDefault();
      change(choices.querySelector("input:checked").value);
    });
    list.replaceWith(form);
    show(answerTo(page, key));
    box.addEventListener("predict-forgotten", () => show(undefined));
  }

  /* Progress, in the contents and on the front page */

  function pageOf(link) {
    const root = new URL(document.documentElement.dataset.content_root || "./", location.href).href;
    const address = new URL(link.getAttribute("href"), location.href).href.replace(/[?#].*$/, "");
    return address.startsWith(root) ? address.slice(root.length).replace(/\.html$/, "") : "";
  }

  function answered(page) {
    return asked[page].filter((key) => answerTo(page, key) !== undefined).length;
  }

  function tick(link, done, total) {
    const mark = link.querySelector(".predict-tick") || link.appendChild(make("span", "predict-tick"));
    const short = make("span", "", done === total ? "✓" : `${done}/${total}`);
    short.setAttribute("aria-hidden", "true");
    const long = make("span", "predict-spoken", ` (${done} of ${total} predictions answered)`);
    mark.replaceChildren(...(done ? [short, long] : []));
  }

  function showProgress() {
    for (const link of document.querySelectorAll(".bd-sidebar-primary .bd-links a, div.parts .card-title a")) {
      const page = pageOf(link);
      if (asked[page]) tick(link, answered(page), asked[page].length);
    }
    const pages = Object.keys(asked);
    const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
    const total = sum(pages.map((page) => asked[page].length));
    const text = `${sum(pages.map(answered))} of ${total} predictions answered`;
    for (const count of document.querySelectorAll(".predict-count")) {
      if (count.textContent !== text) count.textContent = text;
    }
  }

  function forget() {
    if (!window.confirm("Forget all your answers to the predictions of this book?")) return;
    keep({});
    document.querySelectorAll(".predict").forEach((box) => box.dispatchEvent(new Event("predict-forgotten")));
  }

  function progressLine() {
    const count = make("span", "predict-count");
    count.setAttribute("role", "status");
    return make("p", "predict-progress", count, " ", button("Forget my answers", forget));
  }

  function start() {
    document.querySelectorAll(".predict:has(ul.choices)").forEach(makeForm);
    if (!Object.keys(asked).length) return;
    const contents = document.querySelector(".bd-sidebar-primary .bd-links");
    if (contents) contents.after(progressLine());
    const map = document.querySelector("div.parts");
    if (map) map.before(progressLine());
    showProgress();
    window.addEventListener("storage", (event) => event.key === STORE && showProgress());
  }

  /* On paper every output is open. */
  const results = () => [...document.querySelectorAll("details.predict-result")];
  let closed = [];
  window.addEventListener("beforeprint", () => {
    closed = results().filter((result) => !result.open);
    for (const result of closed) result.open = true;
  });
  window.addEventListener("afterprint", () => closed.splice(0).forEach((result) => (result.open = false)));

  start();
})();
