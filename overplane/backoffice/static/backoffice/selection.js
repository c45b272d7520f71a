"use strict";
// What is ticked in a list, on all its pages: kept for this tab, said in the bar, sent with the action.
{
  const form = document.getElementById("changelist-form"), bar = form?.querySelector(".selection");
  const boxes = bar ? [...form.querySelectorAll("tbody input[name=_selected_action]")] : [];
  if (bar) {
    const key = `selection:${form.dataset.list}`;
    const all = document.getElementById("action-toggle"), text = bar.querySelector(".selected"), across = bar.querySelector(".across");
    const acrossField = form.elements.select_across;
    // An action that is done has its answer on this very page: the selection has served.
    const isDone = sessionStorage.getItem(`${key}:sent`) !== null && document.querySelector("#toasts > *, .messagelist > *");
    sessionStorage.removeItem(`${key}:sent`);
    if (isDone) sessionStorage.removeItem(key);
    const read = () => JSON.parse(sessionStorage.getItem(key) ?? "[]");
    const chosen = new Set(read());

    const show = () => {
      const n = chosen.size, isAcross = acrossField.value === "1";
      text.textContent = isAcross ? across.dataset.all : n === 1 ? text.dataset.one : text.dataset.many.replace("{n}", n.toLocaleString(document.documentElement.lang));
      bar.classList.toggle("elsewhere", n > 0);
      const ticked = boxes.filter((box) => box.checked).length;
      if (all) { all.checked = ticked > 0 && ticked === boxes.length; all.indeterminate = ticked > 0 && ticked < boxes.length; }
      if (across) across.hidden = isAcross;
      n ? sessionStorage.setItem(key, JSON.stringify([...chosen])) : sessionStorage.removeItem(key);
    };
    const tick = (box, on) => { box.checked = on; on ? chosen.add(box.value) : chosen.delete(box.value); };
    const clear = () => {
      for (const box of boxes) box.checked = false;
      chosen.clear();
      acrossField.value = "0";
      show();
    };
    for (const box of boxes) if (chosen.has(box.value)) box.checked = true;
    // A page that comes back as it was left says what is selected by now, never what was.
    window.addEventListener("pageshow", ({ persisted }) => {
      if (!persisted) return;
      const now = read();
      clear();
      for (const value of now) chosen.add(value);
      for (const box of boxes) box.checked = chosen.has(box.value);
      show();
    });
    let last = null;
    form.addEventListener("click", (event) => {
      const box = event.target;
      if (box === all) for (const one of boxes) tick(one, all.checked);
      else if (boxes.includes(box)) {
        if (event.shiftKey && last) {
          const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
          for (const one of boxes.slice(from, to + 1)) tick(one, box.checked);
        } else tick(box, box.checked);
        last = box;
      } else return;
      acrossField.value = "0";
      show();
    });
    across?.addEventListener("click", () => {
      for (const box of boxes) tick(box, true);
      acrossField.value = "1";
      show();
    });
    form.addEventListener("reset", (event) => { event.preventDefault(); clear(); });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && chosen.size && !event.target.closest("input:not([type=checkbox]), select, textarea, dialog, [popover]")) clear();
    });
    form.addEventListener("submit", () => {
      const here = new Set(boxes.map((box) => box.value));
      for (const one of form.querySelectorAll("[data-elsewhere]")) one.remove();
      for (const value of chosen) if (!here.has(value)) {
        const field = Object.assign(document.createElement("input"), { type: "hidden", name: "_selected_action", value });
        field.dataset.elsewhere = "";
        form.append(field);
      }
      sessionStorage.setItem(`${key}:sent`, "1");
    });
    show();
  }
}
