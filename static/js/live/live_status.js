// The quiet line that says how the stream is, and how many are reading.

const READERS_FROM = 25; // fewer are shown to the authors only

const line = document.querySelector("[data-live-line]");
const readers = line?.querySelector("[data-readers]");
const asOf = document.querySelector("[data-as-of]"); // for those without a stream
let state = "";
let count = 0;
let backAt = 0;
let ticking;

if (line) {
  document.addEventListener("stream:state", ({ detail }) => changeState(detail));
  document.addEventListener("stream:event", ({ detail: { kind, n } }) => {
    if (kind === "readers") count = n;
    if (kind === "readers" || kind === "post") show();
  });
  document.addEventListener("me:known", show);
}

function changeState(detail) {
  state = detail.state;
  backAt = performance.now() + detail.ms;
  clearInterval(ticking);
  if (state === "reconnecting") ticking = setInterval(countDown, 500);
  countDown();
  show();
}

function countDown() {
  const seconds = Math.max(1, Math.ceil((backAt - performance.now()) / 1000));
  line.querySelector("[data-seconds]").textContent = seconds;
}

function show() {
  const shown = isOver() && ["live", "polling"].includes(state) ? "ended" : state;
  line.hidden = false;
  line.classList.toggle("live--on", shown === "live");
  for (const word of line.querySelectorAll("[data-state]")) word.hidden = word.dataset.state !== shown;
  line.querySelector("[data-when-live]")?.toggleAttribute("hidden", !isCovered()); // none on a page of the last release
  line.querySelector("[data-when-over]")?.toggleAttribute("hidden", isCovered());
  line.querySelector("[data-pause]").hidden = state === "ended";
  line.querySelector("[data-when-running]").hidden = state === "paused";
  line.querySelector("[data-when-paused]").hidden = state !== "paused";
  if (asOf) asOf.hidden = isOver() || !["reconnecting", "offline", "paused"].includes(state);
  showReaders();
}

// Coverage has ended since the page was loaded.
function isOver() {
  return asOf !== null && !isCovered();
}

function isCovered() {
  return document.querySelector(".head .live-mark") !== null;
}

function showReaders() {
  const others = isAuthor() ? count - 1 : count; // an author's own page is none that reads
  readers.hidden = state !== "live" || !(others >= READERS_FROM || (others > 0 && isAuthor()));
  const written = new Intl.NumberFormat(document.documentElement.lang).format(others);
  readers.querySelector("[data-number]").textContent = written;
}

// me.js shows the tools to those who may write here.
function isAuthor() {
  return document.querySelector("[data-authors]:not([hidden])") !== null;
}
