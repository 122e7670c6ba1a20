// New import: preview of the first bytes, then a resumable upload (tus 1.0). The
// place of an unfinished upload is kept in localStorage under the file's name,
// size and date, so that a reload costs a click.
"use strict";
{
  const chunk = 32 << 20; // bytes a request
  const retries = [0, 500, 1000, 2000, 4000, 8000, ...Array(240).fill(15000)]; // an hour without progress: there may be no room for so long
  const prefix = "bulkhead.upload.";
  const form = document.getElementById("new-import");

  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const size = (n) => {
    let u = 0;
    while (n >= 1024 && u < units.length - 1) { n /= 1024; u++; }
    return (u && n < 10 ? n.toFixed(1) : Math.round(n)) + " " + units[u];
  };
  const span = (s) => s < 60 ? Math.ceil(s) + " s" : s < 3600 ? Math.ceil(s / 60) + " min" : (s / 3600).toFixed(1) + " h";

  const keyOf = (file) => prefix + [file.name, file.size, file.lastModified].join("\u001f");
  const remember = (file, value) => { try { localStorage.setItem(keyOf(file), JSON.stringify(value)); } catch { /* then a reload starts over */ } };
  const forget = (key) => { try { localStorage.removeItem(key); } catch { /* nothing was kept */ } };
  const unfinished = () => {
    try {
      return Object.keys(localStorage).filter((k) => k.startsWith(prefix)).map((k) => ({ key: k, ...JSON.parse(localStorage.getItem(k)) }));
    } catch { return []; }
  };

  // send uploads a file to where the server wants it and reports on the way.
  const send = (file, url, report) => new Promise((resolve, reject) => {
    const upload = new tus.Upload(file, {
      uploadUrl: url, chunkSize: chunk, retryDelays: retries, storeFingerprintForResuming: false,
      onProgress: (sent, total) => report.progress(sent, total),
      onSuccess: resolve,
      onError: (err) => {
        if (err.originalResponse?.getStatus() !== 401) { reject(err); return; }
        session.end();
        report.trouble?.("signed out");
        document.addEventListener("signedin", () => upload.start(), { once: true });
      },
      onShouldRetry: (err) => {
        const status = err.originalResponse ? err.originalResponse.getStatus() : 0;
        const retry = status === 0 || status === 409 || status === 423 || status >= 500;
        if (retry) report.trouble?.(status === 503 ? "waiting for room" : "connection lost, trying again");
        return retry;
      },
    });
    report.begun?.(upload);
    upload.start();
  });
  const reason = async (err) => {
    const body = err.originalResponse?.getBody?.();
    try { return JSON.parse(body).detail; } catch { return "The connection to the server was lost. Choose the file again to go on."; }
  };

  // On the page of an import whose upload broke off.
  document.addEventListener("change", async (e) => {
    const input = e.target.closest("[data-continue]");
    if (!input || !input.files.length) return;
    const says = input.parentElement.querySelector("[data-continue-says]");
    const file = input.files[0];
    if (String(file.size) !== input.dataset.size) {
      says.textContent = `This is another file: it has ${size(file.size)}, the upload ${size(Number(input.dataset.size))}.`;
      return;
    }
    input.dataset.busy = "";
    try {
      await send(file, input.dataset.continue, {
        progress: (sent, total) => { says.textContent = `Sending: ${size(sent)} of ${size(total)}`; },
        trouble: (why) => { says.textContent = `Not sending: ${why}.`; },
      });
      says.textContent = "Everything is sent.";
      forget(keyOf(file));
    } catch (err) {
      says.textContent = await reason(err);
    }
    delete input.dataset.busy;
  });

  if (form) {
    const $ = (selector) => form.querySelector(selector);
    const fileInput = $("#file"), drop = $("#drop"), preview = $("#preview"), problem = $("#new-error");
    const bound = (name) => Number(form.getAttribute("data-" + name)); // form.dataset is the select of that name
    let turn = 0; // the latest preview asked for
    let due = false; // a preview that a lost session kept from coming

    const complain = (text) => { problem.hidden = !text; problem.textContent = text; if (text) problem.scrollIntoView({ block: "nearest" }); };

    // judge offers the start exactly when nothing is known that would refuse the file, and says what does.
    const judge = () => {
      const file = fileInput.files[0], refused = preview.querySelector("[data-refused]"), fed = new Set(), missing = preview.querySelector("#missing");
      for (const s of form.querySelectorAll("select[data-map]")) fed.add(s.value);
      const lacking = missing ? JSON.parse(missing.dataset.required).filter((name) => !fed.has(name)) : [];
      if (missing) {
        missing.hidden = !lacking.length;
        missing.querySelector("[data-lacking]").replaceChildren(...lacking.flatMap((name) => {
          const code = document.createElement("code");
          code.className = "code-tag";
          code.textContent = name;
          return [code, " "];
        }));
      }
      let why = "";
      if (file && file.size > bound("limit")) why = `This file has ${size(file.size)}; the limit is ${size(bound("limit"))}. Split it, or compress it with gzip or zstd.`;
      else if (refused) why = "This file would be refused, see above. Mend it, or choose another one.";
      else if (lacking.length) why = `Choose above which column of the file goes to ${lacking.join(", ")}.`;
      const says = $("[data-start-says]");
      says.dataset.else ??= says.textContent;
      says.textContent = why || says.dataset.else;
      says.classList.toggle("hinders", Boolean(why));
      $("#start").disabled = Boolean(why);
    };

    const dialect = () => {
      const out = {};
      for (const name of ["delimiter", "encoding"]) {
        const value = form.elements[name].value;
        if (value) out[name] = value === "tab" ? "\t" : value;
      }
      if (form.elements.no_header.checked) out.no_header = true;
      return out;
    };

    const readable = async (file) => { try { await file.slice(0, 1).arrayBuffer(); return true; } catch { return false; } };
    const showPreview = async () => {
      const file = fileInput.files[0];
      if (!file) return;
      const mine = ++turn, limit = bound("preview-bytes");
      due = false;
      const query = new URLSearchParams({ dataset: form.elements.dataset.value, ...dialect() });
      if (file.size <= limit) query.set("whole", "1");
      preview.setAttribute("aria-busy", "true");
      try {
        const answer = await session.fetch("/imports/preview?" + query, {
          method: "POST", body: file.slice(0, limit), headers: { "Content-Type": "application/octet-stream", Accept: "text/html" },
        });
        const html = await answer.text();
        if (mine !== turn) return;
        if (!answer.ok) throw new Error("The preview is not available now. You can start the import without it.");
        preview.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
        judge();
      } catch (err) {
        if (mine !== turn) return;
        if (err instanceof SignedOut) due = true;
        else complain(await readable(file) ? err.message : `The browser cannot read ${file.name} any more. Was it moved or changed? Choose it again.`);
      } finally {
        if (mine === turn) preview.removeAttribute("aria-busy");
      }
    };

    const chosen = () => {
      const file = fileInput.files[0];
      complain("");
      drop.toggleAttribute("data-chosen", Boolean(file));
      $("[data-drop-title]").textContent = file ? file.name : "Choose a CSV file";
      $("[data-drop-or]").hidden = Boolean(file);
      $("[data-drop-says]").textContent = file ? size(file.size) + " · choose another" : "CSV, TSV, gzip or zstd";
      preview.replaceChildren();
      judge();
      if (!file) return;
      const known = unfinished().find((u) => u.key === keyOf(file));
      $("#start").lastChild.textContent = known ? " Continue the upload" : " Start the import";
      showPreview();
    };

    // A file may be dropped anywhere on the page; the browser would show it instead of the page.
    const carriesFiles = (e) => e.dataTransfer?.types.includes("Files");
    for (const name of ["dragenter", "dragover"]) {
      addEventListener(name, (e) => { if (carriesFiles(e)) { e.preventDefault(); drop.dataset.over = ""; } });
    }
    addEventListener("dragleave", (e) => { if (!e.relatedTarget) delete drop.dataset.over; });
    addEventListener("drop", (e) => {
      if (!carriesFiles(e)) return;
      e.preventDefault();
      delete drop.dataset.over;
      const { files, items } = e.dataTransfer;
      if (fileInput.matches(":disabled")) complain("A file is being sent. Drop the next one when it has arrived.");
      else if (files.length > 1) complain(`These are ${files.length} files, and an import takes one. Drop one of them; each of the others can follow as an import of its own.`);
      else if (items[0]?.webkitGetAsEntry?.()?.isDirectory) complain("This is a folder. Drop one file of it.");
      else if (files.length) { fileInput.files = files; chosen(); }
    });
    fileInput.addEventListener("change", chosen);
    document.addEventListener("signedin", () => { complain(""); if (due) showPreview(); });
    // A wide file into a wide dataset has its choices filled in where one is made.
    const fill = (e) => {
      const select = e.target.closest?.("select[data-map]"), fields = form.querySelector("#fields");
      if (!select || !fields || "filled" in select.dataset) return;
      const value = select.value;
      select.dataset.filled = "";
      select.replaceChildren(select.options[0], fields.content.cloneNode(true));
      select.value = value;
    };
    for (const name of ["focusin", "pointerdown"]) form.addEventListener(name, fill);
    form.addEventListener("change", (e) => {
      if (e.target.matches("[data-dialect], #dataset")) showPreview();
      else if (e.target.matches("[data-map]")) judge();
    });

    const mapping = () => {
      const out = {};
      for (const s of form.querySelectorAll("select[data-map]")) {
        if (s.value && Object.values(out).includes(s.value)) throw new Error(`Two columns of the file go to ${s.value}. Leave one of them out.`);
        if (s.value || s.dataset.suggested) out[s.dataset.map] = s.value;
      }
      return out;
    };
    const create = async (file) => {
      const f = form.elements;
      const answer = await session.fetch("/v1/imports", {
        method: "POST", headers: { "Content-Type": "application/json" },
        body: JSON.stringify({
          dataset: f.dataset.value, mode: f.mode.value, priority: f.priority.value, filename: file.name, size: file.size, mapping: mapping(),
          options: { on_error: f.on_error.value, dry_run: f.dry_run.checked, dialect: dialect() },
        }),
      });
      const body = await answer.json();
      if (!answer.ok) throw new Error(body.detail || "The import could not be created.");
      return { id: body.id, url: body.upload_url, dataset: body.dataset, name: file.name };
    };

    const panel = $("#sending");
    const part = (name) => panel.querySelector(`[data-${name}]`);
    const report = (id) => {
      const marks = []; // [time, bytes] of the last seconds
      return {
        begun: (upload) => {
          const hold = part("hold");
          hold.onclick = () => {
            const held = hold.dataset.held === "";
            if (held) { delete hold.dataset.held; upload.start(); } else { hold.dataset.held = ""; upload.abort(); }
            hold.textContent = held ? "Pause sending" : "Go on sending";
            part("sent-left").textContent = held ? "" : "paused";
          };
          part("watch").href = "/imports/" + id;
        },
        trouble: (why) => { part("sent-left").textContent = why; part("sent-rate").textContent = ""; },
        progress: (sent, total) => {
          const now = performance.now();
          marks.push([now, sent]);
          while (marks.length > 2 && now - marks[0][0] > 5000) marks.shift();
          const rate = (sent - marks[0][1]) / Math.max(1, now - marks[0][0]) * 1000;
          part("sent").textContent = size(sent);
          part("sent-of").textContent = "of " + size(total);
          part("sent-bar").value = total ? sent / total : 1;
          part("sent-rate").textContent = rate > 0 ? size(rate) + "/s" : "";
          part("sent-left").textContent = rate > 0 && sent < total ? "about " + span((total - sent) / rate) + " left" : "";
        },
      };
    };

    form.addEventListener("submit", async (e) => {
      e.preventDefault();
      const file = fileInput.files[0], start = $("#start");
      complain("");
      start.disabled = true;
      let target = null;
      try {
        target = unfinished().find((u) => u.key === keyOf(file)) ?? await create(file);
        remember(file, { id: target.id, url: target.url, name: file.name, at: Date.now() });
        panel.hidden = false;
        for (const step of form.querySelectorAll("fieldset")) step.disabled = true;
        addEventListener("beforeunload", warn);
        await send(file, target.url, report(target.id));
        forget(keyOf(file));
        leave(target.id);
      } catch (err) {
        removeEventListener("beforeunload", warn);
        if (!target) { complain(err.message); judge(); return; }
        const status = err.originalResponse ? err.originalResponse.getStatus() : 0;
        if (status >= 400 && status < 500) { forget(keyOf(file)); leave(target.id); return; } // its page says why
        complain(await reason(err));
        for (const step of form.querySelectorAll("fieldset")) step.disabled = false;
        judge();
      }
    });
    const warn = (e) => e.preventDefault();
    const leave = (id) => { removeEventListener("beforeunload", warn); location.href = "/imports/" + id; };

    // Uploads that a reload or a crash broke off.
    const box = $("#unfinished");
    for (const u of unfinished()) {
      const item = document.createElement("div"), text = document.createElement("p"), drop = document.createElement("button"), link = document.createElement("a");
      item.className = "notice warn unfinished-item";
      link.href = "/imports/" + u.id;
      link.textContent = u.name;
      text.append("The upload of ", link, " is not finished: choose the file again to go on.");
      drop.type = "button";
      drop.className = "button plain";
      drop.textContent = "Forget it";
      drop.onclick = () => { forget(u.key); item.remove(); };
      item.append(text, drop);
      box.append(item);
    }
    if (fileInput.files.length) chosen(); // the browser restored it after "back"
  }
}
