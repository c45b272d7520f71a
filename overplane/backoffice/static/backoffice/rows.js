"use strict";
// Rows of the tables inside a form, like those of a spreadsheet: Enter goes on to the next row, a copied block becomes rows,
// rows are dragged, or moved by buttons and Alt+arrow. Each row keeps its position in its field "idx". A page may have
// several such tables; a row never leaves its own.
{
  const language = document.documentElement.lang;
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? Number(values[name]).toLocaleString(language) : whole));
  const YES = ["1", "x", "true", "yes", "on"];

  // The cells of a copied block. A cell of several lines stands in quotation marks, in which a mark is doubled.
  const blockOf = (text) => {
    const lines = [[]];
    for (const [, cell, end] of text.matchAll(/("(?:[^"]|"")*"(?=[\t\r\n]|$)|[^\t\r\n]*)(\t|\r\n?|\n|$)/g)) {
      lines.at(-1).push((cell.length > 1 && cell.startsWith('"') && cell.endsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell).trim());
      if (!end) break;
      if (end !== "\t") lines.push([]);
    }
    return lines.filter((cells) => cells.some(Boolean));
  };

  const makeTable = (group) => {
    const prefix = group.dataset.rows, words = group.dataset, body = group.querySelector("tbody"), form = group.closest("form");
    const pattern = group.querySelector("template"), total = group.querySelector(`[name="${prefix}-TOTAL_FORMS"]`);
    const stored = Number(group.querySelector(`[name="${prefix}-INITIAL_FORMS"]`).value);
    const status = group.querySelector("[data-rows-status]"), say = (text) => { status.textContent = text; };
    const rows = () => [...body.querySelectorAll("tr.form-row")];
    const visible = () => rows().filter((row) => !row.hidden);
    const position = (row) => row.querySelector(".field-idx input:not([type=hidden])");
    const isDeleted = (row) => Boolean(row.querySelector("[name$='-DELETE']")?.checked);
    // Of each column the one control that is typed into or chosen from.
    const fields = (row) => [...row.querySelectorAll("td:not(.place, .removal)")].map((cell) => cell.querySelector(":is(input:not([type=hidden]), select, textarea)")).filter(Boolean);
    const isNew = (row) => !row.querySelector("[name$='-DELETE']");
    const isUntouched = (row) => isNew(row) && fields(row).every((field) => (field.type === "checkbox" ? field.checked === field.defaultChecked : field instanceof HTMLSelectElement ? [...field.options].every((one) => one.selected === one.defaultSelected || !field.value) : field.value.trim() === field.defaultValue));
    if (!body || !total || (!pattern && !rows().some(position))) return;
    const first = Number(rows()[0] && position(rows()[0])?.value) || 1; // of this page of the list
    const isFound = group.classList.contains("found"); // what was searched for stands at places of all the list

    const number = (row, text) => {
      for (const one of row.querySelectorAll("[data-named]")) one.setAttribute("aria-label", one.dataset.named.replace("{n}", text));
      const shown = row.querySelector(".row-tools .number");
      if (shown) shown.textContent = text;
    };
    const renumber = () => {
      let next = first;
      const all = rows();
      for (const row of all) {
        row.classList.toggle("bo-deleted", isDeleted(row));
        if (isFound || isDeleted(row)) continue;
        position(row).value = next;
        number(row, next);
        next += 1;
      }
      all.forEach((row, i) => {
        const [up, down] = row.querySelectorAll(".move");
        if (up) { up.disabled = isFound || i === 0; down.disabled = isFound || i === all.length - 1; }
      });
    };
    const changed = () => { renumber(); form.dispatchEvent(new Event("change")); };

    const reindex = (row, from, to) => {
      for (const one of [row, ...row.querySelectorAll("*")]) for (const name of ["id", "name", "for", "list", "aria-describedby"]) {
        const value = one.getAttribute(name);
        if (value?.includes(`${prefix}-${from}`)) one.setAttribute(name, value.replace(`${prefix}-${from}`, `${prefix}-${to}`));
      }
    };
    const indexOf = (row) => Number(row.id.slice(prefix.length + 1));
    const add = (after) => {
      const row = pattern.content.querySelector("tr").cloneNode(true), i = Number(total.value);
      reindex(row, "__prefix__", i);
      total.value = i + 1;
      after ? after.after(row) : body.append(row);
      return row;
    };
    const focusNew = () => {
      const row = add();
      changed();
      fields(row)[0]?.focus();
      return row;
    };
    const remove = (row) => {
      const near = row.nextElementSibling ?? row.previousElementSibling, gone = indexOf(row);
      row.remove();
      // Django counts them through: those behind move up.
      for (const other of rows()) if (indexOf(other) > gone) reindex(other, indexOf(other), indexOf(other) - 1);
      total.value = Number(total.value) - 1;
      changed();
      (near?.isConnected && fields(near)[0] || group.querySelector(".add-row"))?.focus();
    };

    const move = (row, step) => {
      const all = visible(), other = all[all.indexOf(row) + step];
      if (!other || isFound) return;
      step < 0 ? other.before(row) : other.after(row);
      changed();
      say(`${position(row).value} / ${rows().length}`);
    };
    const drag = (row, start) => {
      if (isFound || start.button) return;
      start.preventDefault();
      row.classList.add("bo-moving");
      const follow = (event) => {
        const over = visible().find((other) => {
          const box = other.getBoundingClientRect();
          return other !== row && event.clientY >= box.top && event.clientY < box.bottom;
        });
        if (!over) return;
        const box = over.getBoundingClientRect();
        event.clientY < box.top + box.height / 2 ? over.before(row) : over.after(row);
      };
      // On the document: an element that is moved in the tree loses a captured pointer.
      const listening = new AbortController(), { signal } = listening;
      const stop = () => { listening.abort(); row.classList.remove("bo-moving"); changed(); };
      document.addEventListener("pointermove", follow, { signal });
      document.addEventListener("pointerup", stop, { signal });
      document.addEventListener("pointercancel", stop, { signal });
    };

    const put = (field, text) => {
      if (field.type === "checkbox") field.checked = [...YES, words.yes].includes(text.toLowerCase());
      else if (field instanceof HTMLSelectElement) {
        const same = [...field.options].find((one) => [one.value, one.text].some((known) => known.toLowerCase() === text.toLowerCase()));
        field.value = (same ?? field.appendChild(new Option(text, text))).value; // the server says what is wrong with it
      } else {
        field.value = text;
        if (text && !field.value) { field.type = "text"; field.value = text; } // no number: the server says so, nothing is lost
      }
      field.dispatchEvent(new Event("input", { bubbles: true }));
    };
    const paste = (event) => {
      const field = event.target, start = field.closest?.("tr.form-row"), text = event.clipboardData?.getData("text/plain") ?? "";
      const from = start ? fields(start).indexOf(field) : -1;
      const isBlock = field instanceof HTMLTextAreaElement ? text.includes("\t") : /[\t\n\r]/.test(text.trim());
      if (from < 0 || !isBlock) return;
      event.preventDefault();
      const block = blockOf(text), taken = block.slice(0, Number(words.most));
      let row = start, last = start, n = 0;
      for (const cells of taken) {
        while (row && (isDeleted(row) || row.hidden)) row = row.nextElementSibling;
        if (!row && !pattern) break;
        row ??= add(last);
        cells.forEach((cell, i) => { const one = fields(row)[from + i]; if (one) put(one, cell); });
        n += 1;
        last = row;
        row = row.nextElementSibling;
      }
      changed();
      fields(last)[from]?.focus();
      const told = [n === 1 ? words.pastedOne : fill(words.pastedMany, { n })];
      if (n < block.length) told.push(fill(words.leftOut, { n }));
      say(told.join(" "));
      if (n < block.length) window.toast(told.join(" "));
    };

    // Enter goes to the column in which the row was entered, as in a spreadsheet.
    let current = null, column = 0;
    body.addEventListener("focusin", (event) => {
      const row = event.target.closest("tr.form-row");
      if (!row || row === current || !fields(row).includes(event.target)) return;
      [current, column] = [row, fields(row).indexOf(event.target)];
    });
    body.addEventListener("keydown", (event) => {
      const row = event.target.closest("tr.form-row"), focused = event.target;
      if (!row || event.isComposing) return;
      if (event.altKey && ["ArrowUp", "ArrowDown"].includes(event.key)) {
        event.preventDefault();
        move(row, event.key === "ArrowUp" ? -1 : 1);
        focused.focus();
      } else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey && !event.altKey && focused.matches("input:not([type=search])") && fields(row).includes(focused)) {
        event.preventDefault();
        const all = visible().filter((one) => !isDeleted(one)), at = column;
        let next = all[all.indexOf(row) + (event.shiftKey ? -1 : 1)];
        if (!next && !event.shiftKey && pattern && !isUntouched(row)) { next = add(); changed(); }
        if (next) { const there = fields(next)[at]; [current, column] = [next, at]; there.focus(); there.select?.(); }
      }
    });
    body.addEventListener("paste", paste);
    body.addEventListener("change", (event) => { if (event.target.name?.endsWith("-DELETE")) changed(); });
    body.addEventListener("pointerdown", (event) => { const handle = event.target.closest(".bo-drag"); if (handle) drag(handle.closest("tr"), event); });
    body.addEventListener("click", (event) => {
      const button = event.target.closest("button"), row = button?.closest("tr.form-row");
      if (!row) return;
      if (button.matches(".move")) {
        move(row, Number(button.dataset.step));
        button.disabled ? row.querySelector(".move:not(:disabled)")?.focus() : button.focus();
      } else if (button.matches(".remove")) remove(row);
    });
    group.querySelector(".add-row")?.addEventListener("click", focusNew);

    const search = group.querySelector(".rows-search input");
    const shown = group.querySelector("[data-rows-shown]");
    search?.addEventListener("input", () => {
      if (isFound) return; // what the server found is searched anew by the server
      const wanted = search.value.trim().toLowerCase(), all = rows();
      for (const row of all) {
        const texts = fields(row).map((field) => (field instanceof HTMLSelectElement ? field.selectedOptions[0]?.text ?? "" : field.value));
        row.hidden = Boolean(wanted) && !(texts.length ? texts.join("\n") : row.textContent).toLowerCase().includes(wanted);
      }
      shown.textContent = wanted ? fill(words.shown, { n: visible().length, all: all.length }) : "";
    });
    search?.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      if ("asksServer" in search.dataset) search.form.requestSubmit();
    });

    renumber();
    if (stored < rows().length && !form.querySelector(".errorlist")) changed(); // rows of a page that was left and come back to
  };

  for (const group of document.querySelectorAll("[data-rows]")) makeTable(group);
}
