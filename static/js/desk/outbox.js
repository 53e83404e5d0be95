// What an author has typed is kept in the browser until the site has acknowledged it, and sent again by itself after a
// lost connection, a restart or a 503. Each thing carries its `submission` or is the same when done twice, so nothing
// is done twice. Other modules dispatch "outbox:keep", "outbox:send" and "outbox:drop" (detail: key, url, fields); this
// one "outbox:state" (detail: the entry, and its state: draft, sending, waiting, refused, done, or elsewhere). A text
// waits for its pictures, see pictures.js.

const AGAIN_MS = [1_000, 2_000, 4_000, 8_000, 15_000, 30_000];
const SIGNED_OUT_MS = 15_000;
const ANSWER_MS = 20_000;
const KEPT_MS = 30 * 86_400_000;
const PLACEHOLDER = /!\[\]\(upload:[0-9a-f-]{36}\)/; // of a picture that is on its way

const post = document.querySelector("main").dataset.post;
const entries = new Map(); // by key, in the order of sending
let me;
let prefix = "";
let isRunning = false;
let wake = () => {};

document.addEventListener("me:desk", ({ detail }) => begin(detail), { once: true });
document.addEventListener("outbox:keep", ({ detail }) => put({ ...detail, state: "draft" }));
document.addEventListener("pictures:done", ({ detail: { placeholder, markdown } }) => settle(placeholder, markdown));
document.addEventListener("pictures:refused", ({ detail: { placeholder, message } }) => settle(placeholder, "", message));
document.addEventListener("outbox:drop", ({ detail: { key } }) => forget(key));
document.addEventListener("outbox:send", ({ detail }) => {
  entries.delete(detail.key); // behind what is sent already
  put({ ...detail, state: "sending" });
  tellState(entries.get(detail.key));
  run();
});
for (const event of ["online", "focus", "pageshow"]) addEventListener(event, () => wake());
document.addEventListener("visibilitychange", () => document.hidden || wake());
addEventListener("storage", ({ key, newValue }) => {
  if (me && key?.startsWith(prefix) && newValue === null) settledElsewhere(key.slice(prefix.length));
});
addEventListener("beforeunload", (event) => isUnkept() && event.preventDefault());

function begin(detail) {
  me = detail;
  prefix = `pressroom ${me.username} ${post} `;
  for (const entry of all()) put(entry); // typed before this script knew for whom
  for (const entry of stored()) {
    if (Date.now() - entry.at > KEPT_MS) forget(entry.key);
    else if (!entries.has(entry.key)) entries.set(entry.key, entry);
  }
  const [drafts, sent] = [true, false].map((is) => all().filter(({ state }) => (state === "draft") === is));
  for (const entry of [...drafts.reverse(), ...sent]) tellState(entry); // the newest draft is the first
  run();
}

function all() {
  return [...entries.values()];
}

// Keeping

function put(entry) {
  const kept = { ...entry, at: Date.now() };
  entries.set(kept.key, kept);
  if (!me) return;
  try {
    localStorage.setItem(prefix + kept.key, JSON.stringify(kept));
    kept.isKept = true;
  } catch {
    if (kept.state === "draft") tell(kept, "unkept");
  }
}

function forget(key) {
  entries.delete(key);
  try {
    localStorage.removeItem(prefix + key);
  } catch {} // it was never there
}

function stored() {
  try {
    const names = Object.keys(localStorage).filter((name) => name.startsWith(prefix));
    const found = names.map((name) => ({ ...JSON.parse(localStorage.getItem(name)), isKept: true }));
    return found.sort((a, b) => a.at - b.at);
  } catch {
    return [];
  }
}

// In another tab of the same browser.
function settledElsewhere(key) {
  const entry = entries.get(key);
  entries.delete(key);
  if (entry) tell(entry, "elsewhere");
}

function isUnkept() {
  return all().some((entry) => !entry.isKept);
}

// Sending, one after the other

async function run() {
  if (isRunning || !me) return;
  isRunning = true;
  let losses = 0;
  for (let entry = next(); entry; entry = next()) {
    const { state, ms = 0, ...more } = await attempt(entry);
    if (state === "waiting") {
      const pause = ms || AGAIN_MS[Math.min(losses++, AGAIN_MS.length - 1)];
      tell(entry, state, { ms: pause, ...more });
      await rest(pause);
    } else {
      losses = 0;
      if (entries.get(entry.key) === entry) forget(entry.key);
      tell(entry, state, more);
    }
  }
  isRunning = false;
}

// No text waits behind another's pictures.
function next() {
  return all().find((entry) => entry.state === "sending" && !lacksPictures(entry));
}

function lacksPictures({ fields }) {
  return PLACEHOLDER.test(fields.body ?? "");
}

// A picture that a text waited for is there. One that was refused is the author's to decide about.
function settle(placeholder, markdown, message = "") {
  for (const entry of all()) {
    const replaced = (text) => text?.replace(placeholder, () => markdown);
    const settled = { ...entry, whole: replaced(entry.whole), fields: { ...entry.fields, body: replaced(entry.fields.body) } };
    if (settled.whole === entry.whole && settled.fields.body === entry.fields.body) continue;
    if (message && entry.state === "sending") {
      forget(entry.key);
      tell(settled, "refused", { message });
    } else {
      put(settled);
      if (entry.refused) tell(entries.get(entry.key), "refused", { message: entry.refused });
    }
  }
  run();
}

function rest(ms) {
  return new Promise((done) => {
    const timer = setTimeout(done, ms);
    wake = () => {
      clearTimeout(timer);
      done();
    };
  });
}

async function attempt(entry, isAgain = false) {
  let answer, said;
  try {
    answer = await fetch(entry.url, {
      method: "POST",
      headers: { Accept: "application/json" },
      body: new URLSearchParams({ ...entry.fields, csrf_token: me.csrf_token }),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    said = await answer.json();
  } catch {
    if (!answer || answer.ok || answer.status >= 500) return { state: "waiting", why: "lost" };
    said = { message: answer.statusText };
  }
  if (answer.ok) return { state: "done", answer: said };
  if (answer.status === 429 || answer.status >= 500) {
    return { state: "waiting", why: "busy", ms: 1000 * Number(answer.headers.get("Retry-After")) };
  }
  if ([400, 401, 403].includes(answer.status) && !said.errors && !isAgain) return renew(entry, said);
  return { state: "refused", status: answer.status, ...said };
}

// The session may have ended, or another one begun in another tab.
async function renew(entry, said) {
  const found = await fetch(me.url, { headers: { Accept: "application/json" } })
    .then((answer) => answer.json())
    .catch(() => null);
  if (!found) return { state: "waiting", why: "lost" };
  if (found.username !== me.username) {
    return { state: "waiting", why: "signedOut", ms: SIGNED_OUT_MS, name: me.username };
  }
  if (found.csrf_token === me.csrf_token) return { state: "refused", ...said };
  me.csrf_token = found.csrf_token;
  me.giveToken(document, found.csrf_token);
  return attempt(entry, true);
}

function tellState(entry) {
  if (entry.state === "sending" && lacksPictures(entry)) tell(entry, "waiting", { why: "pictures" });
  else tell(entry, entry.state);
}

function tell(entry, state, more = {}) {
  document.dispatchEvent(new CustomEvent("outbox:state", { detail: { ...more, entry, state } }));
}
