/* What the scripts of this page share: elements, numbers in words, a board of heads, and a model that is loaded. */
window.LivePage = (() => {
  "use strict";

  const STEPS = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]};
  const LATE = 400; // milliseconds; who waits longer is told that something comes
  const READING = "Reading …";
  const count = n => [...Array(n).keys()];
  const place = name => document.querySelector(`[data-live="${name}"]`);

  /* An element; a function among its attributes listens, false or none leaves one out. */
  function make(name, attributes = {}, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (typeof value === "function") node.addEventListener(key, value);
      else if (value !== false && value !== undefined) node.setAttribute(key, value === true ? "" : value);
    }
    node.append(...children);
    return node;
  }

  const written = (value, digits) => value.toFixed(digits).replace("-", "−");
  const megabytes = bytes => written(bytes / 1e6, 1);
  const plural = (n, one, more = `${one}s`) => `${n} ${n === 1 ? one : more}`;
  const degrees = cosine => (Math.acos(Math.min(1, Math.max(-1, cosine))) * 180) / Math.PI;
  const inDegrees = angle => `${written(angle, angle < 9.95 ? 1 : 0)}°`;
  const headName = (layer, head) => `Layer ${layer}, head ${head}`;

  /* All heads as buttons, one row a layer; arrow keys walk. `press` is told which one; `whole`, if given, is called for
     the button before a row. */
  function board({label, layers, heads, role, press, whole}) {
    const node = make("div", {class: "live-board", role: "group", "aria-label": label});
    const aside = text => make("span", {"aria-hidden": "true"}, text);
    const button = (name, attributes, act) => make("button", {type: "button", tabindex: -1, "aria-label": name, ...attributes, click: act});
    const grid = count(layers).map(layer => {
      const row = count(heads).map(head => button(headName(layer, head), {role, class: "live-head"}, () => press(layer, head)));
      if (!whole) return row;
      const first = button(`Layer ${layer}: all heads`, {class: "live-layer"}, () => whole(layer));
      first.append(String(layer));
      return [first, ...row];
    });
    node.style.setProperty("--heads", heads);
    node.append(aside(""), ...count(heads).map(head => aside(head)));
    grid.forEach((row, layer) => node.append(...(whole ? [] : [aside(layer)]), ...row));
    grid[0][0].tabIndex = 0;
    node.addEventListener("keydown", event => {
      const [down, right] = STEPS[event.key] || [0, 0];
      const y = grid.findIndex(row => row.includes(event.target));
      if (y < 0 || !(down || right)) return;
      event.preventDefault();
      const x = grid[y].indexOf(event.target) + right;
      enter((y + down + layers) % layers, (x + grid[0].length) % grid[0].length).focus();
    });
    function enter(y, x) {
      for (const one of grid.flat()) one.tabIndex = -1;
      grid[y][x].tabIndex = 0;
      return grid[y][x];
    }
    return {node, at: (layer, head) => grid[layer][head + (whole ? 1 : 0)]};
  }

  /* How much of its colour a head has, 0 to 1, and what is said of it behind its name. */
  function shade(button, layer, head, share, words) {
    button.style.setProperty("--share", `${Math.round(100 * share)}%`);
    const name = headName(layer, head) + (words ? `: ${words}` : "");
    button.setAttribute("aria-label", name);
    button.title = name;
  }

  /* A model that comes when it is asked for: a button that says how much, a bar, and in words what went wrong. */
  function loader(home, {model, ask, size, more, done}) {
    const said = make("p", {class: "live-said", role: "status", tabindex: -1});
    const bar = make("progress", {"aria-label": ask, hidden: true});
    const amount = make("span", {class: "live-amount", "aria-hidden": "true"});
    const button = make("button", {type: "button", class: "live-main", click: load}, `${ask} (${size})`);
    const note = make("p", {class: "live-note"}, more);
    home.replaceChildren(make("div", {class: "live-row"}, button, bar, amount), said, note);
    home.hidden = false;
    let quarter = 0;

    /* Also later, when a text needs a little more: then without words. */
    function progress({loaded, total}) {
      const whole = loaded >= total;
      Object.assign(bar, {hidden: whole, max: total, value: loaded});
      amount.textContent = whole ? "" : `${megabytes(loaded)} of ${megabytes(total)} MB`;
      const now = Math.floor((4 * loaded) / total);
      if (button.hidden || whole || now <= quarter) return;
      said.textContent = `${25 * now} % is here.`;
      quarter = now;
    }

    async function load() {
      if (button.getAttribute("aria-disabled")) return;
      button.setAttribute("aria-disabled", "true"); // and keeps the keyboard
      said.textContent = "Loading.";
      quarter = 0;
      try {
        await window.LiveEngine.load(model, progress);
        said.textContent = "Loaded. What stands below follows what you type.";
        if (document.activeElement === button) said.focus({preventScroll: true}); // the keyboard stays where it was
        button.hidden = note.hidden = true;
        await done();
      } catch (error) {
        said.textContent = error.message;
        button.textContent = "Try again";
        bar.hidden = true;
        amount.textContent = "";
      }
      button.removeAttribute("aria-disabled");
    }

    if (location.protocol === "file:") {
      button.hidden = note.hidden = true;
      said.textContent =
        "This page was opened from a disk, and from there a browser lets no page read the weights beside it. In a copy " +
        "of the book’s repository run make serve, and open the address that it names: there you can type. What stands " +
        "below was computed when the book was built.";
    }
    return {progress};
  }

  return {LATE, READING, STEPS, board, count, degrees, headName, inDegrees, loader, make, place, plural, shade, written};
})();
