// New updates, told to whoever isn't looking at them: a button for those who have scrolled down, and a line for
// screen readers, now and then.

const ANNOUNCED_EVERY_MS = 10_000;
const TOGETHER_MS = 1_000;
const GLOW_MS = 2_500;

const button = document.querySelector("[data-news]");
const announcement = document.querySelector("[data-announce]");
const unseen = new Set(); // ids of updates above what is in view
let unsaid = [];
let saidAt = -Infinity;

const newcomers = new IntersectionObserver((entries) => {
  for (const { target, boundingClientRect } of entries) {
    newcomers.unobserve(target);
    if (boundingClientRect.bottom <= 0) unseen.add(target.id);
  }
  count();
});

document.addEventListener("arrived", ({ detail: { element } }) => {
  if (!element.matches(".update")) return;
  newcomers.observe(element);
  glow(element);
  unsaid.push(element.querySelector("h3"));
  if (unsaid.length === 1) setTimeout(announce, Math.max(TOGETHER_MS, saidAt + ANNOUNCED_EVERY_MS - Date.now()));
});
addEventListener("scroll", count, { passive: true });
button.addEventListener("click", goThere);

function worded({ dataset }, number) {
  const written = new Intl.NumberFormat(document.documentElement.lang).format(number);
  return number === 1 ? dataset.one : dataset.many.replace("{n}", written);
}

function count() {
  for (const id of unseen) {
    const update = document.getElementById(id);
    if (!update || update.getBoundingClientRect().bottom > 0) unseen.delete(id);
  }
  button.hidden = unseen.size === 0;
  if (unseen.size) button.textContent = worded(button, unseen.size);
}

function goThere() {
  const newest = document.querySelector("[data-updates] > .update");
  unseen.clear();
  count();
  newest?.querySelector(".update__time a").focus({ preventScroll: true });
  newest?.scrollIntoView();
}

function announce() {
  const [heading] = unsaid;
  const { titled } = announcement.dataset;
  const isOne = unsaid.length === 1 && heading;
  announcement.textContent = isOne ? titled.replace("{update}", () => heading.textContent) : worded(announcement, unsaid.length);
  saidAt = Date.now();
  unsaid = [];
}

function glow(update) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const light = getComputedStyle(update).getPropertyValue("--highlight");
  update.animate({ backgroundColor: [light, "transparent"] }, { duration: GLOW_MS, easing: "ease-out" });
}
