"use strict";
// Ctrl+K: one field that finds records, and whatever the menu, the account menu and the views of the list offer.
// Of the records that were opened this browser keeps ids alone, for one person, until log-out; the server says their names.
{
  const OPENED = "opened", MOST_OPENED = 8;
  const PAUSE_MS = 70; // between two letters; who types on is not answered yet
  const LEAST = 2; // letters, as the server asks for
  const dialog = document.getElementById("palette");
  const forget = () => { try { localStorage.removeItem(OPENED); } catch { /* nothing can be kept here */ } };
  if (document.body.classList.contains("login")) forget();
  document.getElementById("logout-form")?.addEventListener("submit", forget);
  if (dialog) {
    const { find, start, records, person, icons } = dialog.dataset;
    const input = dialog.querySelector("input"), list = dialog.querySelector("[role=listbox]"), said = dialog.querySelector("[role=status]");
    const opened = () => {
      try {
        const kept = JSON.parse(localStorage.getItem(OPENED) ?? "{}");
        return kept.person === person && Array.isArray(kept.ids) ? kept.ids : [];
      } catch { return []; }
    };
    const [, here] = (records && location.pathname.startsWith(records) && location.pathname.slice(records.length).match(/^([a-z]+_[^/]+)\//)) || [];
    if (here) {
      const ids = [here, ...opened().filter((id) => id !== here)].slice(0, MOST_OPENED);
      try { localStorage.setItem(OPENED, JSON.stringify({ person, ids })); } catch { /* nothing can be kept here */ }
    }

    const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
    const picture = (name) => {
      const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg"), use = document.createElementNS("http://www.w3.org/2000/svg", "use");
      svg.setAttribute("class", "icon");
      svg.setAttribute("aria-hidden", "true");
      use.setAttribute("href", `${icons}#${name}`);
      svg.append(use);
      return svg;
    };
    const entry = (element) => {
      const group = element.closest(".segments")?.getAttribute("aria-label");
      const words = element.textContent.trim();
      const icon = element.querySelector("svg")?.cloneNode(true) ?? picture("languages");
      return { title: group ? `${group}: ${words}` : words, isRare: Boolean(group), icon, url: element.getAttribute("href"), run: () => element.click() };
    };
    const offered = {
      pages: [...document.querySelectorAll("#rail li a, #account a")].map(entry),
      actions: [...document.querySelectorAll("#account button")].map(entry),
      opened: [], views: [], records: [],
    };
    let active = -1, options = [], typed = "", asked, timer, entered, isAsking = false, hasStarted = false, hasFailed = false;

    const sections = () => {
      const words = fold(typed).split(/\s+/).filter(Boolean);
      // Themes and languages would push what is wanted often out of sight: they come when they are asked for.
      if (!words.length) return ["opened", "actions", "views", "pages"].map((name) => [name, offered[name].filter((one) => !one.isRare)]);
      const fits = (one) => words.every((word) => fold(one.title).includes(word));
      const local = ["pages", "actions", "views"].map((name) => [name, offered[name].filter(fits)]);
      // What begins with the words was meant; it stands above the records, so these do not push it away when they come.
      const isMeant = ([, some]) => some.some((one) => fold(one.title).startsWith(fold(typed)));
      const all = offered.records.length ? [{ title: dialog.dataset.all, icon: picture("list-filter"), url: `${records}?${new URLSearchParams({ q: typed })}` }] : [];
      return [...local.filter(isMeant), ["records", [...offered.records, ...all]], ...local.filter((one) => !isMeant(one))];
    };
    const option = (one) => {
      const row = document.createElement(one.url ? "a" : "div");
      row.setAttribute("role", "option");
      row.className = "palette-option";
      row.tabIndex = -1;
      if (one.url) row.href = one.url;
      const text = document.createElement("span"), title = document.createElement("bdi");
      title.textContent = one.title;
      text.append(title);
      if (one.note) {
        const note = document.createElement("small");
        note.textContent = one.note;
        text.append(note);
      }
      const sign = one.letters ? document.createElement("span") : typeof one.icon === "object" ? one.icon : picture(one.icon ?? "star");
      if (one.letters) { sign.className = `avatar hue-${one.hue}`; sign.textContent = one.letters; sign.setAttribute("aria-hidden", "true"); }
      row.append(sign, text);
      row.addEventListener("click", (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        if (one.url) return;
        event.preventDefault();
        dialog.close();
        one.run();
      });
      row.addEventListener("pointermove", () => { const i = options.findIndex(({ row: other }) => other === row); if (i !== active) point(i); });
      return row;
    };
    const point = (i) => {
      active = options.length ? (i + options.length) % options.length : -1;
      options.forEach(({ row }, at) => row.setAttribute("aria-selected", String(at === active)));
      const row = options[active]?.row;
      if (row) { input.setAttribute("aria-activedescendant", row.id); row.scrollIntoView({ block: "nearest" }); }
      else input.removeAttribute("aria-activedescendant");
    };
    const show = ({ keeps = false } = {}) => {
      const before = keeps && active > 0 ? options[active]?.key : null;
      options = [];
      list.replaceChildren(...sections().filter(([, some]) => some.length).map(([name, some]) => {
        const group = document.createElement("div"), heading = document.createElement("p");
        group.setAttribute("role", "group");
        group.setAttribute("aria-labelledby", heading.id = `palette-${name}`);
        heading.className = "palette-heading";
        heading.setAttribute("role", "presentation");
        heading.textContent = dialog.dataset[`heading${name[0].toUpperCase()}${name.slice(1)}`];
        const rows = some.map((one) => {
          const row = option(one);
          row.id = `palette-option-${options.length}`;
          options.push({ row, one, key: `${name} ${one.url ?? one.title}` });
          return row;
        });
        group.append(heading, ...rows);
        return group;
      }));
      list.hidden = !options.length;
      input.setAttribute("aria-expanded", String(options.length > 0));
      point(Math.max(0, options.findIndex(({ key }) => key === before)));
      const { one, many, none, lost } = dialog.dataset;
      said.classList.toggle("visually-hidden", options.length > 0 && !hasFailed);
      said.textContent = hasFailed ? lost : isAsking ? "" : options.length === 1 ? one : options.length ? many.replace("{n}", options.length) : none;
    };

    const fetched = async (address, parameters, signal) => {
      const answer = await fetch(`${address}?${new URLSearchParams(parameters)}`, { credentials: "same-origin", redirect: "manual", signal });
      if (!answer.ok || answer.redirected) throw new Error("no answer");
      return answer.json();
    };
    const begin = async () => {
      if (hasStarted || !start) return;
      hasStarted = true;
      try {
        const known = await fetched(start, { opened: opened().filter((id) => id !== here).join(",") });
        offered.opened = known.opened;
        offered.views = known.views;
        offered.actions.unshift(...known.actions);
      } catch { hasStarted = false; hasFailed = true; }
      show({ keeps: true });
    };
    const ask = async () => {
      const mine = asked = new AbortController();
      try {
        const answer = await fetched(find, { q: typed }, mine.signal);
        offered.records = answer.records;
        hasFailed = false;
      } catch {
        if (mine.signal.aborted) return;
        offered.records = [];
        hasFailed = true;
      }
      isAsking = false;
      show({ keeps: true });
      if (entered) { const how = entered; entered = null; choose(how); }
    };
    const choose = ({ isNewTab }) => {
      const { row, one } = options[active] ?? {};
      if (!row) return;
      if (one.url && isNewTab) window.open(one.url, "_blank", "noopener");
      else row.click();
    };
    const open = () => {
      if (dialog.open) { input.select(); return; }
      dialog.showModal();
      input.focus();
      input.select();
      hasFailed = false;
      show();
      begin();
    };

    input.addEventListener("input", () => {
      typed = input.value.trim();
      clearTimeout(timer);
      asked?.abort();
      entered = null;
      isAsking = Boolean(find) && typed.length >= LEAST;
      hasFailed = false;
      if (isAsking) timer = setTimeout(ask, PAUSE_MS); else offered.records = [];
      show();
    });
    input.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step) { event.preventDefault(); point(active + step); }
      else if (event.key === "Enter") {
        event.preventDefault();
        const how = { isNewTab: event.ctrlKey || event.metaKey };
        // Who types and enters at once means the record, which is still on its way.
        if (isAsking && active <= 0) entered = how; else choose(how);
      }
    });
    dialog.addEventListener("click", (event) => { if (event.target === dialog || event.target.closest("[data-palette-close]")) dialog.close(); });
    document.addEventListener("click", (event) => { if (event.target.closest("[data-palette]")) open(); });
    document.addEventListener("keydown", (event) => {
      if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
        event.preventDefault();
        open();
      }
    });
    if (/Mac|iPhone|iPad/.test(navigator.platform)) for (const key of document.querySelectorAll("[data-modifier]")) key.textContent = `⌘ ${key.textContent.split(" ").at(-1)}`;
  }
}
