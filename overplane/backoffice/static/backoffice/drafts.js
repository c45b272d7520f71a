"use strict";
// What is typed into a form and not saved yet is kept in this browser, under the person and the address, and offered when
// the form is opened again. It ends when the server says that it is saved, when somebody logs out, and with age: session.js.
{
  const numberField = document.querySelector("[data-draft]"), form = numberField?.form, offer = document.querySelector("[data-offer]");
  const person = document.body.dataset.user;
  if (form && person) {
    const words = offer.dataset, page = document.documentElement.lang;
    const language = navigator.languages.find((one) => one.split("-")[0] === page.split("-")[0]) ?? page; // as times.js does
    const query = new URLSearchParams(location.search);
    query.delete("_changelist_filters"); // the way here, not what is here
    const key = `draft:${person}:${location.pathname}?${query}`;
    const read = () => { try { return JSON.parse(localStorage.getItem(key)); } catch { return null; } };
    const isOver = () => Number(localStorage["drafts-ended"] ?? 0) > performance.timeOrigin;
    const found = read();
    numberField.value ||= found?.number ?? `${Date.now().toString(36)}${Math.floor(Math.random() * 36 ** 6).toString(36)}`;

    // The fields. One of a row has the name of its table, its number and its own; a stored row is known by its id.
    const prefixes = [...form.querySelectorAll("[name$='-TOTAL_FORMS']")].map((one) => one.name.replace(/-TOTAL_FORMS$/, ""));
    const named = (name) => form.elements.namedItem(name);
    const fields = () => [...form.elements].filter((one) => one.name && !["hidden", "submit", "button", "fieldset"].includes(one.type) && !/^_|-idx$/.test(one.name));
    const rowOf = (name) => {
      const [, prefix, i, own] = name.match(/^(.+)-(\d+)-([^-]+)$/) ?? [];
      return prefixes.includes(prefix) ? { prefix, i: Number(i), own, id: named(`${prefix}-${i}-id`)?.value ?? "" } : null;
    };
    const valueOf = (field) => (field.type === "checkbox" ? (field.checked ? "on" : "") : field.value);
    const defaultOf = (field) => {
      if (field.type === "checkbox") return field.defaultChecked ? "on" : "";
      if (field instanceof HTMLSelectElement) return ([...field.options].find((one) => one.defaultSelected) ?? field.options[0])?.value ?? "";
      return field.defaultValue;
    };
    // A form for something new that comes back with errors holds what was typed as if it had been so from the start.
    const before = new Map();
    const initial = (field) => named(`initial-${field.name}`);
    const wasOf = (field, name) => {
      const stored = initial(field)?.value;
      if (stored === undefined) return before.get(name) ?? defaultOf(field);
      return field.type === "checkbox" ? (["true", "on", "1"].includes(stored.toLowerCase()) ? "on" : "") : stored;
    };
    const labelOf = (field) => (field.labels?.[0]?.textContent ?? field.getAttribute("aria-label") ?? field.name).replace(/:\s*$/, "").trim();

    // By key: the field, what is in it, what was in it. New rows are counted through.
    const state = () => {
      const all = new Map(), news = new Map();
      for (const field of fields()) {
        const row = rowOf(field.name);
        if (row && !row.id) {
          const known = news.get(row.prefix) ?? news.set(row.prefix, []).get(row.prefix);
          if (!known.includes(row.i)) known.push(row.i);
          row.id = `+${known.indexOf(row.i) + 1}`;
        }
        const name = row ? `${row.prefix}|${row.id}|${row.own}` : field.name;
        all.set(name, { field, value: valueOf(field), was: wasOf(field, name) });
      }
      return all;
    };
    const rowsOf = () => prefixes.map((prefix) => [...form.querySelectorAll(`[name^='${prefix}-'][name$='-id']`)].map((one) => one.value).filter(Boolean).join(" ")).join("|");
    const order = rowsOf();

    let pending = new Map(); // offered, and neither put back nor thrown away
    const write = () => {
      const typed = new Map(pending);
      for (const [name, { field, value, was }] of state()) if (value !== was) typed.set(name, { value, was, label: labelOf(field) });
      const moved = rowsOf();
      try {
        if (isOver()) return;
        if (!typed.size && moved === order) localStorage.removeItem(key);
        else localStorage.setItem(key, JSON.stringify({ user: person, at: Date.now(), number: numberField.value, fields: [...typed], order: moved === order ? null : moved }));
      } catch { /* this browser keeps nothing, or is full */ }
    };
    let timer = 0;
    const stop = () => { clearTimeout(timer); timer = 0; };
    const soon = () => { stop(); timer = setTimeout(() => { stop(); write(); }, 250); }; // typing is not to wait for the disk
    const now = () => { if (timer) { stop(); write(); } };
    form.addEventListener("input", soon);
    form.addEventListener("change", soon);
    form.addEventListener("submit", () => { stop(); write(); });
    document.addEventListener("visibilitychange", now);
    window.addEventListener("pagehide", now);
    const forget = () => { stop(); pending = new Map(); try { localStorage.removeItem(key); } catch { /* none */ } };
    form.querySelector(".discard")?.addEventListener("click", forget, true);

    const put = (field, value) => {
      if (field.type === "checkbox") field.checked = value === "on";
      else {
        if (field instanceof HTMLSelectElement && ![...field.options].some((one) => one.value === value)) field.append(new Option(value, value));
        field.value = value;
      }
      field.closest(".attribute")?.classList.add("open");
      for (const name of ["input", "change"]) field.dispatchEvent(new Event(name, { bubbles: true }));
    };
    const addRow = (prefix) => {
      const group = named(`${prefix}-TOTAL_FORMS`).closest("[data-rows], .inline-group");
      const i = Number(named(`${prefix}-TOTAL_FORMS`).value);
      group?.querySelector(".add-row a, button.add-row, [data-add-row]")?.click();
      return Number(named(`${prefix}-TOTAL_FORMS`).value) > i;
    };
    const sort = (wanted) => wanted.split("|").forEach((ids, n) => {
      const rows = new Map([...form.querySelectorAll(`[name^='${prefixes[n]}-'][name$='-id']`)].map((one) => [one.value, one.closest("tr")]));
      const there = ids.split(" ").map((id) => rows.get(id)).filter(Boolean);
      if (there.length < 2) return;
      const place = document.createComment("");
      [...rows.values()].find((row) => there.includes(row)).before(place);
      place.before(...there);
      place.remove();
      there[0].querySelector("[name$='-DELETE']")?.dispatchEvent(new Event("change", { bubbles: true })); // counts them anew
    });
    const putBack = ({ fields: kept, order: wanted }) => {
      pending = new Map();
      let first = null;
      for (const [name, { value, was }] of kept) {
        const [prefix, id] = name.split("|");
        if (id?.startsWith("+") && !state().has(name) && !addRow(prefix)) continue;
        const field = state().get(name)?.field;
        if (!field) continue;
        // The value that the person saw goes along: what somebody else has written since shows as a conflict.
        const stored = initial(field);
        if (stored && field.type !== "checkbox") stored.value = was;
        put(field, value);
        first ??= field;
      }
      if (wanted) sort(wanted);
      offer.hidden = true;
      stop();
      write();
      return first;
    };

    // What is in the form or stored already is not offered.
    const isStoredRow = (kept, prefix, id) => {
      const values = kept.filter(([name]) => name.startsWith(`${prefix}|${id}|`)).map(([name, { value }]) => [name.split("|")[2], value]);
      const rows = Map.groupBy([...state()].filter(([name]) => name.startsWith(`${prefix}|`)), ([name]) => name.split("|")[1]);
      return [...rows.values()].some((row) => values.every(([own, value]) => row.some(([name, one]) => name.endsWith(`|${own}`) && one.value === value)));
    };
    const open = (kept) => {
      const there = state();
      return kept.filter(([name, { value }]) => {
        const [prefix, id] = name.split("|");
        if (id?.startsWith("+")) return there.get(name)?.value !== value && !isStoredRow(kept, prefix, id);
        return there.get(name)?.value !== value;
      });
    };
    const inWords = (field, value) => {
      if (field?.type === "checkbox") return value ? words.yes : words.no;
      if (field instanceof HTMLSelectElement) return [...field.options].find((one) => one.value === value)?.text || value || "–";
      return value || "–";
    };
    const item = ([name, { value, was, label }]) => {
      const line = document.createElement("li"), field = state().get(name)?.field, [, id, own] = name.split("|");
      const part = (tag, textContent) => Object.assign(document.createElement(tag), { textContent });
      line.append(part("span", `${label}: `), part("bdi", own === "DELETE" ? words.gone : inWords(field, value).slice(0, 200)));
      if (!field && id && !id.startsWith("+")) line.append(part("small", ` (${words.lost})`));
      else if (field && initial(field) && wasOf(field, name) !== was) line.append(part("small", ` (${words.meanwhile}: ${inWords(field, valueOf(field)).slice(0, 80)})`));
      return line;
    };
    const time = (at) => {
      const date = new Date(at), isToday = date.toDateString() === new Date().toDateString();
      return date.toLocaleString(language, isToday ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" });
    };
    const begin = () => {
      const kept = found?.fields ?? [], isBack = performance.getEntriesByType("navigation")[0]?.type === "back_forward";
      const cameBack = Boolean(form.querySelector(".errorlist")) || Boolean(form.querySelector("[data-unsaved]"));
      if (cameBack) for (const name of state().keys()) before.set(name, new Map(kept).get(name)?.was ?? "");
      const offered = open(kept), movedRows = found?.order && found.order !== order && prefixes.length === found.order.split("|").length;
      if (isBack && (kept.length || movedRows)) {
        putBack({ ...found, fields: kept.filter(([name]) => !name.includes("|+") || offered.some(([one]) => one === name)) });
        window.toast(document.createTextNode(words.back));
      } else if (offered.length || movedRows) {
        pending = new Map(offered);
        offer.querySelector("h2").textContent = words.at.replace("{time}", time(found.at));
        offer.querySelector("ul").replaceChildren(...offered.map(item));
        offer.hidden = false;
        offer.querySelector("[data-put-back]").addEventListener("click", () => { putBack({ ...found, fields: offered })?.focus(); window.toast(document.createTextNode(words.back)); });
        offer.querySelector("[data-throw-away]").addEventListener("click", () => { forget(); offer.hidden = true; document.getElementById("content-start").focus(); write(); });
      } else write();
    };
    // Only then has a browser that goes back put its own memory into the fields.
    window.addEventListener("pageshow", (event) => { if (!event.persisted) begin(); });
  }
}
