"use strict";
// What every page does: messages of success become toasts, which go away; a button copies or takes back.
{
  const toasts = document.getElementById("toasts");
  const LASTS_MS = 12_000;
  const close = document.createElement("button");
  // A toast: an element with its words and, if any, what can be done about them. It waits while it is pointed at or has the focus.
  window.toast = (content, { lasts = LASTS_MS } = {}) => {
    const item = document.createElement("li");
    item.append(content);
    const button = close.cloneNode(true);
    button.addEventListener("click", () => item.remove());
    item.append(button);
    toasts.append(item);
    let timer;
    const go = () => { clearTimeout(timer); timer = setTimeout(() => item.remove(), lasts); };
    const stay = () => clearTimeout(timer);
    for (const [name, action] of [["pointerenter", stay], ["focusin", stay], ["pointerleave", go], ["focusout", go]]) item.addEventListener(name, action);
    go();
    return item;
  };
  // Takes a change back that a message told of; the page, or the one that the answer names, shows the outcome.
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-undo]");
    if (!button) return;
    button.disabled = true;
    const { isDone, answer } = await window.post(button.dataset.undoUrl, { token: button.dataset.undo });
    if (answer.url) location.assign(answer.url); else if (isDone) location.reload(); else button.disabled = false;
  });
  // Copies what a button carries.
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard?.writeText(button.dataset.copy);
    window.toast(button.dataset.done);
  });
  document.addEventListener("click", (event) => { if (event.target.closest("[data-print]")) window.print(); });
  if (toasts) {
    close.type = "button";
    close.className = "icon-button";
    close.setAttribute("aria-label", toasts.dataset.close);
    close.textContent = "×";
    for (const message of document.querySelectorAll(".messagelist > .success, .messagelist > .info")) {
      const list = message.parentElement;
      window.toast(message.firstElementChild);
      message.remove();
      if (!list.children.length) list.remove();
    }
  }
}
