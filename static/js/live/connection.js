// The streams of a browser, for all its tabs: run as a SharedWorker, or by a page whose browser has none. A browser has
// six connections to a host, so there is one stream for each post and two in all; tabs of further posts ask now and
// then, and so do those that nobody has looked at for a while.
//
// A tab says over its port: join (url, after, isWatched), watch (isWatched), open, doubt, leave. It is told { state, ms }:
// how its stream is, and in how many ms it is opened again; and { events }, each with kind, data, and its position (id)
// if it has one.

const STREAMS = 2;
const NUMBERED = ["update", "comment", "comments", "remove", "post", "card"];
const OTHERS = ["readers", "reload", "gone"];
const TOGETHER_MS = 200; // what comes thick and fast comes to a page together: it is laid out once, not for each
const LATE_EVENTS = 200; // as many as a replay has
const FIRST_LOSS_MS = [1_000, 10_000]; // at random, so that not everybody comes back at once
const NEXT_LOSS_MS = 4_000; // doubled with each loss
const LONGEST_MS = 60_000;
const STEADY_MS = 10_000; // a stream that lasted so long ends a series of losses
const UNWATCHED_POLL_MS = 30_000;
const POLL_MS = [10_000, 20_000]; // where a stream can't be
const FRESH_MS = 10_000; // a new stream begins with a heartbeat; where none comes, something in between holds it back
const HELD_MS = 300_000; // then a stream is tried again
const SILENT_MS = 40_000; // more than two heartbeats; twin of HEARTBEAT_SECONDS in webapp/live/topics.py

const streams = new Map(); // by their addresses; those that somebody watches in the order in which they came

addEventListener("connect", ({ ports: [port] }) => serve(port));

export function serve(port) {
  let stream = null;
  const verbs = {
    join({ url, after, isWatched }) {
      verbs.leave();
      stream = streams.get(url) ?? new Stream(url);
      stream.join(port, after, isWatched);
    },
    watch({ isWatched }) {
      stream?.watch(port, isWatched);
    },
    open() {
      stream?.wake();
    },
    doubt() {
      stream?.doubt();
    },
    leave() {
      stream?.leave(port);
      stream = null;
    },
  };
  port.addEventListener("message", ({ data }) => verbs[data.verb](data));
  port.addEventListener("close", verbs.leave); // of a tab that crashed, where the browser says so
  port.start();
}

// Streams go to what is watched, to whoever came first.
function allot() {
  const watched = [...streams.values()].filter((stream) => stream.isWatched);
  for (const stream of streams.values()) stream.allow(watched.slice(0, STREAMS).includes(stream));
}

function epoch(position) {
  return Number(position.split("-")[0]);
}

function between(low, high) {
  return low + Math.random() * (high - low);
}

class Stream {
  tabs = new Map(); // by their ports
  after = null; // the position up to which it was heard
  readers = null;
  source = null;
  state = "";
  backAt = 0;
  timer;
  watchdog; // over a stream that should have said something
  openedAt = 0;
  heardAt = 0;
  heldUntil = -Infinity; // streams don't come through here
  losses = 0;
  untold = [];
  toldAt = -Infinity;
  teller = null;
  mayStream = false;
  isPoll = false;

  constructor(url) {
    this.url = url;
    streams.set(url, this);
  }

  // Tabs

  get isWatched() {
    return [...this.tabs.values()].some((tab) => tab.isWatched);
  }

  join(port, after, isWatched) {
    const tab = { port, isWatched, late: null, missed: null };
    this.tellAll();
    const isFirst = this.tabs.size === 0;
    const isNewer = !isFirst && epoch(after) > epoch(this.after);
    this.tabs.set(port, tab);
    if (isFirst || isNewer) this.after = after;
    else if (after !== this.after) this.fetchMissed(tab, after);
    this.sayTo(tab);
    if (this.readers) this.send(tab, [this.readers]);
    allot();
    if (isNewer || (!this.source && !this.timer)) this.open();
  }

  watch(port, isWatched) {
    const wasWatched = this.isWatched;
    this.tabs.get(port).isWatched = isWatched;
    if (!wasWatched && isWatched) {
      streams.delete(this.url);
      streams.set(this.url, this);
    }
    const before = this.source;
    allot();
    const isSilent = Date.now() - this.heardAt > SILENT_MS; // the machine has slept
    if (isWatched && this.source === before && (isSilent || !before)) this.open();
  }

  leave(port) {
    const tab = this.tabs.get(port);
    clearTimeout(tab?.watchdog);
    tab?.missed?.close();
    this.tabs.delete(port);
    if (this.tabs.size === 0) this.end();
    allot();
  }

  // What a tab lacks that the others have; meanwhile it waits for the rest.
  fetchMissed(tab, after) {
    tab.late ??= [];
    tab.missed = this.listen(`${this.url}?after=${after}&poll`, (event) => tab.port.postMessage({ events: [event] }));
    tab.missed.addEventListener("wait", () => this.hasAll(tab));
    tab.missed.addEventListener("gone", () => this.hasAll(tab));
    tab.missed.addEventListener("error", () => this.fetchAgain(tab, after));
    tab.watchdog = setTimeout(() => this.fetchAgain(tab, after), FRESH_MS);
  }

  fetchAgain(tab, after) {
    clearTimeout(tab.watchdog);
    tab.missed.close();
    setTimeout(() => this.tabs.get(tab.port) === tab && this.fetchMissed(tab, after), between(...FIRST_LOSS_MS));
  }

