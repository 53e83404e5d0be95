// What the events do to the page: items are put in, replaced and taken out by their ids, each where a fresh page has
// it. Dispatches "apply_events:arrived" (detail: element) of what is new, so that others can count and announce it.

const FRONT_CARDS = 20; // twin of PAGE_SIZE in webapp/content/listings.py
const LIST_ITEMS = 200; // of updates, or of comments, in a tab that stays open: each costs time and memory
const FOCUSABLE = "a[href], button, summary, input, textarea";

const main = document.querySelector("main[data-live]");
const updates = main.querySelector("[data-updates]");
const pinned = main.querySelector("[data-pinned]");
const comments = main.querySelector("[data-comments]");
const cards = main.querySelector("[data-cards]");
const keys = main.querySelector("[data-keys]");
const verbs = {
  update: putUpdate,
  comment: putComment,
  comments: replaceCommentState,
  card: putCard,
  post: replaceHead,
  remove,
};

document.addEventListener("stream:event", ({ detail: { kind, id, html } }) => {
  if (!(kind in verbs)) return;
  verbs[kind](html ? parsed(html) : id);
  showNotes();
  queueMicrotask(boundLists); // once for all that come together, as it measures the page
});

function parsed(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}

// Items are numbered: update-12 is 12.
function number(item) {
  return Number(item.id.split("-")[1]);
}

// Items far out of view, as tall as they were, cost neither style nor layout nor paint when something comes in.
const heights = new Map(); // of items that are so from the next change on
const far = new IntersectionObserver(measure, { rootMargin: "100% 0px" });
for (const item of main.querySelectorAll(".update, .comment")) far.observe(item);

function measure(entries) {
  for (const { target, isIntersecting, boundingClientRect } of entries) {
    if (isIntersecting) heights.delete(target); // scrolled to meanwhile: to rest now would make it appear anew
    else heights.set(target, boundingClientRect.height - edges(target));
  }
}

function edges(item) {
  const { paddingTop, paddingBottom, borderTopWidth, borderBottomWidth } = getComputedStyle(item);
  return [paddingTop, paddingBottom, borderTopWidth, borderBottomWidth].reduce((sum, edge) => sum + parseFloat(edge), 0);
}

function rest() {
  for (const [item, height] of heights) {
    far.unobserve(item);
    item.style.containIntrinsicBlockSize = `auto ${height}px`;
    item.style.contentVisibility = "auto";
  }
  heights.clear();
}

// Updates: the newest first, but for the pinned one

function putUpdate(update) {
  if (!updates) return reload();
  const list = update.matches(".update--pinned") ? pinned : updates;
  const isOlder = (other) => number(other) < number(update);
  const isShown = put(update, list, isOlder, (next) => !next && hasMore(list));
  followKey(number(update), update, isShown);
  if (isShown) tellAsOf(update);
}

function older(list) {
  return list.parentElement.querySelector("[data-older]");
}

function hasMore(list) {
  return list.children.length > 0 && older(list)?.hidden === false;
}

function boundLists() {
  if (updates?.children.length > LIST_ITEMS) bound([...updates.children].reverse(), older(updates));
  if (comments?.children.length > LIST_ITEMS) bound([...comments.children], older(comments));
}

// The oldest leave, unless somebody reads or uses them; what links to them leads to their own pages from then on.
function bound(oldestFirst, link) {
  if (!link) return; // a page of the last release
  for (const item of oldestFirst.slice(0, -LIST_ITEMS)) {
    if (isInView(item) || item.contains(document.activeElement) || item.querySelector("form:not(template *)")) return;
    const anchor = link.querySelector("a");
    anchor.setAttribute("href", anchor.getAttribute("href").replace(/\d+$/, item.dataset.page));
    link.hidden = false;
    const entry = keys?.querySelector(`[data-n="${number(item)}"] a`);
    if (entry) entry.setAttribute("href", item.querySelector(".update__time a").getAttribute("href"));
    item.remove();
  }
}

function followKey(n, update, isShown) {
  if (!keys) return;
  keys.querySelector(`[data-n="${n}"]`)?.remove();
  if (update && "key" in update.dataset) {
    const next = [...keys.children].find((other) => Number(other.dataset.n) < n) ?? null;
    keys.insertBefore(keyMoment(n, update, isShown), next);
  }
  keys.parentElement.hidden = keys.children.length === 0;
  makeRoomForKeys();
}

// As in templates/reader/post.html.
function makeRoomForKeys() {
  if (keys) main.classList.toggle("story--keys", keys.children.length > 0 || !!main.querySelector(".head .live-mark"));
}

