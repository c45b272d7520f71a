"use strict";
// Moments as this person's clock shows them: in the browser's zone (said once, in the rail), near ones by their age.
// The server writes them in UTC and says so; that stands where no script runs.
{
  const page = document.documentElement.lang || "en";
  // Of a language's regions the browser's own: "en-GB" has 24 hours.
  const locale = navigator.languages.find((one) => one.split("-")[0] === page.split("-")[0]) ?? page;
  const exact = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" });
  const clock = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
  const day = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" });
  const dayOfYear = new Intl.DateTimeFormat(locale, { dateStyle: "medium" });
  const ages = new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "short" });
  const MINUTE = 60_000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
  const short = (moment) => {
    const age = Date.now() - moment, size = Math.abs(age);
    if (size < MINUTE) return ages.format(0, "second");
    if (size < HOUR) return ages.format(-Math.round(age / MINUTE), "minute");
    if (size < DAY) return ages.format(-Math.round(age / HOUR), "hour");
    return (moment.getFullYear() === new Date().getFullYear() ? day : dayOfYear).format(moment);
  };
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const write = (element) => {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) return;
    const text = element.dataset.moment === "exact" ? clock.format(moment) : short(moment);
    if (element.textContent !== text) element.textContent = text;
    element.title = `${exact.format(moment)} (${zone})`;
  };
  const all = (root) => { for (const element of root.querySelectorAll("time")) write(element); };
  const start = () => {
    all(document);
    for (const place of document.querySelectorAll("[data-zone]")) place.textContent = zone.replaceAll("_", " ");
    new MutationObserver((changes) => {
      for (const node of changes.flatMap((change) => [...change.addedNodes])) if (node instanceof Element) {
        if (node.matches("time")) write(node);
        all(node);
      }
    }).observe(document.body, { childList: true, subtree: true });
    setInterval(() => all(document), MINUTE);
  };
  document.readyState === "loading" ? document.addEventListener("DOMContentLoaded", start) : start();
}
