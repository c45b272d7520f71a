"use strict";
// Values already used, offered while typing. A field names where to ask in data-suggest. Nobody follows to the login page when
// the session has ended: that would bring the cookie of an old token, just when session.js gets a new one.
{
  let number = 0;
  const listFor = (input) => {
    if (!input.list) {
      const list = document.createElement("datalist");
      list.id = `bo-values-${number++}`;
      input.after(list);
      input.setAttribute("list", list.id);
    }
    return input.list;
  };
  const fill = async (input) => {
    const asked = input.value;
    if (input.dataset.asked === asked) return;
    input.dataset.asked = asked;
    const answer = await fetch(`${input.dataset.suggest}?q=${encodeURIComponent(asked)}`, { credentials: "same-origin", redirect: "manual" });
    if (!answer.ok || input.value !== asked) return;
    const { values } = await answer.json();
    listFor(input).replaceChildren(...values.map((value) => {
      const option = document.createElement("option");
      option.value = value;
      return option;
    }));
  };
  let timer;
  const soon = (event) => {
    const input = event.target;
    if (!(input instanceof HTMLInputElement) || !input.dataset.suggest) return;
    listFor(input);
    clearTimeout(timer);
    timer = setTimeout(() => fill(input).catch(() => { delete input.dataset.asked; }), event.type === "focusin" ? 0 : 150);
  };
  document.addEventListener("focusin", soon);
  document.addEventListener("input", soon);
}
