// Leaderboards sort by a click on a heading. Without a score a line stays below, either way round.

function sortBy(table, heading, place) {
  const now = heading.getAttribute("aria-sort");
  const first = heading.dataset.first ?? "ascending";
  const other = first === "ascending" ? "descending" : "ascending";
  const direction = now === first ? other : first;
  const turn = direction === "ascending" ? 1 : -1;
  const numeric = heading.dataset.sort === "number";
  const body = table.tBodies[0];
  const lines = [...body.rows].map((row) => ({ row, value: row.cells[place].dataset.value ?? "" }));
  lines.sort((a, b) => {
    if (a.value === "" || b.value === "") return (a.value === "") - (b.value === "");
    return turn * (numeric ? Number(a.value) - Number(b.value) : a.value.localeCompare(b.value));
  });
  body.append(...lines.map((line) => line.row));
  for (const each of table.tHead.rows[0].cells) each.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", direction);
}

for (const table of document.querySelectorAll("table.board")) {
  [...table.tHead.rows[0].cells].forEach((heading, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => sortBy(table, heading, place));
  });
}
