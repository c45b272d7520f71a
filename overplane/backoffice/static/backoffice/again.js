"use strict";
// A list in which something goes on is looked at again, unless somebody is doing something with it.
{
  const EVERY_MS = 5_000; // a worker writes down its progress every two seconds
  const BUSY = "#result_list :checked, details[open], dialog[open], :popover-open, input:focus";
  setInterval(() => { if (document.visibilityState === "visible" && !document.querySelector(BUSY)) location.reload(); }, EVERY_MS);
}
