// The place in the contents, opening what a link points into, long answers by keyboard, everything open in print.
"use strict";

(() => {
  const nav = document.querySelector(".contents");
  const menu = nav.querySelector("details");
  const wide = matchMedia("(min-width: 961px)");
  const fit = () => { menu.open = wide.matches; };
  wide.addEventListener("change", fit);
  fit();
  menu.addEventListener("click", (event) => {
    if (event.target.closest("a") && !wide.matches) menu.open = false;
  });

  const links = new Map([...nav.querySelectorAll("a")].map((link) => [link.hash.slice(1), link]));
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      const link = links.get(entry.target.id);
      link.setAttribute("aria-current", "true");
      // Not scrollIntoView, which would stop the page where it is.
      const outside = link.offsetTop < nav.scrollTop || link.offsetTop > nav.scrollTop + nav.clientHeight - 60;
      if (wide.matches && outside) nav.scrollTop = link.offsetTop - nav.clientHeight / 2;
    }
  }, {rootMargin: "-12% 0px -83% 0px"});
  for (const id of links.keys()) {
    const target = document.getElementById(id);
    if (target && !target.classList.contains("chapter")) seen.observe(target);
  }

  function reveal() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let outer = target.closest("details"); outer; outer = outer.parentElement.closest("details")) outer.open = true;
    target.scrollIntoView();
  }
  addEventListener("hashchange", reveal);
  reveal();

  // What scrolls is reached by keyboard, also where browsers do not see to it.
  const sizes = new ResizeObserver((entries) => {
    for (const {target} of entries) {
      if (target.scrollHeight > target.clientHeight + 1) {
        target.tabIndex = 0;
        target.setAttribute("role", "group"); // not a region: there would be dozens of landmarks
        target.setAttribute("aria-label", target.previousElementSibling.firstChild.textContent.trim());
      } else {
        target.removeAttribute("tabindex");
        target.removeAttribute("role");
        target.removeAttribute("aria-label");
      }
    }
  });
  for (const pre of document.querySelectorAll(".answer pre")) sizes.observe(pre);

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("main details:not([open])")];
    for (const one of closed) one.open = true;
  });
  addEventListener("afterprint", () => { for (const one of closed) one.open = false; });
})();
