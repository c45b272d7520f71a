// Search over what the page itself holds: its sections, attributes, parameters, filters, codes and limits.
"use strict";

(() => {
  const MOST = 40;
  const box = document.querySelector(".search");
  const field = box.querySelector("input");
  const panel = box.querySelector(".results");
  const list = panel.querySelector("ul");
  const none = panel.querySelector(".none");
  const status = box.querySelector("[role=status]");
  let entries = null;
  let chosen = -1;

  const plain = (node) => node.textContent.trim().replace(/\s+/g, " ");

  // Without its type, and that it is required.
  const called = (dt) => [...dt.childNodes].filter((part) => !/^(SMALL|EM)$/.test(part.nodeName)).map((part) => part.textContent).join("").trim();

  function collect() {
    const sections = [...document.querySelectorAll(".contents a")].map((link) => {
      const target = document.getElementById(link.hash.slice(1));
      const prose = [...target.querySelectorAll(":scope > .prose > p, :scope > .prose > ol, :scope > .row > .prose > p")];
      return {id: target.id, kind: "Section", name: plain(link.querySelector("span") ?? link), where: "", text: prose.map(plain).join(" "), weight: 0};
    });
    const titles = new Map(sections.map((one) => [one.id, one.name]));
    const lines = [...document.querySelectorAll("main dl[data-kind] > div[id]")].map((line) => {
      const names = [...line.querySelectorAll(":scope > dt code, :scope > dd > code")].map(plain);
      let depth = 0;
      for (let outer = line.parentElement.closest("dl > div"); outer; outer = outer.parentElement.closest("dl > div")) depth += 1;
      const path = line.id.split(".").slice(1, -1).filter((part) => !["path", "query", "header", "filter"].includes(part));
      const section = titles.get(line.closest(".row").id) ?? "";
      return {
        id: line.id,
        kind: line.parentElement.dataset.kind,
        name: called(line.querySelector("dt")),
        where: [section, ...path].join(" › "),
        text: `${names.join(" ")} ${line.dataset.names ?? ""} ${plain(line.querySelector(":scope > dd"))}`,
        weight: 1 + depth,
      };
    });
    for (const one of [...sections, ...lines]) one.low = [one.name, one.where, one.text].map((text) => text.toLowerCase());
    return [...sections, ...lines];
  }

  // How far a word is from what an entry is called; null: it is nowhere in it.
  function distance([name, where, text], word) {
    if (name === word) return 0;
    if (name.startsWith(word)) return 2;
    const at = name.indexOf(word);
    if (at > 0) return /[a-z0-9]/.test(name[at - 1]) ? 8 : 4;
    if (where.includes(word)) return 12;
    return text.includes(word) ? 20 : null;
  }

  function find(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    entries ??= collect();
    const found = [];
    for (const entry of words.length ? entries : []) {
      const distances = words.map((word) => distance(entry.low, word));
      if (!distances.includes(null)) found.push([distances.reduce((a, b) => a + b) + entry.weight, entry]);
    }
    return found.sort((a, b) => a[0] - b[0]).map(([, entry]) => entry);
  }

  function marked(text, words) {
    const part = document.createDocumentFragment();
    const low = text.toLowerCase();
    let at = 0;
    while (at < text.length) {
      const hits = words.map((word) => [low.indexOf(word, at), word]).filter(([place]) => place >= 0).sort((a, b) => a[0] - b[0]);
      if (!hits.length) break;
      const [place, word] = hits[0];
      part.append(text.slice(at, place), Object.assign(document.createElement("mark"), {textContent: text.slice(place, place + word.length)}));
      at = place + word.length;
    }
    part.append(text.slice(at));
    return part;
  }

  function option(entry, number, words) {
    const item = document.createElement("li");
    item.id = `found-${number}`;
    item.setAttribute("role", "option");
    item.dataset.target = entry.id;
    const name = document.createElement(entry.kind === "Section" ? "b" : "code");
    name.append(marked(entry.name, words));
    const where = document.createElement("small");
    where.textContent = [entry.kind, entry.where].filter(Boolean).join(" · ");
    item.append(name, " ", where);
    return item;
  }

  function show() {
    const text = field.value.trim();
    const found = find(text);
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    list.replaceChildren(...found.slice(0, MOST).map((entry, number) => option(entry, number, words)));
    list.hidden = !found.length;
    none.hidden = Boolean(found.length);
    none.textContent = `No result for “${text}”.`;
    open(text !== "");
    choose(found.length ? 0 : -1);
    const more = found.length > MOST ? `; the first ${MOST} are shown` : "";
    status.textContent = !text ? "" : found.length ? `${found.length} ${found.length === 1 ? "result" : "results"}${more}` : none.textContent;
  }

  function open(isOpen) {
    panel.hidden = !isOpen;
    field.setAttribute("aria-expanded", String(isOpen && list.children.length > 0));
    if (!isOpen) choose(-1);
  }

  function choose(number) {
    list.children[chosen]?.setAttribute("aria-selected", "false");
    chosen = number;
    const item = list.children[number];
    if (item) {
      item.setAttribute("aria-selected", "true");
      field.setAttribute("aria-activedescendant", item.id);
      item.scrollIntoView({block: "nearest"});
    } else {
      field.removeAttribute("aria-activedescendant");
    }
  }

  function go(item) {
    open(false);
    const target = document.getElementById(item.dataset.target);
    if (location.hash === `#${target.id}`) dispatchEvent(new HashChangeEvent("hashchange"));
    else location.hash = target.id;
    target.tabIndex = -1; // so that reading goes on from there
    target.focus({preventScroll: true});
  }

  field.addEventListener("input", show);
  field.addEventListener("focus", () => { if (field.value.trim() && panel.hidden) show(); });
  field.addEventListener("keydown", (event) => {
    const count = list.children.length;
    if (event.key === "Escape") {
      event.preventDefault();
      if (panel.hidden) field.value = "";
      open(false);
    } else if (event.key === "Enter" && !panel.hidden && chosen >= 0) {
      event.preventDefault();
      go(list.children[chosen]);
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && field.value.trim()) {
      event.preventDefault();
      if (panel.hidden) show();
      else if (count) choose((chosen + (event.key === "ArrowDown" ? 1 : -1) + count) % count);
    }
  });
  // A click would take the focus from the field before it is done.
  panel.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const item = event.target.closest("li");
    if (item) go(item);
  });
  field.addEventListener("blur", () => open(false));
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest("input, textarea, select, [contenteditable]");
    const isSlash = event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !isTyping;
    const isK = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
    if (!isSlash && !isK) return;
    event.preventDefault();
    field.focus();
    field.select();
  });
  box.hidden = false;
})();
