// Runs before the page is drawn: without scripts all samples stand one below the other, with them one language is shown.
"use strict";

(() => {
  let chosen = null;
  try { chosen = localStorage.getItem("docs-language"); } catch { /* storage may be forbidden */ }
  const known = ["curl", "python", "javascript"];
  document.documentElement.dataset.language = known.includes(chosen) ? chosen : known[0];
})();
