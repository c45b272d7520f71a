"use strict";
// The columns of a list: dragged or moved by Alt and the arrow keys at their heading, widened at their edge. The server
// keeps order, widths and density, for the view that is open or for the list.
{
  const table = document.getElementById("result_list");
  if (table) {
    const row = table.tHead.rows[0], sheet = new CSSStyleSheet();
    const layout = JSON.parse(table.dataset.layout), widths = { ...layout.widths };
    const named = () => [...row.cells].filter((cell) => cell.dataset.name);
    const NARROWEST = 60, WIDEST = 900;
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
    const draw = () => sheet.replaceSync(Object.entries(widths).map(([name, width]) => `#result_list :is(.column-${CSS.escape(name)}, .field-${CSS.escape(name)}) { width: ${width}px; min-width: ${width}px; max-width: ${width}px; }`).join("\n"));
    draw();
    table.classList.toggle("dense", layout.dense === true);
    const save = () => {
      const sent = new URLSearchParams({ widths: JSON.stringify(widths), density: table.classList.contains("dense") ? "dense" : "", back: location.pathname + location.search });
      for (const cell of named()) sent.append("column", cell.dataset.name);
      const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
      // Whoever saves a view next saves it as it stands now.
      for (const field of document.querySelectorAll("input[name=widths]")) field.value = sent.get("widths");
      for (const form of document.querySelectorAll("form:has(input[type=hidden][name=column])")) {
        const fields = [...form.querySelectorAll("input[type=hidden][name=column]")];
        sent.getAll("column").forEach((name, i) => { if (fields[i]) fields[i].value = name; });
      }
      fetch(table.dataset.columnsUrl, { method: "POST", credentials: "same-origin", redirect: "manual", headers: { "X-CSRFToken": token }, body: sent }).catch(() => {});
    };
    // The name stands first: it is what the row is known by.
    const move = (from, to) => {
      const first = named()[0].cellIndex;
      if (from === to || from <= first || to <= first || to >= row.cells.length) return;
      for (const one of table.rows) {
        const cell = one.cells[from], other = one.cells[to];
        to > from ? other.after(cell) : other.before(cell);
      }
      document.dispatchEvent(new CustomEvent("columns:moved"));
      save();
    };
    let dragged = null;
    for (const cell of named()) {
      const handle = document.createElement("div");
      handle.className = "widener";
      cell.append(handle);
      handle.addEventListener("pointerdown", (event) => {
        event.preventDefault();
        const mayMove = cell.draggable;
        cell.draggable = false; // the browser would drag the heading instead
        const start = event.clientX, width = cell.offsetWidth;
        handle.classList.add("active");
        handle.setPointerCapture(event.pointerId);
        const follow = (moved) => { widths[cell.dataset.name] = Math.round(Math.min(Math.max(width + moved.clientX - start, NARROWEST), WIDEST)); draw(); };
        const stop = () => { cell.draggable = mayMove; handle.classList.remove("active"); handle.removeEventListener("pointermove", follow); save(); };
        handle.addEventListener("pointermove", follow);
        handle.addEventListener("pointerup", stop, { once: true });
        handle.addEventListener("pointercancel", stop, { once: true });
      });
      handle.addEventListener("dblclick", () => { delete widths[cell.dataset.name]; draw(); save(); });
      cell.addEventListener("keydown", (event) => {
        const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
        if (!event.altKey || !step) return;
        event.preventDefault();
        const focused = document.activeElement;
        move(cell.cellIndex, cell.cellIndex + step);
        focused.focus();
      });
      if (cell === named()[0]) continue;
      cell.draggable = true;
      cell.addEventListener("dragstart", (event) => {
        dragged = cell;
        event.dataTransfer.effectAllowed = "move";
        event.dataTransfer.setData("text/plain", cell.dataset.name);
      });
      cell.addEventListener("dragover", (event) => { if (dragged && dragged !== cell) { event.preventDefault(); cell.classList.add("drop"); } });
      cell.addEventListener("dragleave", () => cell.classList.remove("drop"));
      cell.addEventListener("drop", (event) => {
        event.preventDefault();
        cell.classList.remove("drop");
        if (dragged) move(dragged.cellIndex, cell.cellIndex);
        dragged = null;
      });
    }
  }
}
