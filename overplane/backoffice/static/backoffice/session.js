"use strict";
// Nobody loses what he typed because his session has ended or a form's token is stale: before a form is sent the server is
// asked who is signed in, and if need be one signs in again in place. Here, too, drafts end (see drafts.js): when they are
// saved, when somebody logs out or another person signs in, and with age.
{
  const dialog = document.getElementById("sign-in"), person = document.body.dataset.user;

  const DRAFT = "draft:", ENDED = "drafts-ended";
  const LASTS_MS = 7 * 24 * 3600 * 1000; // a week-end and some days: longer, and nobody knows what it was about
  const cookies = new Set(document.cookie.split("; ").map((one) => one.split("=")[0]));
  const expire = (name) => { document.cookie = `${name}=; path=/admin/; max-age=0`; };
  const drop = (isOver) => {
    for (const key of Object.keys(localStorage)) {
      if (!key.startsWith(DRAFT)) continue;
      let draft = null;
      try { draft = JSON.parse(localStorage[key]); } catch { /* then it is of no use */ }
      if (!draft || isOver(draft)) localStorage.removeItem(key);
    }
  };
  const end = () => { drop(() => true); localStorage[ENDED] = Date.now(); }; // pages that are still open keep none any more
  try {
    if (cookies.has("signed_out")) { end(); expire("signed_out"); }
    drop(({ user, at, number }) => (person && user !== person) || !(Date.now() - at < LASTS_MS) || cookies.has(`saved_${number}`));
    for (const name of cookies) if (name.startsWith("saved_")) expire(name);
  } catch { /* this browser keeps nothing */ }
  document.getElementById("logout-form")?.addEventListener("submit", () => { try { end(); } catch { /* as above */ } });

  if (dialog) {
    const words = dialog.dataset, form = dialog.querySelector("form"), { password, code } = form.elements;
    const reason = dialog.querySelector("[data-reason]"), problem = dialog.querySelector("[role=alert]");
    let token = document.querySelector("[name=csrfmiddlewaretoken]")?.value;
    const ask = async (sent, isRepeated = false) => {
      const headers = { Accept: "application/json", ...(sent && { "X-CSRFToken": token }) };
      const response = await fetch(words.url, { method: sent ? "POST" : "GET", credentials: "same-origin", cache: "no-store", headers, body: sent && new URLSearchParams(sent) });
      // A request that began before may have brought the cookie of an older token back: with the one that fits now, once more.
      if (response.status === 403 && sent && !isRepeated) { await ask(); return ask(sent, true); }
      if (!response.ok) throw new Error(response.status === 429 ? words.locked : words.failed);
      const answer = await response.json();
      token = answer.token;
      for (const one of document.querySelectorAll("[name=csrfmiddlewaretoken]")) one.value = token;
      return answer;
    };
    const isSignedIn = (answer) => answer.user === person && !answer.needs_code;
    const show = (answer) => {
      const owesCode = answer.user === person;
      for (const [field, isShown] of [[password, !owesCode], [code, owesCode]]) {
        field.value = "";
        field.disabled = !isShown;
        field.closest("p").hidden = !isShown;
      }
      problem.textContent = answer.message ?? "";
      (owesCode ? code : password).focus();
    };
    // One dialog for all who wait for it. It answers whether this person is signed in.
    let open = null;
    const signIn = (answer) => (open ??= new Promise((resolve) => {
      reason.textContent = answer.user && answer.user !== person ? words.other.replace("{name}", answer.user) : words.ended;
      const back = document.activeElement;
      dialog.returnValue = "";
      dialog.showModal();
      show(answer);
      form.onsubmit = async (event) => {
        event.preventDefault();
        const button = form.querySelector("[type=submit]");
        button.disabled = true;
        try {
          const now = await ask(code.disabled ? { username: person, password: password.value } : { code: code.value });
          if (isSignedIn(now)) { try { localStorage.removeItem(ENDED); } catch { /* none */ } dialog.close("signed-in"); } else show(now);
        } catch (error) { problem.textContent = error instanceof TypeError ? words.offline : error.message; }
        button.disabled = false;
      };
      dialog.onclose = () => { password.value = code.value = ""; open = null; back?.focus?.(); resolve(dialog.returnValue === "signed-in"); };
    }));
    dialog.querySelector("[data-cancel]").addEventListener("click", () => dialog.close());

    window.signedIn = async () => {
      try {
        const answer = await ask();
        if (isSignedIn(answer)) return true;
        if (!(await signIn(answer))) return false;
        // For the same reason the form gets the token that fits now.
        await ask();
        return true;
      } catch (error) {
        window.toast(document.createTextNode(error instanceof TypeError ? words.offline : error.message));
        return false;
      }
    };
    // For scripts that send something: the answer of the server, after signing in again if that was what it wanted. Its status
    // is 0 if it does not answer.
    window.post = async (url, sent) => {
      for (let isFirst = true; ; isFirst = false) {
        const headers = { "X-CSRFToken": document.querySelector("[name=csrfmiddlewaretoken]")?.value ?? token, Accept: "application/json" };
        const response = await fetch(url, { method: "POST", credentials: "same-origin", headers, body: new URLSearchParams(sent) }).catch(() => null);
        const answer = response?.headers.get("content-type")?.includes("json") ? await response.json() : {};
        const isRefused = answer.refused === "signed_out" || response?.status === 403;
        if (!isRefused || !isFirst || !(await window.signedIn())) return { isDone: Boolean(response?.ok) && answer.refused !== "signed_out", answer, status: response?.status ?? 0 };
      }
    };

    // Asked before what somebody typed or chose a file in; of a button alone the server's own answer loses nothing.
    const TYPED = "textarea, input:not([type=hidden], [type=checkbox], [type=radio], [type=submit], [type=button])";
    const asking = new WeakSet(), asked = new WeakSet();
    document.addEventListener("submit", async (event) => {
      const sent = event.target, { submitter } = event;
      if (asked.has(sent) || sent === form || sent.getAttribute("method")?.toLowerCase() !== "post" || sent.getAttribute("id") === "logout-form") return;
      if (!sent.querySelector("[name=csrfmiddlewaretoken]") || ![...sent.elements].some((one) => one.matches(TYPED))) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      if (asking.has(sent)) return; // a double click
      asking.add(sent);
      if (await window.signedIn()) {
        asked.add(sent);
        sent.requestSubmit(submitter?.isConnected ? submitter : null);
        asked.delete(sent);
      }
      asking.delete(sent);
    }, true);
  }
}
