// For pages stored by release 0.1; delete with the release after the next.
// Such a page may get some scripts from the browser's cache, and those call the same events by other names.

const NAMES = {
  me: "me:known",
  desk: "me:desk",
  happened: "stream:event",
  stream: "stream:state",
  "catch-up": "stream:catch-up",
  placed: "apply_events:placed",
  arrived: "apply_events:arrived",
  keep: "outbox:keep",
  send: "outbox:send",
  drop: "outbox:drop",
  outbox: "outbox:state",
};
const copies = new WeakSet();

for (const [old, name] of Object.entries(NAMES)) {
  document.addEventListener(old, (event) => repeat(event, name));
  document.addEventListener(name, (event) => repeat(event, old));
}

function repeat(event, name) {
  if (!(event instanceof CustomEvent) || copies.has(event)) return; // "drop" is a browser's own too
  const copy = new CustomEvent(name, { detail: event.detail });
  copies.add(copy);
  document.dispatchEvent(copy);
}
