// A handle in a square drawing: dragged by hand or finger, moved by the arrow keys, and called by a tap beside it.
// Coordinates run from -reach to reach, up is positive. `at` says where it is; `move` is given where it should go.
function draggable(handle, square, name, reach, large, at, move) {
  const follow = (event) => {
    const box = square.getBoundingClientRect();
    move([reach * (2 * (event.clientX - box.left) / box.width - 1), reach * (1 - 2 * (event.clientY - box.top) / box.height)]);
  };
  set(handle, {tabindex: 0, role: "slider", "aria-label": name, "aria-valuemin": -reach, "aria-valuemax": reach});
  handle.addEventListener("pointerdown", (event) => {
    handle.setPointerCapture(event.pointerId);
    handle.focus({preventScroll: true});
    event.preventDefault();
  });
  // A finger on it drags and does not scroll: Chromium passes by touch-action inside an SVG.
  handle.addEventListener("touchstart", (event) => event.preventDefault(), {passive: false});
  handle.addEventListener("pointermove", (event) => {
    if (handle.hasPointerCapture(event.pointerId)) follow(event);
  });
  square.addEventListener("click", follow);
  handle.addEventListener("keydown", (event) => {
    const step = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]}[event.key];
    if (!step) return;
    event.preventDefault();
    move(at().map((x, n) => x + (event.shiftKey ? large : 0.1) * step[n]));
  });
}

// What is shown is what is computed with: inside the drawing, and rounded to one part in `parts`.
const within = (place, reach, parts) =>
  place.map((x) => Math.round(parts * Math.min(Math.max(x, -reach), reach)) / parts);
