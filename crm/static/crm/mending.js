"use strict";
// Rows of a checked file are corrected in their cells. Each change is sent at once; the answer says how the rows are then.
{
  const form = document.querySelector("form.mending");
  if (form) {
    const words = form.dataset, output = form.querySelector("output.left");
    const cellOf = (row, index) => form.querySelector(`tr[data-row="${row}"] > [data-cell="${index}"]`);
    const messageOf = (cell) => cell.querySelector(":scope > .message");

    const show = ({ rows, left, kinds }) => {
      for (const [number, row] of Object.entries(rows)) for (const line of form.querySelectorAll(`tr[data-row="${number}"]`)) {
        messageOf(line.cells[0]).textContent = row.messages.join(" ");
        let isRight = !row.messages.length;
        for (const [index, { text, messages }] of Object.entries(row.cells)) {
          const cell = line.querySelector(`[data-cell="${index}"]`), input = cell.querySelector("input, select");
          messageOf(cell).textContent = messages.join(" ");
          cell.classList.toggle("is-wrong", messages.length > 0);
          isRight &&= !messages.length;
          if (input) {
            // Of a closed choice the value that every row gets may be one that this list has not.
            if (input.tagName === "SELECT" && ![...input.options].some((option) => option.value === text)) input.add(new Option(text));
            if (input !== document.activeElement && input.value !== text) input.value = text;
            messages.length ? input.setAttribute("aria-invalid", "true") : input.removeAttribute("aria-invalid");
          } else {
            const shown = cell.querySelector(":scope > .text");
            if ((shown.dataset.text ?? shown.textContent) !== text) { delete shown.dataset.text; shown.textContent = text; }
          }
        }
        line.classList.toggle("is-right", isRight);
      }
      form.querySelectorAll(".problem-kinds > li").forEach((item, i) => item.classList.toggle("is-mended", kinds[i] === 0));
      output.textContent = left === 0 ? words.noneLeft : left === 1 ? words.leftOne : words.left.replace("{count}", left.toLocaleString(document.documentElement.lang));
    };

    // One after the other: the answer to the last is how the rows are.
    let sent = Promise.resolve();
    const send = (field) => {
      const { name, value } = field;
      sent = sent.then(async () => {
        const body = new URLSearchParams({ csrfmiddlewaretoken: form.elements.csrfmiddlewaretoken.value, [name]: value });
        try {
          const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" }, redirect: "manual" });
          if (!answer.ok) throw new Error(String(answer.status));
          show(await answer.json());
        } catch {
          window.toast(words.failed);
        }
      });
    };
    form.addEventListener("change", (event) => { if (event.target.name) send(event.target); });

    // Any other cell becomes a field, too.
    const open = (cell) => {
      const text = cell?.querySelector(":scope > .text");
      if (!text || cell.classList.contains("is-fixed")) return;
      const input = document.createElement("input"), row = cell.parentElement.dataset.row;
      const heading = cell.closest("table").tHead.rows[0].cells[cell.cellIndex].querySelector("bdi").textContent;
      Object.assign(input, { name: `cell-${row}-${cell.dataset.cell}`, value: text.dataset.text ?? text.textContent, maxLength: 65535, autocomplete: "off" });
      input.setAttribute("aria-label", `${heading}, ${row}`);
      input.setAttribute("aria-describedby", messageOf(cell).id);
      text.replaceWith(input);
      cell.removeAttribute("tabindex");
      input.select();
    };
    for (const text of form.querySelectorAll("td[data-cell]:not(.is-fixed) > .text")) {
      text.parentElement.tabIndex = -1;
      text.parentElement.title = words.edit;
    }
    form.addEventListener("dblclick", (event) => open(event.target.closest("td[data-cell]")));
    form.addEventListener("keydown", (event) => {
      const cell = event.target.closest("td[data-cell]");
      if (!cell) {
        // Of a value for many rows Enter keeps it, too: checking the whole file is a button of its own.
        if (event.key === "Enter" && event.target.matches(".value-everywhere input")) { event.preventDefault(); event.target.blur(); }
        return;
      }
      if (event.target instanceof HTMLSelectElement) return; // the arrows are its own
      const isField = event.target instanceof HTMLInputElement;
      if (!isField && (event.key === "Enter" || event.key === "F2")) { event.preventDefault(); return open(cell); }
      const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ...(!isField && { ArrowLeft: [0, -1], ArrowRight: [0, 1] }), ...(isField && { Enter: [1, 0] }) };
      const step = steps[event.key];
      if (!step) return;
      // Enter is the next row: it sends what was typed, and never the whole form.
      event.preventDefault();
      const line = cell.parentElement, next = step[0] < 0 ? line.previousElementSibling : step[0] > 0 ? line.nextElementSibling : line;
      const target = next?.cells[cell.cellIndex + step[1]];
      if (target?.matches("td")) (target.querySelector("input, select") ?? target).focus();
      else if (isField) event.target.blur();
    });
    const first = form.querySelector("[aria-invalid]");
    if (first && location.hash === "#mending") first.focus();
  }
}
