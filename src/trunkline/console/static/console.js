// What pages are nicer with; all of them work without it.
(() => {
  const shown = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "medium" });
  function tellTimes(root) {
    for (const time of root.querySelectorAll("time[datetime]:not([title])")) {
      time.title = time.textContent;
      time.textContent = shown.format(new Date(time.dateTime));
    }
  }
  function isTyping(element) {
    return element.matches("input, textarea, select, [contenteditable]");
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !isTyping(event.target)) {
      const box = document.querySelector("#find");
      if (box) { event.preventDefault(); box.focus(); box.select(); }
    }
  });
  // The server takes a form once, however often it is sent; this only says that it is under way.
  document.addEventListener("submit", (event) => {
    for (const button of event.target.querySelectorAll("button:not([name])")) {
      button.setAttribute("aria-busy", "true");
    }
  });
  window.addEventListener("pageshow", () => {
    for (const button of document.querySelectorAll("button[aria-busy]")) button.removeAttribute("aria-busy");
  });
  // A list stays as it is under the mouse; what has come meanwhile is counted, and shown when it is asked for.
  let missed = 0;
  document.addEventListener("told", (event) => {
    const link = document.querySelector("[data-news]");
    missed += Number(event.detail.data);
    if (link && missed) {
      link.textContent = `${missed} ${link.dataset.news}`;
      link.hidden = false;
    }
  });
  document.addEventListener("htmx:after:process", (event) => tellTimes(event.target.parentElement ?? document));
  document.addEventListener("htmx:after:swap", () => tellTimes(document));
  tellTimes(document);
  // On a narrow screen the pages stand in one line, which begins with the first. The line alone is moved: an element
  // that is scrolled into view is where the Tab key goes on from.
  const here = document.querySelector("nav [aria-current]");
  const line = here?.closest("ul");
  if (line) line.scrollLeft = here.offsetLeft - line.offsetLeft - (line.clientWidth - here.offsetWidth) / 2;
})();
