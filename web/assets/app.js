// What pages do besides with scripts on: copying, choosing all rows, progress as
// it comes. Without scripts everything else works all the same.
(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("scripted");

  const say = (text) => {
    const at = document.getElementById("said");
    if (at) at.textContent = text;
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const word = button.querySelector("span");
    const before = word ? word.textContent : "";
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      if (word) word.textContent = "Copied";
      say("Copied");
    } catch {
      if (word) word.textContent = "Press Ctrl-C";
      const field = document.createElement("textarea");
      field.value = button.dataset.copy;
      button.after(field);
      field.select();
      field.addEventListener("blur", () => field.remove());
    }
    if (word) setTimeout(() => { word.textContent = before; }, 1500);
  });

  // Rows of a table that are chosen for one action.
  const chosen = () => {
    for (const bar of document.querySelectorAll(".bulk")) {
      const id = CSS.escape(bar.getAttribute("id")); // bar.id may be a field of the form
      const boxes = [...document.querySelectorAll(`input[name=id][form="${id}"]`)];
      const n = boxes.filter((box) => box.checked).length;
      const showed = bar.classList.contains("on");
      bar.classList.toggle("on", n > 0);
      const count = bar.querySelector("[data-count]");
      if (count) count.textContent = `${n} chosen`;
      if (showed !== n > 0) say(n > 0 ? "Actions for the chosen rows are below the table" : "");
      const all = document.querySelector(`[data-all="${id}"]`);
      if (all) {
        all.hidden = false;
        all.checked = n > 0 && n === boxes.length;
        all.indeterminate = n > 0 && n < boxes.length;
      }
    }
  };
  document.addEventListener("change", (event) => {
    const all = event.target.closest("[data-all]");
    if (all) {
      for (const box of document.querySelectorAll(`input[name=id][form="${CSS.escape(all.dataset.all)}"]`)) box.checked = all.checked;
    }
    if (all || event.target.name === "id") chosen();
  });

  // An open menu closes by Escape and by a click elsewhere.
  const close = (except) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) if (menu !== except) menu.open = false;
  };
  document.addEventListener("click", (event) => close(event.target.closest("details.menu")));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      const menu = event.target.closest && event.target.closest("details.menu[open]");
      close();
      if (menu) menu.querySelector("summary").focus();
    }
    if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !event.target.closest("input, select, textarea")) {
      const search = document.querySelector("input[type=search]");
      if (search) { event.preventDefault(); search.focus(); search.select(); }
    }
  });

  // Times are in UTC for those without scripts; the reader's own are in the hint.
  const times = () => {
    for (const time of document.querySelectorAll("time[datetime]:not([title])")) {
      const at = new Date(time.dateTime);
      if (!Number.isNaN(at.getTime())) time.title = at.toLocaleString();
    }
  };

  // A running scan: each event has the stages as text for elements of this page.
  let stream;
  const follow = () => {
    const at = document.querySelector("[data-events]");
    if (stream) { stream.close(); stream = undefined; }
    if (!at || !window.EventSource) return;
    stream = new EventSource(at.dataset.events);
    let told = "";
    stream.addEventListener("progress", (event) => {
      const p = JSON.parse(event.data);
      for (const [name, text] of Object.entries(p.text || {})) {
        const field = at.querySelector(`[data-field="${CSS.escape(name)}"]`);
        if (field && field.textContent !== text) field.textContent = text;
      }
      for (const [name, [done, total]] of Object.entries(p.bars || {})) {
        const bar = at.querySelector(`progress[data-bar="${CSS.escape(name)}"]`);
        if (!bar) continue;
        if (total > 0) { bar.max = total; bar.value = done; } else bar.removeAttribute("value");
      }
      if (p.stage && p.stage !== told) { told = p.stage; say(`Stage ${told}`); }
    });
    stream.addEventListener("line", (event) => {
      const log = at.querySelector(".log");
      if (!log) return;
      const end = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
      log.append(JSON.parse(event.data) + "\n");
      if (end) log.scrollTop = log.scrollHeight;
    });
    stream.addEventListener("end", () => { stream.close(); location.reload(); });
  };

  // Passkeys. Their buttons are there only where the browser knows them.
  const passkey = async (button) => {
    const wrong = document.querySelector("[data-passkey-problem]");
    const send = (url, body) => fetch(url, { method: "POST", headers: { Accept: "application/json" }, body });
    const answer = async (response) => {
      const doc = await response.json().catch(() => ({}));
      if (!response.ok) throw new Error([doc.detail || doc.cause || doc.title || response.statusText, doc.remedy].filter(Boolean).join(". "));
      return doc;
    };
    try {
      if (wrong) wrong.hidden = true;
      if (button.dataset.passkey === "get") {
        const begun = await answer(await send("/signin/passkey/begin"));
        const credential = await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(begun.publicKey) });
        const done = await answer(await send("/signin/passkey/finish?next=" + encodeURIComponent(button.dataset.next), JSON.stringify(credential)));
        location.assign(done.next);
      } else if (button.dataset.passkey === "setup") {
        const begun = await answer(await send("/setup/passkey/begin", new URLSearchParams(new FormData(button.form))));
        const credential = await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(begun.publicKey) });
        const done = await answer(await send("/setup/passkey/finish", JSON.stringify(credential)));
        location.assign(done.next);
      } else {
        const begun = await answer(await send("/account/passkeys/begin"));
        const credential = await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(begun.publicKey) });
        const name = document.querySelector("[data-passkey-name]").value;
        await answer(await send("/account/passkeys?name=" + encodeURIComponent(name), JSON.stringify(credential)));
        location.reload();
      }
    } catch (error) {
      if (!wrong) throw error;
      wrong.textContent = error.name === "NotAllowedError" ? "The browser gave no passkey: it was cancelled, or there is none for this site." : error.message;
      wrong.hidden = false;
      say(wrong.textContent);
    }
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-passkey]");
    if (button) passkey(button);
  });
  const passkeys = () => {
    const known = window.PublicKeyCredential && PublicKeyCredential.parseRequestOptionsFromJSON;
    for (const button of document.querySelectorAll("[data-passkey]")) button.hidden = !known;
  };

  // On a narrow screen the navigation scrolls to where one is.
  for (const here of document.querySelectorAll(".nav [aria-current], .tabs [aria-current]")) here.scrollIntoView({ block: "nearest", inline: "center" });

  const ready = () => { chosen(); times(); follow(); passkeys(); };
  ready();
  document.addEventListener("htmx:afterSettle", ready);
  document.addEventListener("htmx:historyRestore", ready);
})();
