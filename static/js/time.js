// Times in the reader's own zone. The page has them in the site's, which stays as the title; the footer names the zone.
// The styles are those of webapp/i18n.py.

const STYLES = {
  clock: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  day: { day: "numeric", month: "long", year: "numeric" },
  medium: {
    day: "numeric", month: "short", year: "numeric",
    hour: "2-digit", minute: "2-digit", hourCycle: "h23",
  },
};

const HOUR_MS = 3_600_000;

// Plain "en" would put the month before the day.
const language = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang;
const zone = document.querySelector("[data-zone]");
const formats = {};

function format(style, date) {
  formats[style] ??= new Intl.DateTimeFormat(language, STYLES[style]);
  return formats[style].format(date);
}

function localise(element) {
  const date = new Date(element.dateTime);
  if (!(element.dataset.style in STYLES) || Number.isNaN(date.getTime()) || element.title) return;
  const own = format(element.dataset.style, date);
  if (own === element.textContent) return;
  element.title = zone ? `${element.textContent} (${zone.dataset.zone})` : element.textContent;
  element.textContent = own;
  if (zone) zone.textContent = zone.dataset.own;
}

// Beside the time of an update, the day is said from the next day on.
function nameDays(root) {
  const today = format("day", new Date());
  for (const day of root.querySelectorAll(".update__day")) day.hidden = format("day", new Date(day.firstElementChild.dateTime)) === today;
}

function localiseAll(root) {
  if (root.nodeType !== Node.ELEMENT_NODE) return;
  nameDays(root);
  if (root.matches("time[data-style]")) localise(root);
  root.querySelectorAll("time[data-style]").forEach(localise);
}

localiseAll(document.body);
new MutationObserver((changes) => {
  for (const change of changes) change.addedNodes.forEach(localiseAll);
}).observe(document.body, { childList: true, subtree: true });
document.addEventListener("visibilitychange", () => nameDays(document.body));
setInterval(nameDays, HOUR_MS, document.body);
