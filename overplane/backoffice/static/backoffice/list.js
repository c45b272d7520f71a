"use strict";
// A list on a phone is cards: each cell needs its column's name, and empty cells need no line.
{
  const table = document.getElementById("result_list");
  if (table) {
    const labels = [...table.tHead.rows[0].cells].map((cell) => cell.querySelector(".text")?.textContent.trim() ?? "");
    // What lies beyond the edge can be reached by the keyboard, and is seen to be there.
    const scroller = table.closest(".results");
    const frame = document.createElement("div");
    frame.className = "bo-scrolls";
    scroller.replaceWith(frame);
    frame.append(scroller);
    scroller.tabIndex = 0;
    scroller.setAttribute("role", "region");
    scroller.setAttribute("aria-label", document.querySelector("#content h1")?.textContent ?? "");
    const measure = () => frame.classList.toggle("bo-more", scroller.scrollLeft + scroller.clientWidth < scroller.scrollWidth - 1);
    scroller.addEventListener("scroll", measure, { passive: true });
    new ResizeObserver(measure).observe(scroller);
    measure();
    for (const row of table.tBodies[0].rows) {
      [...row.cells].forEach((cell, i) => {
        if (cell.tagName === "TD" && labels[i] && !cell.classList.contains("action-checkbox")) cell.dataset.label = labels[i];
        if (cell.textContent.trim() === "-" && !cell.children.length) cell.classList.add("bo-none");
        if (cell.scrollWidth > cell.clientWidth) cell.title = cell.textContent.trim();
      });
    }
  }
  // Fields left empty do not belong into the address.
  document.getElementById("changelist-search")?.addEventListener("submit", (event) => {
    for (const field of event.target.elements) {
      if (field.name && !field.value && field.name !== "q") field.disabled = true;
    }
  });
  window.addEventListener("pageshow", () => {
    for (const field of document.getElementById("changelist-search")?.elements ?? []) field.disabled = false;
  });
}
