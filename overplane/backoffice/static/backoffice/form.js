"use strict";
// A long form: where one is, which section has an error, nothing lost by leaving, a hint at likely duplicates.
{
  const guard = document.querySelector("[data-form-guard]");
  const form = guard?.form;
  if (form) {
    const hasErrors = Boolean(form.querySelector(".errorlist"));
    const state = () => [...new FormData(form)].map(([name, value]) => `${name}=${value}`).join("\n");
    const start = state();
    const isDirty = () => hasErrors || state() !== start;
    let leaving = false;
    form.addEventListener("submit", () => { leaving = true; });
    window.addEventListener("beforeunload", (event) => {
      if (!leaving && isDirty()) event.preventDefault();
    });
    const mark = () => document.body.classList.toggle("bo-dirty", isDirty());
    form.addEventListener("input", mark);
    form.addEventListener("change", mark);

    const links = new Map();
    for (const link of document.querySelectorAll(".bo-index ol a")) {
      const heading = document.getElementById(link.hash.slice(1));
      if (heading) links.set(heading.closest("fieldset"), link);
    }
    for (const [section, link] of links) {
      if (section.querySelector(".errorlist")) link.classList.add("bo-wrong");
    }
    const seen = new Set();
    const watch = new IntersectionObserver((entries) => {
      for (const entry of entries) entry.isIntersecting ? seen.add(entry.target) : seen.delete(entry.target);
      const here = [...links.keys()].find((section) => seen.has(section));
      for (const [section, link] of links) {
        link.classList.toggle("bo-here", section === here);
        section === here ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current");
      }
    }, { rootMargin: "0px 0px -55% 0px" });
    for (const section of links.keys()) watch.observe(section);
    form.querySelector(".form-row.errors input, .form-row.errors textarea, .form-row.errors select")?.focus();

    const target = document.querySelector("[data-duplicates-target]");
    const address = guard.dataset.duplicates;
    let timer;
    const look = async () => {
      const asked = new URL(address, location.href), query = asked.searchParams;
      for (const field of form.querySelectorAll("[data-watched]")) if (field.value.trim()) query.set(field.dataset.watched, field.value.trim());
      const answer = await fetch(asked, { credentials: "same-origin" });
      if (!answer.ok) return;
      const { title, customers } = await answer.json();
      target.replaceChildren();
      if (!customers.length) return;
      const heading = document.createElement("strong");
      heading.textContent = title;
      const list = document.createElement("ul");
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
    if (target && address) {
      form.addEventListener("input", (event) => {
        if (!event.target.dataset.watched) return;
        clearTimeout(timer);
        timer = setTimeout(() => look().catch(() => target.replaceChildren()), 400);
      });
    }
  }
}
