// The desk's comments: new ones come in by themselves, and what is pressed changes in place, without loading the page.
// Without this every button is a form that leads back to its place.

const EVERY_MS = 5_000;
const LONGEST_MS = 60_000;
const NEWEST = 20; // asked for each time; as many as the page has only when none of these was there
const ALL = 100; // twin of NEWEST in webapp/content/moderation.py
const KEPT = 200;
const FOCUSABLE = "a[href], button, summary";

const screen = document.querySelector("[data-moderation]");
const says = document.querySelector("[data-says]");
let timer;
let pause = EVERY_MS;
let changes = 0; // what was asked for before one of them may not know of it

document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : look()));
screen.addEventListener("submit", send);
plan();

// New comments

function plan() {
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(look, pause);
}

async function look(limit = NEWEST) {
  clearTimeout(timer);
  const before = changes;
  try {
    const part = await load(`${screen.dataset.moderation}?limit=${limit}`);
    if (pause > EVERY_MS) say("");
    pause = EVERY_MS;
    if (before === changes && isGap(part, limit) && limit < ALL) return look(ALL);
    if (before === changes) tell(take(part, isGap(part, limit)));
  } catch (error) {
    if (error.isOver) return say(says.dataset.over);
    pause = Math.min(LONGEST_MS, Math.max(2 * pause, error.retryMs || 0));
    say(says.dataset.lost);
  }
  plan();
}

async function load(url, options) {
  const answer = await fetch(url, options);
  const isOver = [401, 403].includes(answer.status) || new URL(answer.url).pathname === "/login";
  const retryMs = Number(answer.headers.get("Retry-After")) * 1_000;
  if (!answer.ok || isOver) throw Object.assign(new Error(answer.status), { isOver, retryMs, isRefused: true });
  const template = document.createElement("template");
  template.innerHTML = await answer.text();
  return template.content;
}

// More have come than were asked for.
function isGap(part, limit) {
  const found = [...part.querySelectorAll("[data-list=comments] > *")];
  return found.length === limit && found.every(({ id }) => !document.getElementById(id));
}

function take(part, isGap) {
  const comments = screen.querySelector("[data-list=comments]");
  if (isGap) comments.replaceChildren();
  let count = 0;
  for (const list of part.querySelectorAll("[data-list]")) {
    const arrived = [...list.children].filter((item) => put(item, list.dataset.list));
    if (list.dataset.list === "comments") count = arrived.length;
  }
  while (comments.children.length > KEPT && !isInUse(comments.lastElementChild)) comments.lastElementChild.remove();
  return count;
}

// True for what wasn't there.
function put(item, name) {
  const old = document.getElementById(item.id);
  if (!old) {
    const list = screen.querySelector(`[data-list=${name}]`);
    const isBehind = (other) => Number(other.dataset.order) < Number(item.dataset.order);
    list.insertBefore(item, [...list.children].find(isBehind) ?? null);
  } else if (old.dataset.state !== item.dataset.state) {
    swap(old, item);
  }
  return !old;
}

// Whoever stood on a button stands on the one in its place, or on the last where there are fewer now.
function swap(old, item) {
  const at = [...old.querySelectorAll(FOCUSABLE)].indexOf(document.activeElement);
  old.replaceWith(item);
  const there = [...item.querySelectorAll(FOCUSABLE)];
  if (at >= 0) (there[at] ?? there.at(-1)).focus({ preventScroll: true });
}

function isInUse(item) {
  const { top, bottom } = item.getBoundingClientRect();
  return item.contains(document.activeElement) || (bottom > 0 && top < innerHeight);
}

// What is pressed

async function send(event) {
  const { target: form, submitter } = event;
  const place = form.closest("[data-part]");
  event.preventDefault();
  if ("sent" in form.dataset) return; // a thumb is faster than the network
  form.dataset.sent = "";
  changes += 1;
  const body = new URLSearchParams(new FormData(form));
  if (submitter?.name) body.set(submitter.name, submitter.value);
  body.set("next", place.dataset.part);
  try {
    const part = await load(form.action, { method: "POST", body });
    swap(place, part.querySelector(`#${place.id}`));
    say(submitter.dataset.done);
    changes += 1;
    look();
  } catch (error) {
    delete form.dataset.sent;
    if (error.isRefused) return sendAlone(form, submitter); // its page says why
    say(says.dataset.lost);
  }
}

function sendAlone(form, submitter) {
  if (submitter?.name) {
    const { name, value } = submitter;
    form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
  }
  form.submit();
}

function tell(count) {
  if (count) say(count === 1 ? says.dataset.one : says.dataset.many.replace("{n}", count));
}

function say(text) {
  says.textContent = text;
}
