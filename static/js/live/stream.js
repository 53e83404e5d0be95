// The stream: everything after the page's own position, opened anew after every loss. What it brings it dispatches on
// the document as "stream:event" (detail: kind, and the event's data), how it is as "stream:state" (detail: state, and
// in how many ms it comes back). The other modules listen; none of them knows the stream.

const KINDS = ["update", "comment", "remove", "post", "card", "readers", "reload", "gone"];
const FIRST_LOSS_MS = [1_000, 10_000]; // at random, so that not everybody comes back at once
const NEXT_LOSS_MS = 4_000; // doubled with each loss
const LONGEST_MS = 60_000;
const STEADY_MS = 10_000; // a stream that lasted so long ends a series of losses
const HIDDEN_MS = 30_000; // a browser has six connections for all its tabs, so a hidden one gives its own back
const POLL_MS = 30_000;
const QUIET_MS = 2_000; // a new stream that has said nothing for so long is up to date

const main = document.querySelector("main[data-live]");
let after = main.dataset.seq;
let source = null;
let state = "";
let timer;
let hiddenTimer;
let openedAt = 0;
let losses = 0;
let isPolling = false; // for as long as the tab is hidden

document.querySelector("[data-pause]")?.addEventListener("click", togglePause);
document.addEventListener("visibilitychange", () => (document.hidden ? hide() : show()));
document.addEventListener("stream:catch-up", catchUp);
addEventListener("online", open);
addEventListener("offline", () => mayRun() && stop("offline"));
addEventListener("pagehide", shut);
addEventListener("pageshow", (event) => event.persisted && open());
open();
if (document.hidden) hide();

function open() {
  if (!mayRun()) return;
  shut();
  if (state !== "polling") say("connecting");
  openedAt = 0;
  source = new EventSource(`${main.dataset.live}?after=${after}`);
  source.addEventListener("open", opened);
  source.addEventListener("error", lost);
  source.addEventListener("wait", told);
  for (const kind of KINDS) source.addEventListener(kind, (event) => hear(kind, event));
}

function mayRun() {
  return state !== "paused" && state !== "ended";
}

function shut() {
  clearTimeout(timer);
  source?.close();
  source = null;
}

function stop(newState) {
  shut();
  say(newState);
}

function comeBack(ms, newState) {
  shut();
  say(newState, ms);
  timer = setTimeout(open, ms);
}

function say(newState, ms = 0) {
  state = newState;
  document.dispatchEvent(new CustomEvent("stream:state", { detail: { state, ms } }));
}

// What the stream does

function opened() {
  openedAt = Date.now();
  if (isPolling) closeWhenQuiet();
  else if (state === "polling") timer = setTimeout(say, QUIET_MS, "live"); // unless it is over at once again
  else say("live");
}

function closeWhenQuiet() {
  clearTimeout(timer);
  timer = setTimeout(comeBack, QUIET_MS, POLL_MS, "polling");
}

function hear(kind, event) {
  if (event.lastEventId) after = event.lastEventId;
  if (isPolling) closeWhenQuiet();
  if (kind === "gone") stop("ended");
  document.dispatchEvent(new CustomEvent("stream:event", { detail: { ...JSON.parse(event.data), kind } }));
}

// The server ends it on purpose; `polling` says that nobody can hold it open.
function told(event) {
  const { ms, polling } = JSON.parse(event.data);
  losses = 1;
  comeBack(ms, polling ? "polling" : "reconnecting");
}

// EventSource would come back by itself, but all at the same time, and after an error of a proxy not at all.
function lost() {
  if (openedAt && Date.now() - openedAt > STEADY_MS) losses = 0;
  const [shortest, longest] = FIRST_LOSS_MS;
  const pause = Math.min(LONGEST_MS, NEXT_LOSS_MS * 2 ** (losses - 1));
  const ms = losses ? between(pause / 2, pause) : between(shortest, longest);
  losses += 1;
  comeBack(ms, navigator.onLine ? "reconnecting" : "offline");
}

function between(low, high) {
  return low + Math.random() * (high - low);
}

// What the reader does

function togglePause() {
  if (state === "paused") {
    state = "";
    open();
  } else if (state !== "ended") {
    stop("paused");
  }
}

// An author has just changed something and wants to see it, also on a page that was paused or waits.
function catchUp() {
  if (state === "paused") togglePause();
  else if (state !== "live") open();
}

function hide() {
  clearTimeout(hiddenTimer);
  hiddenTimer = setTimeout(() => {
    isPolling = true;
    if (mayRun()) comeBack(POLL_MS, "polling");
  }, HIDDEN_MS);
}

function show() {
  clearTimeout(hiddenTimer);
  const wasPolling = isPolling;
  isPolling = false;
  if (source && openedAt && !wasPolling) return;
  if (wasPolling && mayRun()) state = "";
  open();
}