// Twin of templates/reader/_keys.html.
function keyMoment(n, update, isShown) {
  const entry = document.createElement("li");
  entry.dataset.n = n;
  const link = document.createElement("a");
  link.setAttribute("href", isShown ? `#${update.id}` : update.querySelector(".update__time a").getAttribute("href"));
  const text = document.createElement("span");
  ({ lang: text.lang, dir: text.dir } = update.querySelector(".update__body"));
  text.textContent = update.dataset.key;
  link.append(update.querySelector("time").cloneNode(true), " ", text);
  entry.append(link);
  return entry;
}

function tellAsOf(update) {
  if (update !== updates.firstElementChild) return;
  main.querySelector("[data-as-of] time")?.replaceWith(update.querySelector("time").cloneNode(true));
}

// Comments: the oldest first

function putComment(comment) {
  const isNewer = (other) => number(other) > number(comment);
  put(comment, comments, isNewer, (next) => next && next === comments.firstElementChild && hasMore(comments));
}

// Cards: live posts first, then by time; twin of _page in webapp/content/listings.py

function putCard(card) {
  if (!cards) return reload();
  const isBehind = (other) => compare(rank(other), rank(card)) < 0;
  put(card, cards, isBehind, (next) => !next && main.querySelector(".pages [rel=next]") !== null);
  while (cards.children.length > FRONT_CARDS && !isInView(cards.lastElementChild)) cards.lastElementChild.remove();
}

function rank(card) {
  return [card.querySelector(".live-mark") ? 1 : 0, Number(card.dataset.published), number(card)];
}

function compare(a, b) {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at < 0 ? 0 : a[at] - b[at];
}

function isInView(element) {
  const { top, bottom } = element.getBoundingClientRect();
  return bottom > 0 && top < innerHeight;
}

// All of them

// Puts the item into the list, before the first other one that `follows`. Where that is beyond the page, nowhere.
function put(item, list, follows, isBeyond) {
  const old = document.getElementById(item.id);
  const focus = focusIn(old);
  const next = [...list.children].find((other) => other !== old && follows(other)) ?? null;
  const isNew = !old && (list === cards || number(item) > Number(main.dataset.seq));
  old?.remove();
  if (isBeyond(next)) return false;
  list.insertBefore(item, next);
  rest();
  far.observe(item);
  document.dispatchEvent(new CustomEvent("apply_events:placed", { detail: { element: item } }));
  keepOpen(item, old);
  giveFocus(item, focus);
  if (isNew) document.dispatchEvent(new CustomEvent("apply_events:arrived", { detail: { element: item } }));
  return true;
}

function replaceHead(head) {
  const old = document.getElementById(head.id);
  const focus = focusIn(old);
  old.replaceWith(head);
  giveFocus(head, focus);
  makeRoomForKeys();
}

// Comments are open, slow or closed from now on. Whoever writes one goes on writing, and is told when it is sent.
function replaceCommentState(state) {
  const old = document.getElementById(state.id);
  if (!old) return reload(); // a page of the last release
  const form = old.querySelector(":scope > form");
  if (!form) return old.replaceWith(state);
  for (const child of [...old.children]) if (child !== form) child.remove();
  for (const child of [...state.children]) if (!child.matches(".comments__write")) form.before(child);
}

function remove(id) {
  document.getElementById(id)?.remove();
  if (id.startsWith("update-")) followKey(Number(id.split("-")[1]), null);
}

// Whoever reads what an update said before goes on reading.
function keepOpen(item, old) {
  if (old?.querySelector(".earlier[open]")) item.querySelector(".earlier")?.setAttribute("open", "");
}

// Whoever stood on a link of an item stands there still when the item is replaced.
function focusIn(item) {
  return item ? [...item.querySelectorAll(FOCUSABLE)].indexOf(document.activeElement) : -1;
}

function giveFocus(item, index) {
  item.querySelectorAll(FOCUSABLE)[index]?.focus({ preventScroll: true });
}

function showNotes() {
  const notes = { "[data-no-updates]": [pinned, updates], "[data-no-comments]": [comments] };
  for (const [selector, lists] of Object.entries(notes)) {
    const note = main.querySelector(selector);
    if (note) note.hidden = lists.some((list) => list.children.length > 0);
  }
  const history = main.querySelector("[data-history]");
  if (history) history.hidden = !main.querySelector("[data-no-updates]").hidden;
}

// The page has no place for it: the first post of a site, the first update after coverage began.
function reload() {
  document.dispatchEvent(new CustomEvent("stream:event", { detail: { kind: "reload" } }));
}
