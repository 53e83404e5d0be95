// For the authors of a live post: how many readers had an update after how many milliseconds.

const WAITS_MS = [300, 1_000, 2_000, 4_000];
const FRESH_MS = 60_000; // the answer is about the post's last event, so older updates are not asked about

const said = new Map(); // by the update's id; a new version of an update takes the line along

const template = document.querySelector("template[data-reached]");

document.addEventListener("me:desk", ({ detail: me }) => {
  if (!template || !document.querySelector("[data-authors]:not([hidden])")) return;
  const landedOn = document.querySelector("[data-updates] > :target, [data-pinned] > :target");
  if (landedOn && isFresh(landedOn)) ask(landedOn.id, 0);
  document.addEventListener("apply_events:placed", ({ detail: { element } }) => put(element, said.get(element.id)));
  document.addEventListener("apply_events:arrived", ({ detail: { element } }) => {
    if (element.querySelector(".update__author")?.textContent.trim() === me.username) ask(element.id, 1);
  });
});

function isFresh(update) {
  return Date.now() - new Date(update.querySelector("time").dateTime) < FRESH_MS;
}

// `own`: how many of those that it reached are this page.
async function ask(id, own) {
  const address = template.dataset.reached.replace(/0$/, id.split("-")[1]);
  for (const ms of WAITS_MS) {
    await new Promise((done) => setTimeout(done, ms));
    const answer = await fetch(address).catch(() => null);
    if (!answer?.ok) return;
    const reached = await answer.json();
    if (reached.readers !== null) return show(id, reached.readers - own, reached.ms);
  }
}

function show(id, readers, ms) {
  const line = template.content.firstElementChild.cloneNode();
  const { none, one, many } = line.dataset;
  const number = new Intl.NumberFormat(document.documentElement.lang);
  const pattern = [none, one][readers] ?? many;
  line.textContent = pattern.replace("{n}", number.format(readers)).replace("{ms}", number.format(ms));
  said.set(id, line);
  put(document.getElementById(id), line);
}

function put(update, line) {
  if (update && line && !update.querySelector(".reached")) update.append(line);
}
