// Live marks: the configuration is checked while it is typed. Everything else works
// without this file.
"use strict";
(() => {
  const form = document.querySelector("form[data-live]");
  const text = form?.querySelector("textarea[name=json]");
  const live = document.querySelector("#live");
  if (!text || !live) return;
  let timer, running;
  const check = async () => {
    running?.abort();
    running = new AbortController();
    const body = new URLSearchParams({do: "marks", json: text.value});
    try {
      const reply = await fetch("webhook", {method: "POST", body, signal: running.signal});
      if (reply.ok) live.textContent = (await reply.json()).summary;
    } catch { /* the next key press checks again */ }
  };
  text.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(check, 300); });
  form.addEventListener("submit", (event) => {
    if (event.submitter?.name !== "do" || event.submitter.value !== "run") return;
    setTimeout(() => { event.submitter.disabled = true; }); // the server runs it once all the same
  });
})();
