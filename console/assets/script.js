// Live marks: the configuration is checked while it is typed. Everything else works
// without this file.
"use strict";
(() => {
  document.addEventListener("submit", ({submitter}) => {
    if (submitter?.name !== "do" || !["run", "confirm"].includes(submitter.value)) return;
    setTimeout(() => { submitter.disabled = true; }); // the server runs it once all the same
  });
  const text = document.querySelector("form[data-live] textarea[name=json]");
  const live = document.querySelector("#live");
  if (!text || !live) return;
  let timer, running;
  const summaryOf = async (json, signal) => {
    try {
      const reply = await fetch("webhook", {method: "POST", body: new URLSearchParams({do: "marks", json}), signal});
      if (reply.ok) return (await reply.json()).summary;
    } catch { /* said below */ }
    return "This text could not be checked here. Press Check.";
  };
  const check = async () => {
    running?.abort();
    const {signal} = running = new AbortController();
    const summary = await summaryOf(text.value, signal);
    if (!signal.aborted) live.textContent = summary;
  };
  text.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(check, 300); });
})();
