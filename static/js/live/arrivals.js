// What is new, told to those who don't see it come in: a button for whoever has scrolled down, a number in the title
// for whoever looks at another tab, and a line for screen readers now and then.

const ANNOUNCED_EVERY_MS = 10_000;
const TOGETHER_MS = 1_000;
const GLOW_MS = 2_500;
const LIT_EVERY_MS = 1_000;

const main = document.querySelector("main[data-live]");
const button = document.querySelector("[data-news]");
const announcement = document.querySelector("[data-announce]");
const unseen = new Set(); // ids of updates above what is in view
let unsaid = [];
let saidAt = -Infinity;
let litAt = -Infinity;
let name = document.title;
let arrivals = 0; // while the tab is hidden

const newcomers = new IntersectionObserver((entries) => {
  for (const { target, boundingClientRect, isIntersecting } of entries) {
    newcomers.unobserve(target);
    if (isIntersecting) glow(target);
    if (boundingClientRect.bottom <= 0) unseen.add(target.id);
  }
  count();
});

document.addEventListener("apply_events:arrived", ({ detail: { element } }) => {
  if (document.hidden && isAwaited(element)) countInTitle(arrivals + 1);
  if (!element.matches(".update")) return;
  newcomers.observe(element);
  unsaid.push(element.querySelector(".update__top h3"));
  if (unsaid.length === 1) setTimeout(announce, Math.max(TOGETHER_MS, saidAt + ANNOUNCED_EVERY_MS - performance.now()));
});
document.addEventListener("visibilitychange", () => document.hidden || countInTitle(0));
document.addEventListener("stream:event", ({ detail: { kind } }) => kind === "post" && rename());
addEventListener("scroll", count, { passive: true });
button.addEventListener("click", goThere);

// The button

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

// The title

function countInTitle(number) {
  arrivals = number;
  document.title = arrivals ? `(${arrivals}) ${name}` : name;
}

// During live coverage one doesn't wait for comments.
function isAwaited(element) {
  return !element.matches(".comment") || !main.querySelector(".head .live-mark");
}

function rename() {
  const pattern = main.querySelector(".head .live-mark") ? main.dataset.titleLive : main.dataset.title;
  name = pattern.replace("{post}", () => main.querySelector("h1").textContent);
  countInTitle(arrivals);
}

// The line, and a light on the update itself

function announce() {
  const [heading] = unsaid;
  const { titled } = announcement.dataset;
  const isOne = unsaid.length === 1 && heading;
  const words = isOne ? titled.replace("{update}", () => heading.textContent) : worded(announcement, unsaid.length);
  announcement.textContent = words;
  saidAt = performance.now();
  unsaid = [];
}

// By its opacity, which costs the page no time while it fades: a colour would be painted anew sixty times a second.
// Where updates come thick and fast, not each of them.
function glow(update) {
  const now = performance.now();
  if (now - litAt < LIT_EVERY_MS || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  litAt = now;
  for (const old of main.querySelectorAll(".update__light")) if (!old.getAnimations().length) old.remove();
  const light = document.createElement("span");
  light.className = "update__light";
  update.prepend(light);
  light.animate({ opacity: [1, 0] }, { duration: GLOW_MS, easing: "ease-out" });
}

function worded({ dataset }, number) {
  const written = new Intl.NumberFormat(document.documentElement.lang).format(number);
  return number === 1 ? dataset.one : dataset.many.replace("{n}", written);
}
