// Keeps a page as the agent sees things, without moving what somebody reads. What is marked "now" is
// replaced at once: it says the same in the same place. What is marked "ask" is replaced when the reader
// says so. Without this script pages are whole; they are then as of the moment they were loaded.
"use strict";
(() => {
  const bar = () => document.getElementById("bar");
  let waiting = null; // the newest page, while the reader has not asked for it
  let busy = false, again = false;
  const skew = Date.now() - Date.parse(bar().dataset.now); // of this clock against the agent's

  // text is what somebody would read of an element.
  const text = (e) => e.textContent.replace(/\s+/g, " ").trim();

  const replace = (old, fresh) => {
    if (old.outerHTML === fresh.outerHTML) return;
    const focused = old.contains(document.activeElement) && document.activeElement.getAttribute("href");
    old.replaceWith(fresh);
    if (focused) {
      const same = [...fresh.querySelectorAll("a")].find((a) => a.getAttribute("href") === focused);
      if (same) same.focus({ preventScroll: true });
    }
  };

  const take = (page, kind) => {
    for (const old of document.querySelectorAll(`[data-live="${kind}"]`)) {
      const fresh = page.getElementById(old.id);
      if (fresh) replace(old, document.importNode(fresh, true));
    }
  };

  const changed = (page) => [...document.querySelectorAll('[data-live="ask"]')].filter((old) => {
    const fresh = page.getElementById(old.id);
    return fresh && text(fresh) !== text(old);
  }).length > 0;

  const offer = (page) => {
    const news = document.getElementById("news");
    waiting = page;
    if (!changed(page)) {
      news.replaceChildren();
      return;
    }
    if (news.firstChild) return; // it has been said
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Something changed here. Show it";
    button.addEventListener("click", () => {
      take(waiting, "ask");
      news.replaceChildren();
      document.getElementById("main").focus({ preventScroll: true });
    });
    news.replaceChildren(button);
  };

  const refresh = async () => {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      take(page, "now");
      offer(page);
      document.body.dataset.sequence = page.body.dataset.sequence;
    } catch { // the stream says that the agent does not answer
    } finally {
      busy = false;
      if (again) { again = false; setTimeout(refresh, 1000); }
    }
  };

  const alive = (is, why) => {
    const e = document.getElementById("link");
    if (!e) return;
    e.hidden = is;
    if (why) e.textContent = why;
  };

  const age = () => {
    const when = bar().dataset.time;
    const shown = document.getElementById("age");
    if (!when || !shown) return;
    const seconds = Math.max(0, Math.round((Date.now() - skew - Date.parse(when)) / 1000));
    const old = seconds > Number(bar().dataset.stale);
    bar().classList.toggle("loud", old);
    shown.textContent = seconds < 60 ? `${seconds} s ago` : seconds < 3600 ? `${Math.floor(seconds / 60)} min ago`
      : seconds < 172800 ? `${Math.floor(seconds / 3600)} h ago` : `${Math.floor(seconds / 86400)} days ago`;
    if (old && !document.querySelector("#banners [role=alert]")) refresh(); // the server says it loudly
  };

  // listen has this page told of changes. Browsers come back by themselves to an agent that is gone, but not to one
  // that refuses them, as it does where one reader has too many pages open.
  const listen = () => {
    const stream = new EventSource("/events");
    stream.addEventListener("open", () => alive(true));
    stream.addEventListener("error", () => {
      const refused = stream.readyState === EventSource.CLOSED;
      alive(false, refused ? "not live: the agent refuses it; close other pages of it, or reload this one" : "not live: the agent does not answer");
      if (refused) setTimeout(listen, 60000);
    });
    stream.addEventListener("report", (e) => {
      alive(true);
      if (e.lastEventId !== document.body.dataset.sequence) refresh();
    });
  };
  listen();
  setInterval(age, 5000);

  document.addEventListener("keydown", (e) => {
    if (e.key !== "/" || e.ctrlKey || e.metaKey || /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) return;
    e.preventDefault();
    document.getElementById("find").focus();
  });
})();
