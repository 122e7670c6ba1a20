// Runs before the first paint, so that the page never flashes in the other theme.
"use strict";
{
  const root = document.documentElement;
  root.classList.add("js");
  const chosen = () => { try { return localStorage.getItem("bulkhead.theme") || "system"; } catch { return "system"; } };
  const show = (theme) => {
    if (theme === "system") delete root.dataset.theme; else root.dataset.theme = theme;
    for (const b of document.querySelectorAll("[data-theme-choice]")) {
      b.setAttribute("aria-pressed", String(b.dataset.themeChoice === theme));
    }
  };
  show(chosen());
  document.addEventListener("DOMContentLoaded", () => show(chosen()));
  document.addEventListener("click", (e) => {
    const b = e.target.closest("[data-theme-choice]");
    if (!b) return;
    try { localStorage.setItem("bulkhead.theme", b.dataset.themeChoice); } catch { /* only this page then */ }
    show(b.dataset.themeChoice);
  });
  addEventListener("storage", (e) => { if (e.key === "bulkhead.theme") show(chosen()); });
}
