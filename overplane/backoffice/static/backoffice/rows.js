"use strict";
// Rows of the tables inside a form: dragged, or moved by buttons and Alt+arrow. Each row keeps its position in its field
// "idx". A page may have several such tables; a row never leaves its own.
{
  const words = document.querySelector("[data-form-guard]")?.dataset ?? {};
  const position = (row) => row.querySelector("[name$='-idx']");
  const isDeleted = (row) => Boolean(row.querySelector("[name$='-DELETE']")?.checked);

  const number = (row, text) => {
    for (const field of row.querySelectorAll("[aria-label]")) {
      if (field.type !== "hidden") field.setAttribute("aria-label", field.getAttribute("aria-label").replace(/[^\s,]+$/, text));
    }
  };

  const button = (text, name, action) => {
    const element = document.createElement("button");
    element.type = "button";
    element.textContent = text;
    element.setAttribute("aria-label", `${name}, 1`); // the last word is the row's number; see number()
    element.title = name;
    element.addEventListener("click", action);
    return element;
  };

  const makeSortable = (group, body) => {
    const rows = () => [...body.querySelectorAll("tr.form-row:not(.empty-form)")];
    const first = Number(rows()[0] && position(rows()[0]).value) || 1; // of this page of the list
    const headings = new Map([...group.querySelectorAll("thead th")].map((th) => [th.className.match(/column-(\S+)/)?.[1] ?? "removal", th.textContent.trim()]));
    const status = document.createElement("p");
    status.className = "visually-hidden";
    status.setAttribute("role", "status");
    group.append(status);

    const refresh = () => {
      const all = rows();
      all.forEach((row, i) => {
        const [, up, down] = row.querySelectorAll(".bo-row-tools button");
        if (up) { up.disabled = i === 0; down.disabled = i === all.length - 1; }
      });
    };
    const renumber = () => {
      let next = first;
      for (const row of rows()) {
        row.classList.toggle("bo-deleted", isDeleted(row));
        if (isDeleted(row)) continue;
        position(row).value = next;
        number(row, next);
        next += 1;
      }
      refresh();
      group.closest("form").dispatchEvent(new Event("change"));
    };
    const move = (row, step) => {
      const all = rows(), other = all[all.indexOf(row) + step];
      if (!other) return;
      step < 0 ? other.before(row) : other.after(row);
      renumber();
      status.textContent = `${position(row).value} / ${rows().length}`;
    };
    const drag = (row, start) => {
      start.preventDefault();
      row.classList.add("bo-moving");
      const follow = (event) => {
        const over = rows().find((other) => {
          const box = other.getBoundingClientRect();
          return other !== row && event.clientY >= box.top && event.clientY < box.bottom;
        });
        if (!over) return;
        const box = over.getBoundingClientRect();
        event.clientY < box.top + box.height / 2 ? over.before(row) : over.after(row);
      };
      // On the document: an element that is moved in the tree loses a captured pointer.
      const listening = new AbortController(), { signal } = listening;
      const stop = () => {
        listening.abort();
        row.classList.remove("bo-moving");
        renumber();
      };
      document.addEventListener("pointermove", follow, { signal });
      document.addEventListener("pointerup", stop, { signal });
      document.addEventListener("pointercancel", stop, { signal });
    };
    const addTools = (row) => {
      for (const [name, text] of headings) {
        const cell = row.querySelector(`td.field-${name}`);
        if (cell) cell.dataset.label = text;
      }
      const removal = row.querySelector("td.delete");
      if (removal) removal.dataset.label = headings.get("removal");
      const cell = row.querySelector("td.original");
      if (!cell || cell.querySelector(".bo-row-tools") || !position(row)) return;
      const tools = document.createElement("div");
      tools.className = "bo-row-tools";
      const handle = button("⠿", words.drag, () => {});
      handle.className = "bo-drag";
      handle.tabIndex = -1;
      handle.addEventListener("pointerdown", (event) => drag(row, event));
      const step = (by) => () => { move(row, by); tools.children[by < 0 ? 1 : 2].focus(); };
      tools.append(handle, button("↑", words.up, step(-1)), button("↓", words.down, step(1)));
      cell.append(tools);
      number(row, position(row).value);
    };

    rows().forEach(addTools);
    refresh();
    body.addEventListener("keydown", (event) => {
      const row = event.target.closest("tr.form-row");
      if (!row || !event.altKey || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
      event.preventDefault();
      const focused = event.target;
      move(row, event.key === "ArrowUp" ? -1 : 1);
      focused.focus();
    });
    body.addEventListener("change", (event) => { if (event.target.name?.endsWith("-DELETE")) renumber(); });
    const isOwn = (event) => `${event.detail.formsetName}-group` === group.id;
    document.addEventListener("formset:added", (event) => { if (isOwn(event)) { addTools(event.target); renumber(); } });
    document.addEventListener("formset:removed", (event) => { if (isOwn(event)) renumber(); });
  };

  for (const group of document.querySelectorAll(".js-inline-admin-formset")) {
    const body = group.querySelector("tbody");
    if (body && body.querySelector("[name$='-idx']")) makeSortable(group, body);
  }
}
