"use strict";
// Rows of a checked file are corrected in their cells. Each change is sent at once, and again until it is kept; the answer
// says how the rows are then.
{
  const AGAIN_MS = 5000; // a server that is restarted is back in so long
  const LONG = 80; // characters: more are seen and changed in a field of several lines
  const form = document.querySelector("form.mending");
  if (form) {
    const words = form.dataset, output = form.querySelector("output.left");
    const messageOf = (cell) => cell.querySelector(":scope > .message");
    const fieldOf = (cell) => cell.querySelector("input, select, textarea");
    const valueOf = (name) => [...form.elements].filter((one) => one.name === name && (one.type !== "checkbox" || one.checked)).at(-1)?.value ?? "";

    const unsent = new Set(); // names of fields whose text is not kept yet
    const showCell = (cell, { text, messages, is_corrected }) => {
      const field = fieldOf(cell);
      messageOf(cell).textContent = messages.join(" ");
      cell.classList.toggle("is-wrong", messages.length > 0);
      cell.classList.toggle("is-corrected", is_corrected && !messages.length);
      if (!field) {
        const shown = cell.querySelector(":scope > .text");
        delete shown.dataset.text;
        shown.textContent = text;
        return;
      }
      // Of a closed choice the value that every row gets may be one that this list has not.
      if (field.tagName === "SELECT" && ![...field.options].some((option) => option.value === text)) field.add(new Option(text));
      if (field !== document.activeElement && !unsent.has(field.name)) field.value = text;
      messages.length ? field.setAttribute("aria-invalid", "true") : field.removeAttribute("aria-invalid");
    };
    const show = ({ rows, left, kinds }) => {
      for (const [number, changed] of Object.entries(rows)) {
        const lines = form.querySelectorAll(`tr[data-row="${number}"]`); // several of one object
        changed.forEach(({ messages, is_right, cells }, i) => {
          if (!lines[i]) return; // on another page
          messageOf(lines[i].cells[0]).textContent = messages.join(" ");
          lines[i].classList.toggle("is-right", is_right);
          for (const [index, cell] of Object.entries(cells)) showCell(lines[i].querySelector(`[data-cell="${index}"]`), cell);
        });
      }
      form.querySelectorAll(".problem-kinds > li").forEach((item, i) => item.classList.toggle("is-mended", kinds[i] === 0));
      output.textContent = left === 0 ? words.noneLeft : left === 1 ? words.leftOne : words.left.replace("{count}", left.toLocaleString(document.documentElement.lang));
    };

    // One after the other: the answer to the last is how the rows are. What could not be kept goes along with what follows.
    let sending = null, again = 0;
    const send = async () => {
      clearTimeout(again);
      while (unsent.size) {
        const sent = Object.fromEntries([...unsent].map((name) => [name, valueOf(name)]));
        const { isDone, answer, status } = await window.post(form.action, sent);
        if (!isDone) {
          const isAway = !status || status >= 500;
          const reason = isAway ? words.failed : status === 404 ? words.gone : words.signedOut;
          if (output.textContent !== reason) window.toast(reason);
          output.textContent = reason;
          if (isAway) again = setTimeout(keep, AGAIN_MS);
          return;
        }
        for (const [name, value] of Object.entries(sent)) if (valueOf(name) === value) unsent.delete(name);
        show(answer);
      }
    };
    const keep = () => (sending ??= send().finally(() => { sending = null; }));
    form.addEventListener("change", ({ target }) => {
      if (!target.name) return;
      // A text for many rows, or none for all of them.
      if (target.matches(".value-everywhere input:not([type=checkbox])")) for (const box of target.parentElement.querySelectorAll("[type=checkbox]")) box.checked = false;
      unsent.add(target.name);
      keep();
    });
    window.addEventListener("beforeunload", (event) => { if (unsent.size) event.preventDefault(); });
    form.addEventListener("submit", async (event) => {
      if (!unsent.size) return;
      event.preventDefault();
      await keep();
      if (!unsent.size) form.requestSubmit(event.submitter);
    });
    // All of it is kept by then: the fields may be older than what was corrected in another tab.
    form.addEventListener("formdata", ({ formData }) => { for (const name of [...formData.keys()]) if (/^(cell|value)-/.test(name)) formData.delete(name); });

    // Any other cell becomes a field, too.
    const open = (cell) => {
      const text = cell?.querySelector(":scope > .text");
      if (!text || cell.classList.contains("is-fixed")) return;
      const value = text.dataset.text ?? text.textContent, isLong = value.length > LONG || value.includes("\n");
      const field = document.createElement(isLong ? "textarea" : "input"), row = cell.parentElement.dataset.row;
      Object.assign(field, { name: `cell-${row}-${cell.dataset.cell}`, value, maxLength: 65535, autocomplete: "off" });
      field.setAttribute("aria-label", words.cell.replace("{heading}", cell.dataset.label).replace("{row}", row));
      field.setAttribute("aria-describedby", messageOf(cell).id);
      text.replaceWith(field);
      field.focus();
      field.select();
    };
    for (const cell of form.querySelectorAll("td[data-cell]")) {
      cell.tabIndex = -1;
      if (cell.querySelector(":scope > .text") && !cell.classList.contains("is-fixed")) cell.title = words.edit;
    }
    form.addEventListener("click", ({ target }) => { if (getSelection().isCollapsed) open(target.closest("td[data-cell]")); });
    let before = ""; // what the field held when somebody came to it
    form.addEventListener("focusin", ({ target }) => { before = target.value; });
    form.addEventListener("keydown", (event) => {
      const cell = event.target.closest("td[data-cell]"), isField = cell && event.target !== cell;
      if (!cell) {
        // Of a value for many rows Enter keeps it, too: checking the whole file is a button of its own.
        if (event.key === "Enter" && event.target.matches(".value-everywhere input")) { event.preventDefault(); event.target.blur(); }
        return;
      }
      if (isField && event.key === "Escape") { event.preventDefault(); event.target.value = before; return cell.focus(); }
      if (isField && !event.target.matches("input")) return; // the arrows are its own
      if (!isField && (event.key === "Enter" || event.key === "F2")) { event.preventDefault(); return fieldOf(cell) ? fieldOf(cell).focus() : open(cell); }
      const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ...(!isField && { ArrowLeft: [0, -1], ArrowRight: [0, 1] }), ...(isField && { Enter: [1, 0] }) };
      const step = steps[event.key];
      if (!step) return;
      // Enter is the next row: it sends what was typed, and never the whole form.
      event.preventDefault();
      const line = cell.parentElement, next = step[0] < 0 ? line.previousElementSibling : step[0] > 0 ? line.nextElementSibling : line;
      const target = next?.cells[cell.cellIndex + step[1]];
      if (target?.matches("td")) (isField ? fieldOf(target) ?? target : target).focus();
      else if (isField) event.target.blur();
    });
    const first = form.querySelector("[aria-invalid]");
    if (first && location.hash === "#mending") first.focus();
  }
}
