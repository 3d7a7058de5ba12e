// What the console's pages do beside showing what the server has rendered. Every page works without this file too, except
// that nothing then changes by itself.
"use strict";

(() => {
  const page = () => document.getElementById("page");
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // -- Times: local, with an age that grows.

  const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

  function age(at) {
    const seconds = Math.round((Date.now() - at) / 1000);
    const far = Math.abs(seconds);
    const told =
      far < 60 ? `${far} s` : far < 3600 ? `${Math.floor(far / 60)} min`
        : far < 172800 ? `${Math.floor(far / 3600)} h` : `${Math.floor(far / 86400)} d`;
    if (seconds < 0) return `in ${told}`;
    return far < 10 ? "just now" : `${told} ago`;
  }

  function tellTimes(root) {
    for (const time of all("time[data-local]", root)) {
      time.textContent = absolute.format(new Date(time.dateTime));
      time.title = time.dateTime;
    }
    tellAges(root);
  }

  function tellAges(root) {
    const set = (element, text) => { if (element.textContent !== text) element.textContent = text; };
    for (const time of all("time[data-age]", root)) {
      set(time, age(new Date(time.dateTime)));
      time.title = absolute.format(new Date(time.dateTime));
    }
    for (const span of all("[data-age-of]", root)) set(span, `(${age(new Date(span.dataset.ageOf))})`);
  }

  setInterval(() => { if (!document.hidden) tellAges(document); }, 5000);

  // -- The server's news: a stream of names of what has changed. Parts of the page wait for `live:NAME`.

  let stream = null;
  let topics = "";
  let run = null;
  let isLost = false;

  function tell(text, kind) {
    const place = document.getElementById("server-state");
    if (!place) return;
    place.className = `notice ${kind}`;
    place.textContent = text;
    place.hidden = !text;
  }

  function follow() {
    const wanted = page()?.dataset.topics?.trim() ?? "";
    if (isSignedOut) return;
    if (wanted === topics && stream && stream.readyState !== EventSource.CLOSED) return;
    stream?.close();
    stream = null;
    topics = wanted;
    if (!wanted) return;
    stream = new EventSource(`/live?topics=${encodeURIComponent(wanted)}`);
    stream.addEventListener("hello", (event) => {
      const isNew = run !== null && run !== event.data;
      run = event.data;
      // Also what has changed between the making of the page and now: nobody told it.
      refreshAll();
      if (isLost || isNew) {
        const isLive = document.querySelector("#content [hx-trigger*='live:']") !== null;
        const rest = isLive ? "This page is up to date again." : "Reload this page to see what has changed meanwhile.";
        tell(`${isNew ? "The server was restarted" : "The server is back"}. ${rest}`, "good");
      }
      isLost = false;
    });
    stream.addEventListener("signed-out", tellSignedOut);
    for (const name of ["fleet", "agent", "draft", "assignment"]) {
      stream.addEventListener(name, () => refresh(name));
    }
    stream.addEventListener("error", async () => {
      // A refusal ends the stream for good; a lost connection does not, and the browser tries again by itself.
      const isRefused = stream?.readyState === EventSource.CLOSED;
      if (isRefused) {
        stream = null;
        setTimeout(follow, 3000);
        if (await hasNoSession()) return tellSignedOut();
      }
      if (!isLost) tell("The server does not answer. Trying again…", "warn");
      isLost = true;
    });
  }

  // -- The session: that it has ended is told where the page is, and a new one takes its place there.

  const BY_ITSELF = { "X-Landmark-By-Itself": "yes" };
  let isSignedOut = false;

  function tellSignedOut() {
    const place = document.getElementById("server-state");
    if (!place) return;
    isSignedOut = true;
    stream?.close();
    stream = null;
    tell("You are signed out. Sign in again in another tab; what you have typed here stays. ", "warn");
    const link = document.createElement("a");
    link.href = "/sign-in";
    link.target = "_blank";
    link.textContent = "Sign in";
    place.append(link);
  }

  /// A stream that is refused does not say why.
  async function hasNoSession() {
    const answer = await fetch("/draft/bar", { headers: { ...BY_ITSELF, "HX-Request": "true" } }).catch(() => null);
    return answer?.status === 401;
  }

  /// Whoever comes back to the page, having signed in elsewhere, goes on here: the forms get the proof of the new session.
  async function resume() {
    if (!isSignedOut || document.hidden || await hasNoSession()) return;
    const answer = await fetch(location.href, { headers: BY_ITSELF }).catch(() => null);
    if (!answer?.ok || answer.redirected) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const proof = fresh.querySelector("input[name=csrf]")?.value;
    const reader = (root) => root.querySelector(".me a")?.textContent;
    if (!proof || !isSignedOut) return;
    if (reader(fresh) !== reader(document)) {
      tell("Somebody else has signed in. Reload this page to go on as them.", "warn");
      return;
    }
    for (const field of all("input[name=csrf]")) field.value = proof;
    isSignedOut = false;
    isLost = false;
    tell("You are signed in again. What you have typed here is still here, and not saved yet.", "good");
    refreshAll();
    follow();
  }

  window.addEventListener("focus", resume);
  document.addEventListener("visibilitychange", resume);

  const missed = new Set();

  /// When each was last told of. A page that is on its way meanwhile may have been made before that.
  const lately = new Map();
  const ON_ITS_WAY = 10_000;

  function catchUp() {
    const names = [...lately].filter(([, at]) => Date.now() - at < ON_ITS_WAY).map(([name]) => name);
    names.forEach(refresh);
    lately.clear();
  }

  function refresh(name) {
    lately.set(name, Date.now());
    // A page nobody looks at catches up when somebody does.
    if (document.hidden) missed.add(name);
    else document.body.dispatchEvent(new CustomEvent(`live:${name}`));
  }

  function refreshAll() {
    for (const name of ["fleet", "agent", "draft", "assignment"]) refresh(name);
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    for (const name of missed) document.body.dispatchEvent(new CustomEvent(`live:${name}`));
    missed.clear();
  });

  // -- What was typed: kept over Back, reload and a lost connection, and never left behind without asking.

  /// Which element gets the focus is no other page.
  function keyOf(form) {
    const query = new URLSearchParams(location.search);
    query.delete("focus");
    return `landmark:${location.pathname}?${query}:${form.dataset.keep}`;
  }

  /// With the state of the draft that it was typed against: if that is not the present one any more, saving shows the conflict.
  function keep(form) {
    const etag = form.elements.etag?.value;
    sessionStorage.setItem(keyOf(form), JSON.stringify({ etag, values: valuesOf(form) }));
  }
  const LEAVING = "landmark-leaving";
  const isKept = (field) => field.name && !["hidden", "password", "submit", "file"].includes(field.type);
  let isSubmitting = false;

  function valuesOf(form) {
    return [...form.elements].filter(isKept).map((field) =>
      field.type === "checkbox" || field.type === "radio" ? [field.name, field.value, field.checked] : [field.name, field.value]);
  }

  function isDirty(form) {
    return form.dataset.first !== undefined && JSON.stringify(valuesOf(form)) !== form.dataset.first;
  }

  function watchForm(form) {
    if (form.dataset.first !== undefined) return;
    // What was refused is saved nowhere.
    form.dataset.first = form.querySelector("[aria-invalid]") ? "" : JSON.stringify(valuesOf(form));
    const kept = sessionStorage.getItem(keyOf(form));
    if (!kept || form.querySelector("[aria-invalid]")) return;
    const { etag, values } = JSON.parse(kept);
    if (JSON.stringify(values) === form.dataset.first) return;
    if (etag && form.elements.etag) form.elements.etag.value = etag;
    const fields = [...form.elements].filter(isKept);
    values.forEach(([name, value, checked], index) => {
      const field = fields[index];
      if (field?.name !== name) return;
      if (checked === undefined) field.value = value;
      else if (field.value === value) field.checked = checked;
    });
    const note = document.createElement("p");
    note.className = "notice";
    note.setAttribute("role", "status");
    note.textContent = "What you had typed here is back; it is not saved yet.";
    form.prepend(note);
  }

  for (const type of ["input", "change"]) {
    document.addEventListener(type, (event) => {
      const form = event.target.closest?.("form[data-keep]");
      if (form) keep(form);
    });
  }

  document.addEventListener("reset", (event) => {
    if (event.target.matches("form[data-keep]")) sessionStorage.removeItem(keyOf(event.target));
  });

  /// Whoever signs out leaves nothing to those who come after them. A session that ended by itself keeps what was typed.
  function forgetAll() {
    if (sessionStorage.getItem(LEAVING) && !document.querySelector(".me")) {
      for (const key of Object.keys(sessionStorage)) if (key.startsWith("landmark:")) sessionStorage.removeItem(key);
    }
    sessionStorage.removeItem(LEAVING);
  }

  window.addEventListener("beforeunload", (event) => {
    if (!isSubmitting && all("form[data-keep]").some(isDirty)) event.preventDefault();
  });

  // -- Forms: asking before what cannot be undone, keeping the page when the server does not answer.

  function ask(form) {
    const dialog = document.getElementById("confirm");
    document.getElementById("confirm-text").textContent = form.dataset.confirm;
    document.getElementById("confirm-yes").textContent = form.dataset.confirmYes ?? "Do it";
    dialog.returnValue = "no";
    dialog.showModal();
    return new Promise((done) => {
      dialog.addEventListener("close", () => done(dialog.returnValue === "yes"), { once: true });
    });
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || form.method === "dialog") return;
    if (form.dataset.confirm && form.dataset.confirmed !== "yes") {
      event.preventDefault();
      event.stopImmediatePropagation();
      const submitter = event.submitter;
      ask(form).then((isYes) => {
        if (!isYes) return;
        // News may have replaced it while the question stood there.
        if (!form.isConnected) return say("Something has changed meanwhile: look again");
        form.dataset.confirmed = "yes";
        form.requestSubmit(submitter ?? undefined);
        delete form.dataset.confirmed;
      });
      return;
    }
    if (!form.hasAttribute("hx-boost")) isSubmitting = form.matches("[data-keep]");
    if (form.getAttribute("action") === "/sign-out") sessionStorage.setItem(LEAVING, "yes");
  }, true);

  document.addEventListener("htmx:configRequest", (event) => {
    // News is no use of the session: a page that is left open does not keep its reader signed in.
    if (event.detail.triggeringEvent?.type.startsWith("live:")) Object.assign(event.detail.headers, BY_ITSELF);
  });

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, boosted } = event.detail;
    // A part of a page that could not be had leaves the one before where it is.
    if (xhr.status >= 400 && !boosted) event.detail.shouldSwap = false;
    if (!boosted && event.detail.serverResponse.includes("hx-swap-oob")) event.detail.serverResponse = shownOf(event.detail.serverResponse);
    if (xhr.status < 400 && boosted) {
      const form = event.detail.requestConfig.elt;
      forget(form);
      const name = form?.querySelector?.("button[data-forget]")?.dataset.forget;
      if (name !== undefined) forgetNamed(name);
    }
  });

  // News may be of rows that this page does not show: of an assignment made, or a server added, since it was opened.
  function shownOf(html) {
    const news = document.createElement("template");
    news.innerHTML = html;
    for (const one of all("[hx-swap-oob]", news.content)) if (!document.getElementById(one.id)) one.remove();
    return news.innerHTML;
  }

  function forget(form) {
    if (form?.matches?.("form[data-keep]")) sessionStorage.removeItem(keyOf(form));
    delete form?.dataset?.first;
  }

  // A link that leaves a form behind on purpose: what was typed goes. A button that sends it another way does so when it has
  // arrived.
  function forgetNamed(name) {
    for (const form of all("form[data-keep]")) if (!name || form.dataset.keep === name) forget(form);
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-forget]");
    if (link) forgetNamed(link.dataset.forget);
  });

  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status === 401) tellSignedOut();
  });

  document.addEventListener("htmx:sendError", (event) => {
    if (event.detail.boosted || event.detail.requestConfig?.boosted) {
      tell("The server does not answer: nothing was saved. What you typed is still here; try again in a moment.", "bad");
    }
  });

  // -- Small things at a press: copying, choosing all rows, closing the menu.

  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (!button) return;
    const isCopied = await navigator.clipboard.writeText(button.dataset.copy).then(() => true, () => false);
    say(isCopied ? "Copied" : "The browser does not let pages copy");
    button.classList.add("is-copied");
    setTimeout(() => button.classList.remove("is-copied"), 1200);
  });

  function say(text) {
    let place = document.getElementById("said");
    if (!place) {
      place = document.createElement("div");
      place.id = "said";
      place.className = "toast";
      place.setAttribute("role", "status");
      document.body.append(place);
    }
    place.textContent = text;
    clearTimeout(say.timer);
    say.timer = setTimeout(() => { place.textContent = ""; }, 2500);
  }

  document.addEventListener("change", (event) => {
    const box = event.target;
    if (box.matches?.("[data-all]")) {
      for (const one of all(`input[type=checkbox][name="${box.dataset.all}"]`)) one.checked = box.checked;
    }
    tellChosen();
  });

  /// Buttons with data-needs="NAME" work only while a box of that name is ticked.
  function tellChosen() {
    for (const button of all("[data-needs]")) {
      const n = all(`input[type=checkbox][name="${button.dataset.needs}"]:checked`).length;
      button.disabled = n === 0;
      if (button.dataset.label) button.textContent = n ? `${button.dataset.label} (${n})` : button.dataset.label;
    }
  }

  // -- Order by drag, and by Alt and an arrow key. A row names its form (data-move); the form gets the new place.

  let dragged = null;

  const rowOf = (target) => target?.closest?.("[data-move]");

  function move(row, position) {
    const form = document.getElementById(row.dataset.moveForm);
    form.elements.name.value = row.dataset.move;
    form.elements.position.value = position;
    form.elements.focus.value = row.id;
    form.requestSubmit();
  }

  const placeOf = (row) => all("[data-move]", row.parentElement).indexOf(row);

  document.addEventListener("dragstart", (event) => {
    dragged = rowOf(event.target);
    if (!dragged) return;
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", dragged.dataset.move);
    dragged.classList.add("is-dragged");
  });

  document.addEventListener("dragover", (event) => {
    const row = rowOf(event.target);
    if (!dragged || !row || row.parentElement !== dragged.parentElement) return;
    event.preventDefault();
    clearMarks();
    if (row !== dragged) row.classList.add(placeOf(row) > placeOf(dragged) ? "drop-after" : "drop-before");
  });

  document.addEventListener("drop", (event) => {
    const row = rowOf(event.target);
    if (!dragged || !row || row === dragged || row.parentElement !== dragged.parentElement) return;
    event.preventDefault();
    move(dragged, placeOf(row));
  });

  document.addEventListener("dragend", () => {
    clearMarks();
    dragged?.classList.remove("is-dragged");
    dragged = null;
  });

  function clearMarks() {
    for (const row of all(".drop-before, .drop-after")) row.classList.remove("drop-before", "drop-after");
  }

  document.addEventListener("keydown", (event) => {
    if (!event.altKey || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
    const row = rowOf(event.target);
    if (!row) return;
    event.preventDefault();
    const wanted = placeOf(row) + (event.key === "ArrowUp" ? -1 : 1);
    if (wanted >= 0 && wanted < all("[data-move]", row.parentElement).length) move(row, wanted);
  });

  // -- After each page, and each part of one.

  function settle(root) {
    tellTimes(root);
    for (const form of all("form[data-keep]")) watchForm(form);
    tellChosen();
    follow();
  }

  document.addEventListener("DOMContentLoaded", () => {
    forgetAll();
    settle(document);
    focusFirst();
  });

  document.addEventListener("htmx:afterSettle", (event) => {
    const isPage = event.detail.target === document.body;
    if (isPage) {
      isSignedOut = false;
      catchUp();
    }
    // The target of a part is what stood there before.
    settle(isPage ? document : event.target);
    if (isPage && !focusFirst()) document.getElementById("content")?.focus({ preventScroll: true });
  });

  // A part that is replaced under its reader stays as they had it: what they had opened is open, the focus is where it was.

  const FOCUSABLE = "a[href], button, summary, [tabindex]";
  let opened = [];
  let focused = null;

  /// Rows may come in another order.
  const isLike = (one, other) => one.localName === other.localName && (one.localName === "a"
    ? one.getAttribute("href") === other.getAttribute("href") : one.textContent === other.textContent);

  /// By what it is about, and what it stands in: its age changes.
  function nameOf(details) {
    const summary = details.querySelector("summary");
    const outer = details.parentElement.closest("details");
    return `${outer ? nameOf(outer) : ""}/${summary?.querySelector("time")?.dateTime ?? summary?.textContent}`;
  }

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target } = event.detail;
    if (target === document.body) return;
    opened = all("details[open]", target).map(nameOf);
    focused = target.contains(document.activeElement) ? document.activeElement : null;
  });

  document.addEventListener("htmx:beforeRequest", (event) => {
    event.detail.requestConfig.startedAt = Date.now();
  });

  /// News that came while a part was on its way was for the part that is replaced by it.
  function catchUpWith(part, startedAt) {
    const names = [...(part.getAttribute("hx-trigger") ?? "").matchAll(/live:(\w+)/g)].map(([, name]) => name);
    if (names.some((name) => (lately.get(name) ?? 0) > startedAt)) {
      setTimeout(() => names.forEach(refresh));
    }
  }

  document.addEventListener("htmx:afterSettle", (event) => {
    const { target, requestConfig } = event.detail;
    if (target !== document.body && requestConfig?.startedAt) catchUpWith(event.target, requestConfig.startedAt);
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target === document.body) return;
    const part = event.target;
    for (const details of all("details", part)) if (opened.includes(nameOf(details))) details.open = true;
    if (focused) all(FOCUSABLE, part).find((one) => isLike(one, focused))?.focus({ preventScroll: true });
    opened = [];
    focused = null;
  });

  /// What the server wants looked at first: an error, a result, the row that was moved.
  function focusFirst() {
    const wanted = new URLSearchParams(location.search).get("focus");
    const element = document.querySelector("[data-focus], [aria-invalid='true']") ?? (wanted && document.getElementById(wanted));
    if (!element) return false;
    (element.matches("tr") ? element.querySelector("button, a, input") ?? element : element).focus();
    return true;
  }

  // -- The menu of narrow screens closes by Escape.

  document.addEventListener("keydown", (event) => {
    const menu = document.getElementById("menu");
    if (event.key === "Escape" && menu?.open) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
})();
