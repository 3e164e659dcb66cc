const rows = [...root.querySelectorAll("tbody tr")];
const width = (x) => `${(100 * Math.max(x, 0)) / data.most}%`;

function follow(strength) {
  const at = data.strengths.indexOf(strength);
  rows.forEach((row, n) => {
    const [left, control] = [data.left[n][at], data.control[n][at]];
    row.children[1].textContent = number(left, 1);
    row.children[2].textContent = number(control, 1);
    row.children[3].children[0].style.width = width(control);
    row.children[3].children[1].style.width = width(left);
  });
}

slider("strength", data.strengths, data.at, (value) => number(value, 1), follow);
follow(data.at);