  hasAll(tab) {
    clearTimeout(tab.watchdog);
    tab.missed.close();
    tab.port.postMessage({ events: tab.late });
    tab.late = tab.missed = null;
    this.sayTo(tab);
  }

  send(tab, events) {
    if (!tab.late) tab.port.postMessage({ events });
    else if (tab.late.push(...events) > LATE_EVENTS) tab.late = [{ kind: "reload", data: {} }];
  }

  tell(event) {
    this.untold.push(event);
    const ms = this.toldAt + TOGETHER_MS - performance.now();
    if (ms <= 0) this.tellAll();
    else this.teller ??= setTimeout(() => this.tellAll(), ms);
  }

  tellAll() {
    clearTimeout(this.teller);
    this.teller = null;
    if (!this.untold.length) return;
    for (const tab of this.tabs.values()) this.send(tab, this.untold);
    [this.untold, this.toldAt] = [[], performance.now()];
  }

  say(state, ms = 0) {
    this.state = state;
    this.backAt = performance.now() + ms;
    for (const tab of this.tabs.values()) this.sayTo(tab);
  }

  // Whoever waits for what it missed isn't live.
  sayTo({ port, late }) {
    if (this.state) port.postMessage({ state: late ? "connecting" : this.state, ms: this.backAt - performance.now() });
  }

  // The connection

  allow(mayStream) {
    if (mayStream === this.mayStream) return;
    this.mayStream = mayStream;
    if (mayStream) this.openAnew();
    else if (this.source) this.comeBack(this.pollMs, "polling");
  }

  get pollMs() {
    return this.isWatched ? between(...POLL_MS) : UNWATCHED_POLL_MS;
  }

  listen(url, take) {
    const source = new EventSource(url);
    const pass = (event, id) => take({ kind: event.type, data: JSON.parse(event.data), id });
    for (const kind of NUMBERED) source.addEventListener(kind, (event) => pass(event, event.lastEventId));
    for (const kind of OTHERS) source.addEventListener(kind, (event) => pass(event, ""));
    return source;
  }

  wake() {
    if (!["live", "connecting"].includes(this.state)) this.openAnew();
  }

  openAnew() {
    this.state = "";
    this.open();
  }

  open(more = "") {
    this.shut();
    this.isPoll = !this.mayStream || performance.now() < this.heldUntil;
    if (this.state !== "polling") this.say("connecting");
    this.openedAt = 0;
    const url = `${this.url}?after=${this.after}${this.isPoll ? "&poll" : ""}${more}`;
    this.source = this.listen(url, (event) => this.hear(event));
    this.source.addEventListener("reload", ({ lastEventId }) => (this.after = lastEventId || this.after));
    this.source.addEventListener("open", () => (this.openedAt = Date.now()));
    this.source.addEventListener("error", () => this.lost());
    this.source.addEventListener("wait", ({ data }) => this.told(JSON.parse(data)));
    this.source.addEventListener("beat", ({ lastEventId }) => this.beat(lastEventId));
    this.expect(FRESH_MS, () => (this.isPoll ? this.lost() : this.beHeld()));
  }

  shut() {
    clearTimeout(this.timer);
    clearTimeout(this.watchdog);
    this.source?.close();
    this.source = this.timer = null;
  }

  end() {
    this.shut();
    if (streams.get(this.url) === this) streams.delete(this.url);
  }

  comeBack(ms, state) {
    this.shut();
    this.say(state, ms);
    this.timer = setTimeout(() => this.open(), ms);
  }

  expect(ms, otherwise) {
    clearTimeout(this.watchdog);
    this.watchdog = setTimeout(otherwise, ms);
  }

  // Only a stream that is held has heartbeats; where none can be, what was missed comes all the same, and a `wait`.
  beat(position) {
    this.after = position || this.after;
    this.heard();
    if (this.state !== "live") this.say("live");
  }

  heard() {
    this.heardAt = Date.now();
    if (this.isPoll) return;
    if (this.state === "offline") this.say("live");
    this.expect(SILENT_MS, () => this.open("&silent"));
  }

  beHeld() {
    this.heldUntil = performance.now() + HELD_MS;
    this.open();
  }

  hear(event) {
    this.after = event.id || this.after;
    this.heard();
    if (event.kind === "readers") this.readers = event;
    this.tell(event);
    if (event.kind === "gone") {
      this.tellAll();
      this.say("ended");
      this.end();
    }
  }

  // The server ends it on purpose; `polling` says that nobody can hold it open.
  told({ ms, polling }) {
    this.losses = 1;
    if (this.isPoll) this.comeBack(this.pollMs, "polling");
    else this.comeBack(ms, polling ? "polling" : "reconnecting");
  }

  // A browser may call itself offline when it isn't, so the stream stays for as long as it says something.
  doubt() {
    this.say("offline");
    this.expect(SILENT_MS, () => this.open("&silent"));
  }

  // EventSource would come back by itself, but all at the same time, and after an error of a proxy not at all.
  lost() {
    if (this.openedAt && Date.now() - this.openedAt > STEADY_MS) this.losses = 0;
    const pause = Math.min(LONGEST_MS, NEXT_LOSS_MS * 2 ** (this.losses - 1));
    const ms = this.losses ? between(pause / 2, pause) : between(...FIRST_LOSS_MS);
    this.losses += 1;
    this.comeBack(ms, navigator.onLine ? "reconnecting" : "offline");
  }
}
