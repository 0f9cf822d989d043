// What the page does by itself: citations open their card, cards stay open while answers stream, copy, Esc, scrolling to a new turn.
(() => {
  const open = new Set(); // ids of what the reader opened; a new picture of the answer would close it
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

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const stop = document.querySelector("#stop");
    if (stop && stop.offsetParent) (stop.matches("button") ? stop : stop.querySelector("button"))?.click();
  });

  // The page arrives in English; for other browsers it is shown once its words are in their language, a moment later.
  const root = document.documentElement;
  if (!navigator.language.startsWith("en")) root.classList.add("hold");
  setTimeout(() => root.classList.remove("hold"), 1500);

  let newest = "";
  new MutationObserver(() => {
    for (const details of document.querySelectorAll("article.pane details:not([open])")) if (open.has(key(details))) details.open = true;
    const shown = document.querySelector("#now [lang]");
    if (shown) root.lang = shown.lang;
    if (document.querySelector("#keys [lang]")) root.classList.remove("hold");
    const turn = document.querySelector("#now .turn");
    const id = turn ? turn.id : "";
    if (id && id !== newest) turn.scrollIntoView({ block: "start", behavior: "smooth" });
    newest = id;
  }).observe(root, { childList: true, subtree: true, characterData: true });
})();
