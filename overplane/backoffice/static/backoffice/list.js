"use strict";
// A list on a phone is cards: each cell needs its column's name, and empty cells need no line.
{
  const table = document.getElementById("result_list");
  if (table) {
    const labels = [...table.tHead.rows[0].cells].map((cell) => cell.querySelector(".text")?.textContent.trim() ?? "");
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
