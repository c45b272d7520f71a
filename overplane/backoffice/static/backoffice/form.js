"use strict";
// A record: read until a value is clicked or all of it is opened (E), then a form. What is not saved yet is counted at the
// bottom; leaving asks first; likely duplicates are hinted at while one types.
{
  const guard = document.querySelector("[data-form-guard]"), form = guard?.form;
  if (form) {
    const attributes = [...form.querySelectorAll(".attribute")];
    const bar = form.querySelector(".save-bar"), unsaved = bar?.querySelector(".unsaved"), discard = bar?.querySelector(".discard");
    const language = document.documentElement.lang;
    const fields = (one) => [...one.querySelectorAll("input, select, textarea")].filter((field) => field.type !== "hidden");
    form.classList.toggle("adding", !form.querySelector(".shown, .readonly"));
    if ("reading" in guard.dataset || form.querySelector(".attribute.errors")) form.classList.toggle("reading", Boolean(form.querySelector(".shown, .readonly")));

    const empty = form.querySelector(".show-empty");
    const hidden = attributes.filter((one) => one.classList.contains("is-empty")).length;
    if (empty && hidden && form.classList.contains("reading")) {
      empty.textContent = hidden === 1 ? empty.dataset.one : empty.dataset.many.replace("{n}", hidden.toLocaleString(language));
      empty.hidden = false;
      empty.addEventListener("click", () => {
        form.classList.add("showing-empty");
        empty.hidden = true;
        attributes.find((one) => one.classList.contains("is-empty"))?.querySelector(".shown")?.focus();
      });
    }
    const open = (one) => {
      one.classList.add("open");
      const [field] = fields(one);
      field?.focus();
      field?.select?.();
    };
    const openAll = () => {
      form.classList.remove("reading");
      if (empty) empty.hidden = true;
      attributes.map((one) => fields(one)[0]).find(Boolean)?.focus();
    };
    document.querySelector(".edit-all")?.addEventListener("click", openAll);
    form.addEventListener("click", (event) => {
      const one = event.target.closest(".shown, .attribute > label")?.closest(".attribute");
      if (one?.querySelector(".shown") && form.classList.contains("reading") && !one.classList.contains("open")) { event.preventDefault(); open(one); }
    });

    // What differs from what was there when the page came, by the page's own word: a browser that goes back may have put
    // typed values into it before this runs. Fields of the table of rows count as one each.
    const pristine = form.cloneNode(true);
    pristine.reset();
    const state = (one = form) => [...new FormData(one)].filter(([name]) => name !== "csrfmiddlewaretoken" && name !== "_draft").map(([name, value]) => `${name}=${value}`);
    const hasErrors = Boolean(form.querySelector(".errorlist")) || "unsaved" in guard.dataset;
    const values = (one) => fields(one).map((field) => (field.type === "checkbox" ? field.checked : field.value)).join("\n");
    const start = state(pristine).join("\n"), before = pristine.querySelectorAll(".attribute");
    const starts = new Map(attributes.map((one, i) => [one, values(before[i])]));
    const isDirty = () => hasErrors || state().join("\n") !== start;
    let isLeaving = false;
    form.addEventListener("submit", () => { isLeaving = true; });
    window.addEventListener("pageshow", () => { isLeaving = false; });
    window.addEventListener("beforeunload", (event) => { if (!isLeaving && isDirty()) event.preventDefault(); });
    const mark = () => {
      const dirty = isDirty();
      form.classList.toggle("dirty", dirty);
      if (!bar) return;
      const changed = attributes.filter((one) => values(one) !== starts.get(one));
      for (const one of attributes) one.classList.toggle("changed", changed.includes(one) && form.querySelector(".shown") !== null);
      const names = changed.map((one) => one.querySelector("label")?.textContent.replace(/:$/, "") ?? "");
      const n = names.length || (dirty ? 1 : 0);
      unsaved.textContent = !dirty || !form.querySelector(".shown") ? "" : n === 1 ? unsaved.dataset.one : unsaved.dataset.many.replace("{n}", n.toLocaleString(language));
      if (names.length && unsaved.textContent) unsaved.append(Object.assign(document.createElement("small"), { textContent: names.join(", ") }));
      discard.hidden = !dirty;
    };
    // Once for all that a script puts into the form in one go: a pasted block is hundreds of fields.
    let isToBeMarked = false;
    const soonMarked = () => {
      if (isToBeMarked) return;
      isToBeMarked = true;
      queueMicrotask(() => { isToBeMarked = false; mark(); });
    };
    form.addEventListener("input", soonMarked);
    form.addEventListener("change", soonMarked);
    discard?.addEventListener("click", () => { isLeaving = true; location.assign(location.href.split("#")[0]); });
    mark();
    // The first thing that is wrong gets the focus: its own field, or the first one of its row.
    const wrong = form.querySelector(".errorlist")?.closest("tr, .attribute");
    const place = wrong?.matches(".row-form-errors") ? wrong.nextElementSibling : wrong;
    (place?.querySelector("[aria-invalid=true]:not([type=hidden])") ?? place?.querySelector("td:not(.place, .removal) :is(input, select, textarea)"))?.focus();

    form.addEventListener("keydown", (event) => {
      const field = event.target;
      // Enter never saves by accident: there is a key for it, and the button.
      if (event.key === "Enter" && field.matches("input") && !event.ctrlKey) event.preventDefault();
      if (event.key === "Escape" && form.classList.contains("reading")) {
        const one = field.closest(".attribute.open");
        if (one && values(one) === starts.get(one)) { one.classList.remove("open"); one.querySelector(".shown").focus(); }
      }
    });
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, [contenteditable], dialog")) return;
      const to = { j: guard.dataset.next, k: guard.dataset.previous }[event.key];
      if (to) location.assign(to);
      else if (event.key === "e" && document.querySelector(".edit-all")) { event.preventDefault(); openAll(); }
    });

    const target = document.querySelector("[data-duplicates-target]");
    const address = guard.dataset.duplicates;
    let timer;
    const look = async () => {
      const asked = new URL(address, location.href), query = asked.searchParams;
      for (const field of form.querySelectorAll("[data-watched]")) if (field.value.trim()) query.set(field.dataset.watched, field.value.trim());
      const answer = await fetch(asked, { credentials: "same-origin", redirect: "manual" });
      if (!answer.ok) return;
      const { title, customers } = await answer.json();
      target.replaceChildren();
      if (!customers.length) return;
      const heading = document.createElement("strong"), list = document.createElement("ul");
      heading.textContent = title;
      for (const one of customers) {
        const item = document.createElement("li"), link = document.createElement("a"), name = document.createElement("bdi"), why = document.createElement("small");
        link.href = one.url;
        link.target = "_blank";
        name.textContent = one.name;
        why.textContent = ` ${one.why}`;
        link.append(name, why);
        item.append(link);
        list.append(item);
      }
      target.append(heading, list);
    };
    const soon = (delay) => { clearTimeout(timer); timer = setTimeout(() => look().catch(() => target.replaceChildren()), delay); };
    if (target && address) {
      if (form.querySelector(".shown")) soon(50);
      form.addEventListener("input", (event) => { if (event.target.dataset.watched) soon(400); });
    }
  }
}
