// When a change was too large for the stream, the page is loaded anew, but not under the hands of somebody who
// writes; and when the post is gone, the page says so.

const DELAY_MS = [250, 1_250]; // time to make the new page; at random, so that not everybody comes at once
const AGAIN_MS = 10_000; // when loading it anew has just been of no use

const announcement = document.querySelector("[data-announce]");

document.addEventListener("stream:event", ({ detail: { kind } }) => {
  if (kind === "reload") setTimeout(loadAnew, delay());
  if (kind === "gone") tell("[data-gone]");
});

function delay() {
  const [navigation] = performance.getEntriesByType("navigation");
  const isAgain = navigation?.type === "reload" && performance.now() < AGAIN_MS;
  const [shortest, longest] = DELAY_MS;
  return shortest + Math.random() * (longest - shortest) + (isAgain ? AGAIN_MS : 0);
}

function loadAnew() {
  if (isWriting()) tell("[data-outdated]");
  else location.reload();
}

function isWriting() {
  return [...document.querySelectorAll("main textarea")].some((box) => box.value !== box.defaultValue);
}

function tell(selector) {
  const notice = document.querySelector(selector);
  notice.hidden = false;
  notice.querySelector("[data-close]").addEventListener("click", () => (notice.hidden = true));
  announcement.textContent = notice.querySelector("p").textContent;
}
