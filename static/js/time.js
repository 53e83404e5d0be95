// Times in the reader's own zone. The page says them in the site's, which stays as the title.
// The styles are those of webapp/i18n.py.

const STYLES = {
  clock: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  day: { day: "numeric", month: "long", year: "numeric" },
  medium: {
    day: "numeric", month: "short", year: "numeric",
    hour: "2-digit", minute: "2-digit", hourCycle: "h23",
  },
};

// Plain "en" would put the month before the day.
const language = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang;
const zone = new Intl.DateTimeFormat(language, { timeZoneName: "short" });
const formats = {};

function format(style, date) {
  formats[style] ??= new Intl.DateTimeFormat(language, STYLES[style]);
  const text = formats[style].format(date);
  return style === "day" ? text : `${text} ${zoneOf(date)}`; // last, also in Chinese
}

function zoneOf(date) {
  return zone.formatToParts(date).find((part) => part.type === "timeZoneName").value;
}

function localise(element) {
  const date = new Date(element.dateTime);
  if (!(element.dataset.style in STYLES) || Number.isNaN(date.getTime()) || element.title) return;
  const own = format(element.dataset.style, date);
  if (own === element.textContent) return;
  element.title = element.textContent;
  element.textContent = own;
}

function localiseAll(root) {
  if (root.nodeType !== Node.ELEMENT_NODE) return;
  if (root.matches("time[data-style]")) localise(root);
  root.querySelectorAll("time[data-style]").forEach(localise);
}

localiseAll(document.body);
new MutationObserver((changes) => {
  for (const change of changes) change.addedNodes.forEach(localiseAll);
}).observe(document.body, { childList: true, subtree: true });
