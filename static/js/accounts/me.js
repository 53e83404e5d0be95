// Pages are the same for everybody. For somebody who is signed in, this fills in what is theirs: the menu, links to
// edit, and the composer. Others make no request. Further modules hear of it by "me:known".

const menu = document.querySelector("[data-me]");
// All modules have run by then, and so they hear the event.
const pageIsWhole = new Promise((done) => document.addEventListener("DOMContentLoaded", done));

if (menu && /(^|; )(__Host-)?signed_in=/.test(document.cookie)) {
  greet(menu.dataset.me).catch(() => {}); // offline: the page stays as it is
}

async function greet(url) {
  const answer = await fetch(url, { headers: { Accept: "application/json" } });
  if (!answer.ok) return;
  const me = await answer.json();
  if (!me.signed_in) return;
  showMenu(me);
  const mayWriteHere = showTools(me);
  giveToken(document, me.csrf_token);
  await pageIsWhole;
  document.dispatchEvent(new CustomEvent("me:known", { detail: { ...me, giveToken, newSubmission } }));
  if (mayWriteHere) await openDesk({ ...me, giveToken, newSubmission, url });
}

function showMenu(me) {
  const shown = { in: true, writes: me.may_write, out: false };
  for (const entry of document.querySelectorAll("[data-when]")) entry.hidden = !shown[entry.dataset.when];
  menu.querySelector("[data-username]").textContent = me.username;
}

function showTools(me) {
  let isAnyShown = false;
  for (const tools of document.querySelectorAll("[data-authors]")) {
    const isAuthor = me.may_write && tools.dataset.authors.split(" ").includes(me.username);
    tools.hidden = !(isAuthor || ["editor", "admin"].includes(me.role));
    isAnyShown ||= !tools.hidden;
  }
  return isAnyShown;
}

function giveToken(root, token) {
  for (const form of root.querySelectorAll("form[data-token]")) {
    form.querySelector("[name=csrf_token]")?.remove();
    const input = document.createElement("input");
    Object.assign(input, { type: "hidden", name: "csrf_token", value: token });
    form.append(input);
  }
}

// One form makes one thing, however often it is sent.
function newSubmission() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

// The desk's part of the page comes with its own scripts, so that readers load none of it. "me:desk" when they run.
async function openDesk(me) {
  const place = document.querySelector("[data-desk]");
  if (!place) return;
  const answer = await fetch(place.dataset.desk);
  if (!answer.ok || answer.redirected) return;
  const template = document.createElement("template");
  template.innerHTML = await answer.text();
  const scripts = [...template.content.querySelectorAll("script")];
  for (const script of scripts) script.remove();
  place.append(template.content);
  // A form that is filled in before its script runs would keep nothing; one whose script is missing still works.
  await Promise.all(scripts.map(({ src }) => run(src))).finally(() => { place.hidden = false; });
  document.dispatchEvent(new CustomEvent("me:desk", { detail: me }));
}

// A script that came as text doesn't run; a copy of it does.
function run(src) {
  const script = Object.assign(document.createElement("script"), { type: "module", src, async: false });
  document.head.append(script);
  return new Promise((done, failed) => Object.assign(script, { onload: done, onerror: failed }));
}
