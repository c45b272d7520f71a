"use strict";
// The progress of a job, asked for again and again; when the job has ended the page is loaded with its outcome.
{
  const EVERY_MS = 1500; // the worker writes its progress every two seconds
  const renew = async () => {
    const place = document.getElementById("progress");
    try {
      const answer = await fetch(location.href, { credentials: "same-origin", redirect: "manual", cache: "no-store", headers: { "X-Requested-With": "fetch" } });
      if (!answer.ok) throw new Error(String(answer.status));
      const now = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("progress");
      if (!now) return location.reload();
      const bar = place.querySelector("progress"), newBar = now.querySelector("progress");
      // The bar itself stays, or screen readers would say it anew each time.
      if (bar && newBar) { bar.max = newBar.max; bar.value = newBar.value; newBar.replaceWith(bar); }
      place.replaceChildren(...now.childNodes);
    } catch { /* a server that is being restarted answers the next time */ }
    setTimeout(renew, EVERY_MS);
  };
  if (document.getElementById("progress")) setTimeout(renew, EVERY_MS);
}
