// The page's stream: everything after the page's own position. What it brings is dispatched on the document as
// "stream:event" (detail: kind, and the event's data), how it is as "stream:state" (detail: state, and in how many ms
// it comes back). The other modules listen; none of them knows the stream, which connection.js holds for all tabs.

const HIDDEN_MS = 30_000; // for so long a hidden tab still has its stream

const main = document.querySelector("main[data-live]");
const { live, connection = "/static/js/live/connection.js?release=2" } = main.dataset; // a page of the last release
let after = `${main.dataset.epoch || 1}-${main.dataset.seq}`;
let state = "";
let port = null;
let isWatched = !document.hidden;
let timer;

document.querySelector("[data-pause]")?.addEventListener("click", togglePause);
document.addEventListener("visibilitychange", () => (document.hidden ? hide() : show()));
document.addEventListener("stream:catch-up", catchUp);
addEventListener("online", () => port?.postMessage({ verb: "open" }));
addEventListener("offline", () => port?.postMessage({ verb: "doubt" }));
addEventListener("pagehide", leave);
addEventListener("pageshow", (event) => event.persisted && mayRun() && join());
join();

function join() {
  leave();
  port = self.SharedWorker ? shared() : own();
  port.addEventListener("message", hear);
  port.start();
  port.postMessage({ verb: "join", url: new URL(live, location).href, after, isWatched });
}

function shared() {
  const worker = new SharedWorker(connection, { type: "module" });
  worker.addEventListener("error", () => {
    delete self.SharedWorker; // one that can't run this
    if (mayRun()) join();
  });
  return worker.port;
}

function own() {
  const { port1, port2 } = new MessageChannel();
  import(connection).then(({ serve }) => serve(port2)); // from this very file, where scripts are bundled
  return port1;
}

function leave() {
  port?.removeEventListener("message", hear);
  port?.postMessage({ verb: "leave" });
  port = null;
}

function say(newState, ms = 0) {
  state = newState;
  document.dispatchEvent(new CustomEvent("stream:state", { detail: { state, ms } }));
}

function hear({ data: { events = [], state: newState, ms } }) {
  if (newState) say(newState, ms);
  events.forEach(take);
}

function take({ kind, data, id }) {
  if (id && !isNext(id)) return;
  if (kind === "gone") stop("ended");
  document.dispatchEvent(new CustomEvent("stream:event", { detail: { ...data, kind } }));
}

// What the page has already comes again to a tab that joined others. In another epoch it has nothing.
function isNext(id) {
  const [[epoch, number], [ownEpoch, ownNumber]] = [id, after].map((position) => position.split("-").map(Number));
  if (epoch !== ownEpoch) document.dispatchEvent(new CustomEvent("stream:event", { detail: { kind: "reload" } }));
  if (epoch !== ownEpoch || number <= ownNumber) return false;
  after = id;
  return true;
}

// What the reader does

function mayRun() {
  return state !== "paused" && state !== "ended";
}

function stop(newState) {
  leave();
  say(newState);
}

function togglePause() {
  if (state === "paused") {
    state = "";
    join();
  } else if (state !== "ended") {
    stop("paused");
  }
}

// An author has just changed something and wants to see it, also on a page that was paused or waits.
function catchUp() {
  if (state === "paused") togglePause();
  else port?.postMessage({ verb: "open" });
}

function hide() {
  clearTimeout(timer);
  timer = setTimeout(() => watch(false), HIDDEN_MS);
}

function show() {
  clearTimeout(timer);
  watch(true);
}

function watch(newValue) {
  isWatched = newValue;
  port?.postMessage({ verb: "watch", isWatched });
}
