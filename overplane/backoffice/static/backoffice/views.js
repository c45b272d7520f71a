"use strict";
// Tabs of saved views: the open one is in sight, and a menu opens below its button. The browser itself does the rest.
{
  const tabs = document.querySelector("[data-tabs]");
  const current = tabs?.querySelector(".current");
  const show = () => { tabs.scrollLeft = Math.max(0, current.offsetLeft - tabs.offsetLeft - 48); };
  // After the first paint: whoever asks where an element is has the whole page laid out at once, and soon again.
  if (current?.previousElementSibling) requestAnimationFrame(() => setTimeout(show));
  const EDGE = 8;
  for (const menu of document.querySelectorAll(".anchored")) {
    const button = document.querySelector(`[popovertarget="${menu.id}"]`);
    menu.addEventListener("toggle", (event) => {
      if (event.newState !== "open" || !button) return;
      const at = button.getBoundingClientRect(), own = menu.getBoundingClientRect();
      menu.style.left = `${Math.max(EDGE, Math.min(at.left, innerWidth - own.width - EDGE))}px`;
      menu.style.top = `${Math.max(EDGE, Math.min(at.bottom + 4, innerHeight - own.height - EDGE))}px`;
      menu.querySelector("input:not([type=hidden])")?.focus();
    });
  }
}
