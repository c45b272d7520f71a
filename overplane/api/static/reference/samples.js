// Samples: one language at a time, the same in all of them; copying; the reader's own key in the place of sk_test_....
"use strict";

(() => {
  const root = document.documentElement;
  const tabs = [];

  function choose(language) {
    root.dataset.language = language;
    try { localStorage.setItem("docs-language", language); } catch { /* then for this page only */ }
    mark();
  }

  function mark() {
    for (const tab of tabs) {
      const isChosen = tab.dataset.language === root.dataset.language;
      tab.setAttribute("aria-selected", String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
    }
  }

  // The samples above the one that is used may change their height: it stays where it is on the screen.
  function chooseAt(tab, language) {
    const before = tab.getBoundingClientRect().top;
    choose(language);
    window.scrollBy({top: tab.getBoundingClientRect().top - before, behavior: "instant"});
  }

  function walk(event) {
    const list = [...event.currentTarget.children];
    const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    const at = list.indexOf(event.target);
    const to = {Home: 0, End: list.length - 1}[event.key] ?? (step && (at + step + list.length) % list.length);
    if (to === undefined) return;
    event.preventDefault();
    chooseAt(list[to], list[to].dataset.language);
    list[to].focus({preventScroll: true});
  }

  document.querySelectorAll(".sample.call").forEach((sample, number) => {
    const list = document.createElement("div");
    list.className = "tabs";
    list.setAttribute("role", "tablist");
    list.setAttribute("aria-label", `Language of “${sample.querySelector(".title").textContent}”`);
    for (const code of sample.querySelectorAll(".code")) {
      const tab = document.createElement("button");
      tab.type = "button";
      tab.id = `tab-${number}-${code.dataset.language}`;
      tab.setAttribute("role", "tab");
      tab.dataset.language = code.dataset.language;
      tab.textContent = code.querySelector(".language").textContent;
      code.id = `panel-${number}-${code.dataset.language}`;
      code.setAttribute("role", "tabpanel");
      code.setAttribute("aria-labelledby", tab.id);
      tab.setAttribute("aria-controls", code.id);
      tab.addEventListener("click", () => chooseAt(tab, tab.dataset.language));
      tabs.push(tab);
      list.append(tab);
    }
    list.addEventListener("keydown", walk);
    sample.querySelector(".title").append(list);
  });
  mark();

  // Copying, where the browser lets pages copy.
  for (const sample of navigator.clipboard ? document.querySelectorAll(".sample:has(pre)") : []) {
    const title = sample.querySelector(".title");
    const button = document.createElement("button");
    button.className = "copy";
    button.type = "button";
    button.textContent = "Copy";
    button.setAttribute("aria-label", `Copy “${title.firstChild.textContent.trim()}”`);
    button.addEventListener("click", async () => {
      const shown = [...sample.querySelectorAll("pre")].find((pre) => pre.offsetParent !== null);
      await navigator.clipboard.writeText(shown.textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    title.append(button);
  }

  // The reader's key lives in the samples, in its field and in the tab's session storage; no request has it.
  const PLACEHOLDER = "sk_test_...";
  const LOOKS_RIGHT = /^[rs]k_(test|live)_[0-9A-Za-z]+$/;
  const details = document.querySelector(".own-key");
  const field = details.querySelector("input");
  const state = details.querySelector("[role=status]");
  const forget = details.querySelector(".forget");

  function fill(text) {
    const key = text.trim();
    const isRight = LOOKS_RIGHT.test(key);
    for (const place of document.querySelectorAll(".key")) place.textContent = isRight ? key : PLACEHOLDER;
    try {
      if (isRight) sessionStorage.setItem("docs-key", key);
      else sessionStorage.removeItem("docs-key");
    } catch { /* then for this page only */ }
    state.textContent = isRight ? told(key) : key && `This is no API key. One looks like ${PLACEHOLDER}, with letters and digits for the dots.`;
    state.classList.toggle("wrong", Boolean(key) && !isRight);
    field.setAttribute("aria-invalid", String(Boolean(key) && !isRight));
    details.querySelector("summary").textContent = isRight ? `Your API key …${key.slice(-4)}` : "Your API key";
    forget.hidden = !key;
  }

  function told(key) {
    if (key[0] === "r") return `All samples have the key that ends in ${key.slice(-4)}. It may only read.`;
    const live = key.includes("_live_") ? " It is a live key: what you run changes real data." : "";
    return `All samples have the key that ends in ${key.slice(-4)}.${live}`;
  }

  details.hidden = false;
  try { field.value = sessionStorage.getItem("docs-key") ?? ""; } catch { /* nothing was kept */ }
  fill(field.value);
  field.addEventListener("input", () => fill(field.value));
  forget.addEventListener("click", () => {
    field.value = "";
    fill("");
    field.focus();
  });
  details.addEventListener("toggle", () => { if (details.open) field.focus(); });
  details.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !details.open) return;
    details.open = false;
    details.querySelector("summary").focus();
  });
  document.addEventListener("click", (event) => { if (!details.contains(event.target)) details.open = false; });
})();
