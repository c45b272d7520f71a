"use strict";
// A list as a grid. Arrow keys go from cell to cell; double click, Enter or F2 opens one, Tab and Enter save it and go on,
// Escape leaves it as it was. What somebody else changed meanwhile is shown beside the cell, to choose.
{
  const table = document.getElementById("result_list"), box = table?.closest(".grid");
  if (table) {
    const words = table.dataset;
    let headings = [...table.tHead.rows[0].cells];
    box.addEventListener("scroll", () => box.classList.toggle("is-scrolled", box.scrollLeft > 0), { passive: true });
    box.tabIndex = 0; // what lies beyond the edge is reached by keys

    const all = document.getElementById("action-toggle"); // on a phone it has its words beside it
    if (all) all.closest("th").dataset.label = all.getAttribute("aria-label");

    const readEditors = () => headings.map((heading) => (heading.dataset.editor ? JSON.parse(heading.dataset.editor) : null));
    let editors = readEditors();
    const link = (row) => row.querySelector("th > a");
    document.addEventListener("columns:moved", () => { headings = [...table.tHead.rows[0].cells]; editors = readEditors(); });
    const kept = table.tBodies[0].dataset.kept; // said once for fifty links: where they lead back to
    for (const row of table.tBodies[0].rows) {
      if (kept) link(row).search = kept;
      [...row.cells].forEach((cell, i) => { if (editors[i]) { cell.dataset.cell = headings[i].dataset.name; cell.tabIndex = -1; } });
    }
    // A row as a card has its headings beside its values. Five hundred of them, which wide pages need not wait for.
    const cards = matchMedia("(max-width: 899px)");
    const label = () => {
      if (!cards.matches) return;
      for (const row of table.tBodies[0].rows) [...row.cells].forEach((cell, i) => { if (cell.tagName === "TD") cell.dataset.label = headings[i].textContent.trim(); });
    };
    label();
    cards.addEventListener("change", label);
    // Asked when it is pointed at: measured for each cell at the start it would keep the first paint waiting.
    table.addEventListener("mouseover", (event) => {
      const cell = event.target.closest("tbody :is(td, th)");
      if (cell && !cell.title && cell.scrollWidth > cell.clientWidth) cell.title = cell.textContent.trim();
    });
    const cells = () => [...table.querySelectorAll("[data-cell]")];
    const first = cells()[0];
    if (first) first.tabIndex = 0;
    const focus = (cell) => {
      if (!cell) return;
      for (const one of table.querySelectorAll("[data-cell][tabindex='0']")) one.tabIndex = -1;
      cell.tabIndex = 0;
      cell.focus();
    };
    const beside = (cell, step) => {
      const row = [...cell.parentElement.querySelectorAll("[data-cell]")], at = row.indexOf(cell) + step;
      if (row[at]) return row[at];
      const next = step > 0 ? cell.parentElement.nextElementSibling : cell.parentElement.previousElementSibling;
      const there = next ? [...next.querySelectorAll("[data-cell]")] : [];
      return step > 0 ? there[0] : there.at(-1);
    };
    const below = (cell, step) => {
      const row = step > 0 ? cell.parentElement.nextElementSibling : cell.parentElement.previousElementSibling;
      return row?.querySelector(`[data-cell="${cell.dataset.cell}"]`);
    };
    const content = (cell) => cell.querySelector(":scope > a > bdi") ?? cell;
    const raw = (cell) => cell.dataset.raw ?? content(cell).textContent;

    const note = document.createElement("div");
    note.className = "cell-note";
    note.setAttribute("role", "alert");
    const hideNote = () => note.remove();
    const showNote = (cell, ...content) => {
      note.replaceChildren(...content);
      document.body.append(note);
      const place = cell.getBoundingClientRect();
      note.style.left = `${Math.max(8, Math.min(place.left, innerWidth - note.offsetWidth - 8))}px`;
      note.style.top = `${place.bottom + note.offsetHeight + 12 > innerHeight ? place.top - note.offsetHeight - 6 : place.bottom + 6}px`;
    };
    const element = (name, text, properties = {}) => Object.assign(document.createElement(name), { textContent: text }, properties);

    const put = (cell, answer) => {
      const place = content(cell), model = place.querySelector(":scope > .tag, :scope > .status");
      if (model && answer.shown) model.textContent = answer.shown; else place.textContent = answer.shown;
      answer.raw === answer.shown ? delete cell.dataset.raw : (cell.dataset.raw = answer.raw);
      cell.classList.remove("saved");
      void cell.offsetWidth; // starts the sign anew
      cell.classList.add("saved");
    };
    // Saves of one cell follow one another; the page may be left only when they are through.
    let waiting = 0;
    window.addEventListener("beforeunload", (event) => { if (waiting || table.querySelector(".open")) event.preventDefault(); });
    const send = async (cell, value, was) => {
      const before = [...cell.childNodes].map((one) => one.cloneNode(true)), beforeRaw = cell.dataset.raw;
      cell.classList.add("saving");
      waiting += 1;
      const { isDone, answer } = await window.post(new URL("../cell/", link(cell.parentElement).href), { field: cell.dataset.cell, value, was });
      waiting -= 1;
      cell.classList.remove("saving");
      if (isDone && !answer.refused && answer.raw !== undefined) {
        put(cell, answer);
        if (answer.message) window.toast(toastOf(answer));
        return;
      }
      if (answer.refused === "conflict") {
        const choose = (text, action) => { const button = element("button", text, { type: "button", className: "button" }); button.addEventListener("click", () => { hideNote(); action(); }); return button; };
        const theirs = element("p", ""), choices = element("div", "");
        theirs.append(element("span", `${answer.message} `), element("ins", answer.shown || "–"));
        choices.append(choose(words.theirs, () => { put(cell, answer); focus(cell); }), choose(words.mine, () => { send(cell, value, answer.raw); focus(cell); }));
        showNote(cell, theirs, choices);
        choices.firstChild.focus();
        return;
      }
      cell.replaceChildren(...before);
      if (beforeRaw !== undefined) cell.dataset.raw = beforeRaw;
      open(cell, value);
      showNote(cell, element("p", answer.message ?? words.lost));
    };
    const toastOf = (answer) => {
      const text = document.createElement("span");
      text.append(answer.message, " ");
      if (answer.undo) {
        const button = element("button", words.undoWord, { type: "button", className: "plain" });
        button.dataset.undo = answer.undo;
        button.dataset.undoUrl = answer.undo_url;
        text.append(button);
      }
      return text;
    };

    const makeField = (editor, value) => {
      if (editor.choices) {
        const select = document.createElement("select");
        const known = editor.choices.some(([one]) => one === value) ? editor.choices : [[value, value], ...editor.choices];
        select.append(...known.map(([one, label]) => new Option(label, one, false, one === value)));
        return select;
      }
      const input = Object.assign(document.createElement("input"), { type: "text", value });
      for (const [name, one] of Object.entries(editor.attributes ?? {})) input.setAttribute(name, one);
      return input;
    };
    const open = (cell, start) => {
      const heading = headings[cell.cellIndex], editor = editors[cell.cellIndex];
      if (!editor || cell.classList.contains("saving") || cell.classList.contains("open")) return;
      hideNote();
      const was = raw(cell), field = makeField(editor, start ?? was), kept = [...cell.childNodes];
      field.setAttribute("aria-label", heading.textContent.trim());
      cell.style.minWidth = `${cell.offsetWidth}px`;
      cell.classList.add("open");
      cell.replaceChildren(field);
      field.focus();
      field.select?.();
      let isDone = false;
      const close = (isSaved) => {
        if (isDone) return;
        isDone = true;
        const value = field.value.trim();
        cell.classList.remove("open");
        cell.style.minWidth = "";
        cell.replaceChildren(...kept);
        hideNote();
        if (isSaved && value !== was) send(cell, value, was);
      };
      field.addEventListener("keydown", (event) => {
        if (event.key === "Escape") { event.stopPropagation(); close(false); focus(cell); }
        else if (event.key === "Enter" || event.key === "Tab") {
          event.preventDefault();
          event.stopPropagation();
          const next = event.key === "Tab" ? beside(cell, event.shiftKey ? -1 : 1) : below(cell, event.shiftKey ? -1 : 1);
          close(true);
          focus(next ?? cell);
          if (event.key === "Tab" && next) open(next);
        }
      });
      field.addEventListener("blur", () => close(true));
    };

    table.addEventListener("dblclick", (event) => {
      const cell = event.target.closest("[data-cell]");
      if (cell && !event.target.closest("input, select")) { event.preventDefault(); open(cell); }
    });
    table.addEventListener("mousedown", (event) => {
      const cell = event.target.closest("[data-cell]");
      if (cell && !event.target.closest("a, input, select, button") && !cell.classList.contains("open")) focus(cell);
    });
    table.addEventListener("keydown", (event) => {
      const cell = event.target;
      if (!cell.matches?.("[data-cell]") || event.ctrlKey || event.metaKey || event.altKey) return;
      const to = { ArrowRight: () => beside(cell, 1), ArrowLeft: () => beside(cell, -1), ArrowDown: () => below(cell, 1), ArrowUp: () => below(cell, -1) }[event.key];
      if (to) { event.preventDefault(); focus(to() ?? cell); }
      else if (event.key === "Enter" || event.key === "F2") { event.preventDefault(); open(cell); }
    });
    document.addEventListener("keydown", (event) => { if (event.key === "Escape") hideNote(); });
  }
}
