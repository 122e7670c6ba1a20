// Keeps a page true while it stands open. Events say that something changed; what it
// looks like now is asked of the server, at most twice a second. A page without events,
// one to which they are refused, and an import that waits, are asked for every two seconds.
"use strict";
{
  const root = document.querySelector("[data-live]");
  const gap = 500; // ms between two fragments
  // ms without any news after which we ask by ourselves
  const silence = () => !root.dataset.events || refused || root.querySelector("[data-waits]") ? 2000 : root.querySelector("[data-uploading]") ? 5000 : 20000;
  let shown = new Map(); // part id → markup as the server sent it
  let last = Date.now(); // of the latest answer
  let lost = 0; // since when there is no connection
  let timer = 0, asking = false, again = false, source = null;
  let refused = false; // no events are to be had: the account follows as many imports as it may, or they ended

  const badge = () => {
    const el = root.querySelector("[data-live-badge]");
    if (!el) return;
    const out = lost ? Math.round((Date.now() - last) / 1000) : 0;
    const mode = session.ended ? "stale" : !lost ? "live" : out < 5 ? "again" : "stale";
    const word = session.ended ? "Signed out" : { live: "Live", again: "Reconnecting", stale: `Stale ${out} s` }[mode];
    el.dataset.mode = mode;
    el.querySelector("[data-live-word]").textContent = word;
  };
  const connected = () => { lost = 0; last = Date.now(); badge(); };
  const disconnected = () => { lost = lost || Date.now(); badge(); };

  // inUse tells whether somebody is filling in a form there.
  const inUse = (el) => [...el.querySelectorAll("input:not([type=file])")].some((i) => i === document.activeElement || i.value !== i.defaultValue);

  // swap puts the parts in place that differ from what the server sent before.
  // Focus, open details, the live badge and the row of a form in use stay as they are.
  const swap = (html) => {
    const fresh = new DOMParser().parseFromString(html, "text/html");
    const open = [...root.querySelectorAll("details[open][id]")].map((d) => d.id);
    const focus = root.contains(document.activeElement) ? document.activeElement.id : "";
    for (const part of fresh.querySelectorAll("[data-part]")) {
      const markup = part.outerHTML, old = document.getElementById(part.id);
      if (!old || shown.get(part.id) === markup) continue;
      if (old.querySelector("input[type=file]") === document.activeElement && part.querySelector("input[type=file]")) continue;
      if (old.querySelector("[data-busy]")) continue; // an upload goes on inside
      if (inUse(old)) { swapRows(part); shown.delete(part.id); continue; }
      shown.set(part.id, markup);
      old.replaceWith(part);
    }
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    if (focus && document.activeElement?.id !== focus) (document.getElementById(focus) ?? document.getElementById("main")).focus({ preventScroll: true });
    const head = document.getElementById("part-head");
    if (head) document.title = head.dataset.title + " · Bulkhead";
    badge();
    if (head && !("running" in head.dataset)) finish();
  };
  const swapRows = (part) => {
    for (const row of part.querySelectorAll("tr[id]")) {
      const old = document.getElementById(row.id);
      if (old && !inUse(old)) old.replaceWith(row);
    }
  };

  const ask = async () => {
    if (session.ended || (!root.dataset.events && document.hidden)) return;
    if (asking) { again = true; return; }
    asking = true;
    try {
      const answer = await session.fetch(root.dataset.live, { headers: { Accept: "text/html" } });
      if (answer.status === 403 || answer.status === 404) { location.reload(); return; }
      if (!answer.ok) throw new Error(answer.statusText);
      connected();
      swap(await answer.text());
    } catch {
      disconnected();
    } finally {
      asking = false;
      if (again && watch) { again = false; soon(); }
    }
  };
  const soon = () => { timer = timer || setTimeout(() => { timer = 0; ask(); }, gap); };

  const announce = (text) => { document.getElementById("announce").textContent = text; };
  const finish = () => {
    source?.close();
    source = null;
    clearInterval(watch);
    watch = 0;
    document.getElementById("cancel-dialog")?.close();
  };
  const listen = () => {
    source?.close();
    source = new EventSource(root.dataset.events);
    source.addEventListener("open", () => { refused = false; connected(); });
    source.addEventListener("import", () => { connected(); soon(); });
    source.addEventListener("milestone", (e) => {
      connected();
      soon();
      if (Date.parse(JSON.parse(e.data).at) > begun) announce(JSON.parse(e.data).text);
    });
    source.addEventListener("error", () => {
      disconnected();
      soon(); // it may simply have ended
      if (source?.readyState !== EventSource.CLOSED) return;
      const wait = refused ? 30000 : 3000;
      refused = true; // until then the page asks
      setTimeout(() => source && !session.ended && listen(), wait);
    });
  };
  document.addEventListener("signedin", () => {
    if (!root || !watch) return;
    if (root.dataset.events) listen();
    soon();
  });

  const begun = Date.now();
  let watch = setInterval(() => {
    if (lost) badge();
    if (Date.now() - last > silence() || (lost && Date.now() - lost > 2000)) soon();
  }, 1000);
  if (!root) clearInterval(watch);
  else if (root.dataset.events) listen();
  else ask();
}
