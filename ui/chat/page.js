// What the page does by itself: pages in the address, citations open their card, what a reader opened or typed survives a new
// picture of the answer, copy, files to save, keys, scrolling to a new turn.
(() => {
  const open = new Set(); // ids of what the reader opened; a new picture of the answer would close it
  const drafts = new Map(); // what the reader types into a correction, by the id of its box
  const key = (details) => details.id || `${details.closest("article")?.parentElement?.closest("section")?.id}/${details.closest("article")?.getAttribute("aria-label")}/${details.className}`;

  function show(id) {
    const card = document.getElementById(id);
    if (!card) return;
    card.open = true;
    open.add(key(card));
    const passage = card.querySelector(".passage");
    const mark = passage.querySelector("mark") || passage;
    card.scrollIntoView({ block: "nearest", behavior: "smooth" });
    passage.scrollTop = Math.max(0, mark.offsetTop - 60);
    card.querySelector("summary").focus({ preventScroll: true });
    card.classList.remove("jumped");
    void card.offsetWidth;
    card.classList.add("jumped");
  }

  async function copy(button) {
    const answer = button.closest("article").querySelector(".answer");
    const label = button.textContent;
    try {
      await navigator.clipboard.writeText(answer.innerText.trim());
    } catch {
      const range = document.createRange(); // no permission: select it, so that Ctrl+C does it
      range.selectNodeContents(answer);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      return;
    }
    button.textContent = button.dataset.done;
    setTimeout(() => { button.textContent = label; }, 1500);
  }

  document.addEventListener("click", (event) => {
    const cite = event.target.closest("a.cite");
    if (cite) {
      event.preventDefault();
      show(cite.dataset.card);
      return;
    }
    const button = event.target.closest("button.copy");
    if (button) return void copy(button);
    const details = event.target.closest("summary")?.parentElement;
    if (details?.closest("article.pane")) details.open ? open.delete(key(details)) : open.add(key(details));
  });

  document.addEventListener("input", (event) => {
    if (event.target.closest(".opinion textarea")) drafts.set(event.target.id, event.target.value);
  });

  // Pages: #corpus in the address opens that tab, and the tabs write themselves there. The first one is the plain address.
  const tabs = () => [...document.querySelectorAll("#pages > .tab-wrapper [role=tab]")];
  const nameOf = (tab) => tab.dataset.tabId;
  const places = {}; // how far down each page was read
  let shown = "";
  let wish = location.hash.slice(1); // the page asked for, until it is there: a click that comes before Gradio listens is lost
  addEventListener("scroll", () => { places[shown] = scrollY; }, { passive: true });
  function turnTo() {
    const all = tabs();
    const wanted = all.find((tab) => nameOf(tab) === location.hash.slice(1)) || (location.hash ? null : all[0]);
    if (wanted && wanted.getAttribute("aria-selected") !== "true") wanted.click();
  }
  function follow() {
    const all = tabs();
    const selected = all.find((tab) => tab.getAttribute("aria-selected") === "true");
    if (!selected) return;
    if (wish) {
      const asked = all.find((tab) => nameOf(tab) === wish);
      if (asked && asked !== selected) return void asked.click();
      wish = "";
    }
    if (nameOf(selected) === shown) return;
    const first = !shown;
    shown = nameOf(selected);
    if (first) return;
    const address = selected === all[0] ? location.pathname + location.search : `#${shown}`;
    if ((location.hash.slice(1) || nameOf(all[0])) !== shown) history.pushState(null, "", address);
    scrollTo(0, places[shown] || 0);
    selected.scrollIntoView({ block: "nearest", inline: "center" });
  }
  addEventListener("popstate", turnTo);
  for (const later of [300, 1000, 3000]) setTimeout(follow, later);

  function press(event) {
    const selector = { Escape: "#stop" }[event.key];
    if (selector) {
      const button = document.querySelector(selector);
      if (button && button.offsetParent) (button.matches("button") ? button : button.querySelector("button"))?.click();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const tab = event.target.closest?.("#pages > .tab-wrapper [role=tab]");
    if (tab && ["ArrowLeft", "ArrowRight"].includes(event.key)) {
      const all = tabs();
      const next = all[(all.indexOf(tab) + (event.key === "ArrowRight" ? 1 : all.length - 1)) % all.length];
      next.focus();
      next.click();
      return;
    }
    if (event.target.closest?.("input, textarea, select, [contenteditable]")) return;
    const letter = event.code.replace(/^(Key|Digit|Numpad)/, ""); // the key's place: on a Russian keyboard it types another letter
    const vote = [...document.querySelectorAll("#now .ballot button[data-key]")].find((button) => button.dataset.key === letter);
    if (vote && vote.offsetParent) {
      event.preventDefault(); // else it is typed into the box
      vote.click();
      document.querySelector("#question textarea")?.focus();
    }
  }
  document.addEventListener("keydown", press);

  window.atlas = {
    save({ name, text }) {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([text], { type: "application/octet-stream" })); // saved, never shown
      link.download = name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    },
  };

  // The page arrives in English; for other browsers it is shown once its words are in their language, a moment later.
  const root = document.documentElement;
  if (!navigator.language.startsWith("en")) root.classList.add("hold");
  setTimeout(() => root.classList.remove("hold"), 3000);

  let newest = "";
  let ballots = "";
  new MutationObserver(() => {
    follow();
    for (const details of document.querySelectorAll("article.pane details:not([open])")) if (open.has(key(details))) details.open = true;
    for (const box of document.querySelectorAll(".opinion textarea")) {
      const draft = drafts.get(box.id);
      if (draft !== undefined && document.activeElement !== box && box.value !== draft) box.value = draft;
    }
    const words = document.querySelector("#keys [lang]");
    const said = document.querySelector("#now [lang]");
    if (words && root.lang !== words.lang) root.lang = words.lang;
    if (words && (!said || said.lang === words.lang)) root.classList.remove("hold");
    const turn = document.querySelector("#now .turn");
    const id = turn ? turn.id : "";
    if (id && id !== newest) turn.scrollIntoView({ block: "start", behavior: "smooth" });
    newest = id;
    const ballot = document.querySelector("#now .ballot");
    const box = document.querySelector("#question textarea");
    const asked = ballot ? turn.querySelector(".question").textContent + id : "";
    if (ballot && asked !== ballots && box === document.activeElement && !box.value) ballot.querySelector("button").focus({ preventScroll: true });
    ballots = asked;
  }).observe(root, { childList: true, subtree: true, characterData: true, attributes: true, attributeFilter: ["aria-selected"] });
})();
