// What is being read stays where it is, to the pixel, whatever comes in, changes or loads above it. Browsers do this
// too, but Safari only lately and none when an item is replaced, so theirs is switched off and there is one way.
//
// Places are kept as distances from the page's top. When one has changed, the page is scrolled by the difference:
// after the layout and before the paint, which is when a ResizeObserver calls.

const BLOCKS = ".update, .comment, .item, .switch, .card, .head__title, .head__summary, .section-title, .prose > *, .prose li, form";
const ITEMS = ".item, .switch, .update, .comment, .head";
const AFLOAT = ".floating, .keys, .moderation__says"; // these move with the window, not with the page
const SETTLED_MS = 100;
const PRESSED_MS = 1_000;
const ENOUGH = 20;

const main = document.querySelector("main");
let anchors = []; // the first that is still where it was counts; none at the very top, where new things just appear
let position = scrollY;
let timer;

document.documentElement.style.overflowAnchor = "none";
new ResizeObserver(keep).observe(main);
new MutationObserver(keep).observe(main, { childList: true, subtree: true });
addEventListener("scroll", scrolled, { passive: true });
for (const press of ["pointerdown", "click"]) addEventListener(press, pressed, true);
addEventListener("focusin", () => remember());
document.addEventListener("page_reload:placed", () => {
  position = scrollY;
  remember();
});
remember();

function scrolled() {
  if (scrollY === position && position > 0) return; // by keep, which has a rest to carry
  position = scrollY;
  clearTimeout(timer);
  if (position <= 0) remember();
  else timer = setTimeout(remember, SETTLED_MS);
}

// What was pressed stays under the finger, whatever it unfolds.
function pressed({ target }) {
  remember(target.closest?.("button, a, summary") ?? target);
  clearTimeout(timer);
  timer = setTimeout(remember, PRESSED_MS);
}

function remember(first = null) {
  const chosen = [first, fieldInUse()].filter((element) => main.contains(element) && !element.closest(AFLOAT));
  if (position > 0) chosen.push(...blocksInView());
  anchors = chosen.map((element) => ({ element, id: element.id, parent: element.parentElement, place: place(element) }));
}

// Whoever writes goes on writing in the same place, also at the page's top.
function fieldInUse() {
  const field = document.activeElement?.closest("textarea, input");
  return field && isInView(field) ? field : null;
}

// Those that begin in view, the topmost first; after the first of them the item that it belongs to.
function blocksInView() {
  const found = [];
  let passed = null; // an item out of view, in which nothing is measured: it may not be laid out (apply_events.js)
  for (const block of main.querySelectorAll(BLOCKS)) {
    if (passed?.contains(block)) continue;
    const { top, bottom, height } = block.getBoundingClientRect();
    if (block.matches(".update, .comment") && (bottom <= 0 || top >= innerHeight)) passed = block;
    if (height === 0 || top < 0 || block.closest(AFLOAT)) continue;
    if (top >= innerHeight && found.length) break;
    found.push(block);
    if (found.length === ENOUGH) break;
  }
  const item = found[0]?.closest(ITEMS);
  if (item && item !== found[0]) found.splice(1, 0, item);
  return found;
}

function isInView(element) {
  const { top, bottom } = element.getBoundingClientRect();
  return bottom > 0 && top < innerHeight;
}

function place(element) {
  return element.getBoundingClientRect().top + scrollY;
}

function keep() {
  const anchor = anchors.find(now);
  if (!anchor) return;
  const target = from() + place(now(anchor)) - anchor.place;
  if (Math.abs(target - scrollY) >= 0.5) scrollTo({ top: target, behavior: "instant" });
  const rest = target - scrollY; // browsers scroll by whole pixels; the rest counts the next time
  position = scrollY;
  anchors = anchors.filter(now).map((old) => ({ ...old, element: now(old), place: place(now(old)) }));
  for (const kept of anchors) kept.place -= rest;
}

// A page that has become shorter has already been scrolled to its new end.
function from() {
  const end = document.documentElement.scrollHeight - innerHeight;
  return scrollY < position && scrollY >= end - 1 ? position : scrollY;
}

// The element itself, or the one that has replaced it. One that was hidden or moved elsewhere is no anchor.
function now({ element, id, parent }) {
  const isReplaced = !element.isConnected && id && element.matches(ITEMS);
  const candidate = isReplaced ? document.getElementById(id) : element;
  return candidate?.parentElement === parent && candidate.getClientRects().length ? candidate : null;
}
