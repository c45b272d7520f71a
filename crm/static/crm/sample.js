"use strict";
// Whenever somebody says something else of the columns, the sample shows what becomes of the first rows.
{
  const form = document.getElementById("mapping"), place = document.getElementById("sample");
  if (form && place) {
    let asked = 0;
    const renew = async () => {
      const number = ++asked, body = new FormData(form);
      body.set("sample", "fragment");
      try {
        const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(body), redirect: "manual" });
        const text = await answer.text();
        if (!answer.ok || number !== asked) return; // a later one is under way
        const focused = document.activeElement?.name;
        place.replaceChildren(...new DOMParser().parseFromString(text, "text/html").body.childNodes);
        if (focused && place.querySelector(`[name="${focused}"]`)) place.querySelector(`[name="${focused}"]`).focus();
      } catch { /* the old sample stays; the check tells everything */ }
    };
    form.addEventListener("change", renew);
  }
}
