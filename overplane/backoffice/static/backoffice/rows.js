"use strict";
// Rows inside a form: dragged, or moved by buttons and Alt+arrow; each keeps its place in its "position" field.
{
  const group = document.querySelector(".js-inline-admin-formset");
  const body = group?.querySelector("tbody");
  const rows = () => [...body.querySelectorAll("tr.form-row:not(.empty-form)")];
  const isDoomed = (row) => Boolean(row.querySelector("[name$='-DELETE']")?.checked);
  const place = (row) => row.querySelector("[name$='-idx']");
  const words = document.querySelector("[data-form-guard]")?.dataset ?? {};
  const say = document.createElement("p");
  say.className = "visually-hidden";
  say.setAttribute("role", "status");

  const label = (row, number) => {
    for (const field of row.querySelectorAll("[aria-label]")) {
      if (field.type !== "hidden") field.setAttribute("aria-label", field.getAttribute("aria-label").replace(/[^\s,]+$/, number));
    }
  };
  const renumber = () => {
    let next = base;
    for (const row of rows()) {
      row.classList.toggle("bo-doomed", isDoomed(row));
      if (isDoomed(row)) continue;
      place(row).value = next;
      label(row, next);
      next += 1;
    }
    refresh();
    group.closest("form").dispatchEvent(new Event("change"));
  };
  const refresh = () => {
    const all = rows();
    all.forEach((row, i) => {
      const [, up, down] = row.querySelectorAll(".bo-row-tools button");
      if (up) { up.disabled = i === 0; down.disabled = i === all.length - 1; }
    });
  };
  const move = (row, step) => {
    const all = rows(), other = all[all.indexOf(row) + step];
    if (!other) return;
    step < 0 ? other.before(row) : other.after(row);
    renumber();
    say.textContent = `${place(row).value} / ${rows().length}`;
  };
  const button = (text, name, action) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.setAttribute("aria-label", `${name}, 1`); // the last word is the row's number; see label()
    made.title = name;
    made.addEventListener("click", action);
    return made;
  };
  const headings = new Map([...(group?.querySelectorAll("thead th") ?? [])].map((th) => [th.className.match(/column-(\S+)/)?.[1] ?? "removal", th.textContent.trim()]));
  const tool = (row) => {
    for (const [name, text] of headings) {
      const cell = row.querySelector(`td.field-${name}`);
      if (cell) cell.dataset.label = text;
    }
    const removal = row.querySelector("td.delete");
    if (removal) removal.dataset.label = headings.get("removal");
    const cell = row.querySelector("td.original");
    if (!cell || cell.querySelector(".bo-row-tools") || !place(row)) return;
    const tools = document.createElement("div");
    tools.className = "bo-row-tools";
    const handle = button("⠿", words.drag, () => {});
    handle.className = "bo-drag";
    handle.tabIndex = -1;
    handle.addEventListener("pointerdown", (event) => drag(row, event));
    const again = (control) => () => { move(row, control); tools.children[control < 0 ? 1 : 2].focus(); };
    tools.append(handle, button("↑", words.up, again(-1)), button("↓", words.down, again(1)));
    cell.append(tools);
    label(row, place(row).value);
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
  let base = 1;
  if (body && body.querySelector("[name$='-idx']")) {
    base = Number(rows()[0] && place(rows()[0]).value) || 1;
    group.append(say);
    rows().forEach(tool);
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
    document.addEventListener("formset:added", (event) => { tool(event.target); renumber(); });
    document.addEventListener("formset:removed", () => renumber());
  }
}
