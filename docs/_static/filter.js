// Adds a box above each table of class "filtered": rows without its words are hidden.
document.addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll("table.filtered")) {
    const rows = [...table.tBodies[0].rows].map((row) => ({
      row,
      text: row.textContent.toLowerCase(),
    }));
    const box = document.createElement("input");
    box.type = "search";
    box.className = "filter";
    box.placeholder = "Filter, for example: JWINS alpha";
    box.setAttribute("aria-label", "Filter the rows of this table");
    const count = document.createElement("output");
    const show = () => {
      const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const { row, text } of rows) {
        row.hidden = !words.every((word) => text.includes(word));
        shown += !row.hidden;
      }
      count.textContent = `${shown} of ${rows.length}`;
    };
    box.addEventListener("input", show);
    // options.html?filter=JWINS shows the options of JWINS
    box.value = new URLSearchParams(location.search).get("filter") || "";
    const place = table.closest(".table-wrapper") || table;
    place.before(box, count);
    show();
  }
});
