// What is being read stays where it is, to the pixel, whatever comes in, changes or loads above it. Browsers do this
// too, but Safari only lately and none when an item is replaced, so theirs is switched off and there is one way.
//
// Places are kept as distances from the page's top. When one has changed, the page is scrolled by the difference:
// after the layout and before the paint, which is when a ResizeObserver calls.

const BLOCKS = ".update, .comment, .card, .head__title, .head__summary, .section-title, .prose > *, .prose li, form";
const ITEMS = ".update, .comment, .head";
const SETTLED_MS = 100;
const ENOUGH = 20;

const main = document.querySelector("main[data-live]");
let anchors = []; // the first that is still where it was counts; none at the very top, where new things just appear
let position = scrollY;
let timer;

document.documentElement.style.overflowAnchor = "none";
new ResizeObserver(keep).observe(main);
new MutationObserver(keep).observe(main, { childList: true, subtree: true });
addEventListener("scroll", scrolled, { passive: true });
// What was pressed stays under the finger, whatever it unfolds.
for (const press of ["pointerdown", "click"]) addEventListener(press, ({ target }) => remember(target), true);
addEventListener("focusin", () => remember());
remember();

function scrolled() {
  position = scrollY;
  if (position <= 0) anchors = [];
  clearTimeout(timer);
  timer = setTimeout(remember, SETTLED_MS);
}

function remember(pressed = null) {
  const chosen = [pressed, fieldInUse()].filter((element) => main.contains(element) && element !== main);
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
  for (const block of main.querySelectorAll(BLOCKS)) {
    const { top, height } = block.getBoundingClientRect();
    if (height === 0 || top < 0 || block.closest(".keys")) continue;
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
  const target = position + place(now(anchor)) - anchor.place;
  if (Math.abs(target - scrollY) >= 0.5) scrollTo({ top: target, behavior: "instant" });
  const rest = target - scrollY; // browsers scroll by whole pixels; the rest counts the next time
  position = scrollY;
  anchors = anchors.filter(now).map((old) => ({ ...old, element: now(old), place: place(now(old)) }));
  for (const kept of anchors) kept.place -= rest;
}

// The element itself, or the one that has replaced it in the same list. One that was moved elsewhere is no anchor.
function now({ element, id, parent }) {
  if (element.isConnected) return element.parentElement === parent ? element : null;
  const other = id && element.matches(ITEMS) ? document.getElementById(id) : null;
  return other?.parentElement === parent ? other : null;
}
