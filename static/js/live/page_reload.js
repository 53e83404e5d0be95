// When a change was too large for the stream, the page is loaded anew: not by everybody at once, not under the hands of
// somebody who writes, and back to what was being read ("page_reload:placed"). When the post is gone, the page says so.

const DELAY_MS = [250, 10_250]; // time to make the new page, and at random
const AGAIN_MS = 10_000; // more when loading it anew has just been of no use
const WRITING_MS = 2_000; // between two looks whether somebody still writes
const SETTLED_MS = 200;
const MARGIN = 60; // pixels; nobody reads the last line of what is scrolled out
const CANDIDATES = 5; // what was being read may have been withdrawn

const main = document.querySelector("main[data-live]");
const announcement = document.querySelector("[data-announce]");
let isDue = false;
let isTold = false;
let settled;

document.addEventListener("stream:event", ({ detail: { kind } }) => {
  if (kind === "reload" && !isDue) setTimeout(loadAnew, delay());
  isDue ||= kind === "reload";
  if (kind === "gone") tell("[data-gone]");
});
addEventListener("scroll", scrolled, { passive: true });
addEventListener("popstate", () => comeBack() || document.getElementById(location.hash.slice(1))?.scrollIntoView());
history.scrollRestoration = "manual";
comeBack();

function delay() {
  const [navigation] = performance.getEntriesByType("navigation");
  const isAgain = navigation?.type === "reload" && performance.now() < AGAIN_MS;
  const [shortest, longest] = DELAY_MS;
  return shortest + Math.random() * (longest - shortest) + (isAgain ? AGAIN_MS : 0);
}

function loadAnew() {
  if (!isWriting()) {
    rememberPlace(true);
    location.reload();
    return;
  }
  if (!isTold) tell("[data-outdated]");
  isTold = true;
  setTimeout(loadAnew, WRITING_MS);
}

// Or has written what isn't sent yet, and is told why.
function isWriting() {
  const boxes = [...main.querySelectorAll("textarea")];
  return boxes.some((box) => box.value !== box.defaultValue) || main.querySelector(".outbox__item") !== null;
}

function tell(selector) {
  const notice = document.querySelector(selector);
  notice.hidden = false;
  notice.querySelector("[data-close]").addEventListener("click", () => (notice.hidden = true));
  announcement.textContent = notice.querySelector("p").textContent;
}

// The place: items by their ids, and how far below the window's top they begin; and the page that the first is on. It is
// kept with the entry of the browser's history, so that Back comes to it as well: in pixels it would be another place.
function rememberPlace(isOurs = false) {
  const items = [...main.querySelectorAll(".head, .update, .comment, .card")];
  const inView = items.filter((item) => item.getBoundingClientRect().bottom > MARGIN).slice(0, CANDIDATES);
  const tops = inView.map((item) => [item.id, item.getBoundingClientRect().top]);
  const place = scrollY > 0 && inView.length ? { tops, page: isOurs && pageOf(inView[0]) } : null;
  history.replaceState({ ...history.state, place }, "");
}

function pageOf(item) {
  const list = item.closest("[data-updates], [data-comments]");
  const link = list?.parentElement.querySelector("[data-older] a");
  return link && `${link.getAttribute("href").replace(/\d+$/, item.dataset.page)}#${item.id}`;
}

// Whether there was a place to come back to.
function comeBack() {
  const place = history.state?.place;
  if (!place) return false;
  const [id, top] = place.tops.find(([candidate]) => document.getElementById(candidate)) ?? [];
  if (id) {
    scrollBy({ top: document.getElementById(id).getBoundingClientRect().top - top, behavior: "instant" });
    document.dispatchEvent(new CustomEvent("page_reload:placed"));
  } else if (place.page) location.replace(place.page);
  return true;
}

function scrolled() {
  clearTimeout(settled);
  settled = setTimeout(rememberPlace, SETTLED_MS);
}
