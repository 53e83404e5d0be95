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
const FRESH_MS = 10_000; // a new stream begins with a heartbeat; where none comes, something in between holds it back
const HELD_POLL_MS = [10_000, 20_000]; // so it asks every now and then
const HELD_MS = 300_000; // and tries a stream again
const SILENT_MS = 40_000; // more than two heartbeats; twin of HEARTBEAT_SECONDS in webapp/live/topics.py

const main = document.querySelector("main[data-live]");
let after = `${main.dataset.epoch || 1}-${main.dataset.seq}`; // a page of the last release has no epoch
let source = null;
let state = "";
let timer;
let watch; // over a stream that should have said something
let hiddenTimer;
let openedAt = 0;
let heardAt = 0;
let heldUntil = -Infinity; // streams don't come through here
let losses = 0;
let isHidden = false; // for so long that it has no stream
let isPoll = false;

document.querySelector("[data-pause]")?.addEventListener("click", togglePause);
document.addEventListener("visibilitychange", () => (document.hidden ? hide() : show()));
document.addEventListener("stream:catch-up", catchUp);
addEventListener("online", () => open());
addEventListener("offline", doubt);
addEventListener("pagehide", shut);
addEventListener("pageshow", (event) => event.persisted && open());
open();
if (document.hidden) hide();

function open(more = "") {
  if (!mayRun()) return;
  shut();
  isPoll = isHidden || performance.now() < heldUntil;
  if (state !== "polling") say("connecting");
  openedAt = 0;
  source = new EventSource(`${main.dataset.live}?after=${after}${isPoll ? "&poll" : ""}${more}`);
  source.addEventListener("open", () => (openedAt = Date.now()));
  source.addEventListener("error", lost);
  source.addEventListener("wait", told);
  source.addEventListener("beat", beat);
  for (const kind of KINDS) source.addEventListener(kind, (event) => hear(kind, event));
  watchFor(FRESH_MS, isPoll ? lost : beHeld);
}

function mayRun() {
  return state !== "paused" && state !== "ended";
}

function shut() {
  clearTimeout(timer);
  clearTimeout(watch);
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

// Only a stream that is held has heartbeats; where none can be, what was missed comes all the same, and a `wait`.
function beat() {
  heard();
  if (state !== "live") say("live");
}

function heard() {
  heardAt = Date.now();
  if (isPoll) return;
  if (state === "offline") say("live");
  watchFor(SILENT_MS, () => open("&silent"));
}

function watchFor(ms, then) {
  clearTimeout(watch);
  watch = setTimeout(then, ms);
}

function beHeld() {
  heldUntil = performance.now() + HELD_MS;
  open();
}

function hear(kind, event) {
  if (event.lastEventId) after = event.lastEventId;
  heard();
  if (kind === "gone") stop("ended");
  document.dispatchEvent(new CustomEvent("stream:event", { detail: { ...JSON.parse(event.data), kind } }));
}

// The server ends it on purpose; `polling` says that nobody can hold it open.
function told(event) {
  const { ms, polling } = JSON.parse(event.data);
  losses = 1;
  if (isPoll) comeBack(isHidden ? POLL_MS : between(...HELD_POLL_MS), "polling");
  else comeBack(ms, polling ? "polling" : "reconnecting");
}

// A browser may call itself offline when it isn't, so the stream stays for as long as it says something.
function doubt() {
  if (!mayRun()) return;
  say("offline");
  watchFor(SILENT_MS, () => open("&silent"));
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
    isHidden = true;
    if (mayRun()) comeBack(POLL_MS, "polling");
  }, HIDDEN_MS);
}

function show() {
  clearTimeout(hiddenTimer);
  const wasHidden = isHidden;
  isHidden = false;
  if (source && openedAt && !wasHidden && Date.now() - heardAt < SILENT_MS) return;
  if (wasHidden && mayRun()) state = "";
  open();
}
