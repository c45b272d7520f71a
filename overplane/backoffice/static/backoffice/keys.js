"use strict";
// Keys of every page: "/" goes to the search, Escape closes an open menu, Ctrl+S saves a form.
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const search = document.querySelector("[data-hotkey='/']");
    if (search) { event.preventDefault(); search.focus(); search.select(); }
  } else if (event.key === "Escape") {
    for (const menu of document.querySelectorAll("details.bo-menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  } else if (event.key === "s" && (event.ctrlKey || event.metaKey) && !event.altKey) {
    const [save] = ["_continue", "_save"].map((name) => document.querySelector(`.submit-row [name='${name}']`)).filter(Boolean);
    if (save) { event.preventDefault(); save.click(); }
  }
});
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.bo-menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
