// Without this file the page is whole: it adds copying, the place in the contents, and opens what a link points into.
"use strict";

for (const pre of document.querySelectorAll(".sample pre")) {
  const button = document.createElement("button");
  button.className = "copy";
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(pre.textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  if (navigator.clipboard) pre.previousElementSibling.append(button);
}

const menu = document.querySelector(".menu");
const wide = matchMedia("(min-width: 761px)");
const fit = () => { menu.open = wide.matches; };
wide.addEventListener("change", fit);
fit();
menu.addEventListener("click", (event) => {
  if (event.target.closest("a") && !wide.matches) menu.open = false;
});

const aside = document.querySelector("header");
const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    for (const link of links.values()) link.removeAttribute("aria-current");
    const link = links.get(entry.target.id);
    link.setAttribute("aria-current", "true");
    // Not scrollIntoView, which would stop the page where it is.
    const outside = link.offsetTop < aside.scrollTop || link.offsetTop > aside.scrollTop + aside.clientHeight - 60;
    if (wide.matches && outside) aside.scrollTop = link.offsetTop - aside.clientHeight / 2;
  }
}, { rootMargin: "-10% 0px -85% 0px" });
for (const id of links.keys()) {
  const target = document.getElementById(id);
  if (target && !target.classList.contains("chapter")) seen.observe(target);
}
