// For the authors of a live post: how many readers had an update after how many milliseconds.

const WAITS_MS = [300, 1_000, 2_000, 4_000];
const FRESH_MS = 60_000; // the answer is about the post's last event, so older updates are not asked about

const template = document.querySelector("template[data-reached]");

document.addEventListener("me:known", ({ detail: me }) => {
  if (!template || !document.querySelector("[data-authors]:not([hidden])")) return;
  const landedOn = document.querySelector("[data-updates] > :target, [data-pinned] > :target");
  if (landedOn && isFresh(landedOn)) ask(landedOn.id);
  document.addEventListener("apply_events:arrived", ({ detail: { element } }) => {
    if (element.querySelector(".update__author")?.textContent.trim() === me.username) ask(element.id);
  });
});

function isFresh(update) {
  return Date.now() - new Date(update.querySelector("time").dateTime) < FRESH_MS;
}

async function ask(id) {
  const address = template.dataset.reached.replace(/0$/, id.split("-")[1]);
  for (const ms of WAITS_MS) {
    await new Promise((done) => setTimeout(done, ms));
    const answer = await fetch(address).catch(() => null);
    if (!answer?.ok) return;
    const reached = await answer.json();
    if (reached.readers !== null) return show(id, reached);
  }
}

function show(id, { readers, ms }) {
  const update = document.getElementById(id);
  if (!update || update.querySelector(".reached")) return;
  const line = template.content.firstElementChild.cloneNode();
  const { none, one, many } = line.dataset;
  const number = new Intl.NumberFormat(document.documentElement.lang);
  const pattern = [none, one][readers] ?? many;
  line.textContent = pattern.replace("{n}", number.format(readers)).replace("{ms}", number.format(ms));
  update.append(line);
}
