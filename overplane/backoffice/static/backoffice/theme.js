"use strict";
// The theme that this browser was told, before the first paint; what the buttons of the account menu choose.
{
  const root = document.documentElement;
  root.classList.add("js"); // what needs a script may hide behind one
  const stored = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  const chosen = () => (["light", "dark"].includes(stored()) ? stored() : "auto");
  const show = () => {
    root.dataset.theme = chosen();
    for (const button of document.querySelectorAll("[data-theme-choice]")) button.setAttribute("aria-pressed", String(button.dataset.themeChoice === chosen()));
  };
  show();
  document.addEventListener("DOMContentLoaded", show);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-choice]");
    if (!button) return;
    try { localStorage.setItem("theme", button.dataset.themeChoice); } catch { root.dataset.theme = button.dataset.themeChoice; return; }
    show();
  });
}
