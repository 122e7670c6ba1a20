// What every page does: relative times, copy buttons, dialogs, shortcuts, lists
// that refresh while something in them runs, and a session that ended meanwhile.
"use strict";

// session is fetch for the scripts of all pages. Who was signed out is told so and keeps the
// page as it is; once somebody of the same account signed in again, in another tab,
// "signedin" happens on the document.
class SignedOut extends Error {}
const session = {
  ended: false,
  fetch: async (url, options) => {
    const answer = await fetch(url, options);
    if (answer.status === 401 || (answer.redirected && new URL(answer.url).pathname === "/login")) {
      session.end();
      throw new SignedOut("You were signed out. Sign in again, then go on here.");
    }
    return answer;
  },
  end: () => {
    const notice = document.getElementById("signed-out");
    if (session.ended || !notice) return;
    session.ended = true;
    notice.hidden = false;
  },
  begin: () => {
    if (!session.ended) return;
    session.ended = false;
    document.getElementById("signed-out").hidden = true;
    document.dispatchEvent(new Event("signedin"));
  },
};
{
  const key = "bulkhead.signed-in"; // the account that signed in last, and when
  const account = document.body.dataset.account;
  if (document.querySelector("[data-signed-in]")) {
    try { localStorage.setItem(key, JSON.stringify([account, Date.now()])); } catch { /* the other tab asks by itself */ }
  }
  addEventListener("storage", (e) => {
    if (e.key !== key || !e.newValue || !session.ended) return;
    if (JSON.parse(e.newValue)[0] === account) session.begin(); else location.reload();
  });
  document.addEventListener("visibilitychange", async () => {
    if (document.hidden || !session.ended) return;
    try { if ((await fetch("/v1/limits")).ok) session.begin(); } catch { /* the next time */ }
  });
}
{
  const announce = (text) => { document.getElementById("announce").textContent = text; };

  // The same words as ago() in format.go.
  const ago = (then, now) => {
    const s = (now - then) / 1000;
    if (s < 5) return "just now";
    if (s < 60) return Math.floor(s) + " s ago";
    if (s < 3600) return Math.floor(s / 60) + " min ago";
    if (s < 86400) return Math.floor(s / 3600) + " h ago";
    if (s < 30 * 86400) return Math.floor(s / 86400) + " d ago";
    return "";
  };
  const freshen = () => {
    for (const t of document.querySelectorAll("time[data-relative]")) {
      const text = ago(Date.parse(t.dateTime), Date.now());
      if (text && t.textContent !== text) t.textContent = text;
    }
  };
  setInterval(freshen, 5000);

  const copy = async (button) => {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      announce("Copied");
      button.dataset.done = "";
      setTimeout(() => delete button.dataset.done, 1500);
    } catch {
      announce("The browser did not allow copying");
    }
  };

  document.addEventListener("click", (e) => {
    const copyButton = e.target.closest("[data-copy]");
    if (copyButton) { copy(copyButton); return; }
    const opener = e.target.closest("[data-open]");
    const dialog = opener && document.getElementById(opener.dataset.open);
    if (dialog) { e.preventDefault(); dialog.showModal(); return; }
    const closer = e.target.closest("dialog [data-close]");
    if (closer) { e.preventDefault(); closer.closest("dialog").close(); return; }
    if (e.target instanceof HTMLDialogElement) e.target.close(); // the backdrop
  });

  // A square of the batch grid tells what it stands for.
  const tell = (e) => {
    const cell = e.target.closest("[data-grid] > .cell");
    if (!cell) return;
    const says = cell.closest("[data-part]").querySelector("[data-cell-says]");
    if (says) says.textContent = cell.title;
  };
  document.addEventListener("pointerover", tell);
  document.addEventListener("click", tell);

  let prefix = 0; // when g was pressed
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, select, textarea, dialog")) return;
    if (e.key === "/") {
      e.preventDefault();
      const search = document.getElementById("search");
      if (search) { search.focus(); search.select(); } else location.href = "/imports";
    } else if (e.key === "?") {
      document.getElementById("help").showModal();
    } else if (e.key === "g") {
      prefix = e.timeStamp;
      return;
    } else if (e.timeStamp - prefix < 1500) {
      document.querySelector(`.nav [data-keys="${CSS.escape(e.key)}"]`)?.click();
    }
    prefix = 0;
  });

  document.addEventListener("change", (e) => {
    if (e.target.matches("form[data-autosubmit] select")) e.target.form.requestSubmit();
  });
  document.addEventListener("submit", (e) => {
    if (!e.target.matches("form[data-autosubmit]")) return;
    document.getElementById("list")?.setAttribute("aria-busy", "true");
    for (const field of e.target.elements) field.disabled = field.name !== "" && field.value === "";
  });
  addEventListener("pageshow", () => { // "back" may bring them back as they were
    for (const field of document.querySelectorAll("form[data-autosubmit] :disabled")) field.disabled = false;
  });

  // Lists with something running ask for themselves again.
  const poll = async () => {
    const list = document.querySelector("[data-poll]");
    if (!list) return;
    if (!document.hidden && !session.ended && !list.contains(document.activeElement)) {
      try {
        const answer = await session.fetch(location.href, { headers: { Accept: "text/html" } });
        const fresh = answer.ok && new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(list.id);
        if (fresh) list.replaceWith(fresh);
      } catch { /* the next round tries again */ }
    }
    setTimeout(poll, 3000);
  };
  setTimeout(poll, 3000);
}
