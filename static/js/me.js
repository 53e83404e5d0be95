// Pages are the same for everybody. For somebody who is signed in, this fills in what is theirs: the menu, and
// links to edit. Others make no request. Further modules hear of it by the event "me".

const menu = document.querySelector("[data-me]");
// All modules have run by then, and so they hear the event.
const pageIsWhole = new Promise((done) => document.addEventListener("DOMContentLoaded", done));

if (menu && document.cookie.split("; ").some((cookie) => cookie.startsWith("signed_in="))) {
  greet(menu.dataset.me).catch(() => {}); // offline: the page stays as it is
}

async function greet(url) {
  const answer = await fetch(url, { headers: { Accept: "application/json" } });
  if (!answer.ok) return;
  const me = await answer.json();
  if (!me.signed_in) return;
  showMenu(me);
  showTools(me);
  giveToken(document, me.csrf_token);
  await pageIsWhole;
  document.dispatchEvent(new CustomEvent("me", { detail: { ...me, giveToken } }));
}

function showMenu(me) {
  const shown = { in: true, writes: me.may_write, out: false };
  for (const entry of menu.querySelectorAll("[data-when]")) entry.hidden = !shown[entry.dataset.when];
  menu.querySelector("[data-username]").textContent = me.username;
}

function showTools(me) {
  for (const tools of document.querySelectorAll("[data-authors]")) {
    const isAuthor = me.may_write && tools.dataset.authors.split(" ").includes(me.username);
    tools.hidden = !(isAuthor || ["editor", "admin"].includes(me.role));
  }
}

function giveToken(root, token) {
  for (const form of root.querySelectorAll("form[data-token]")) {
    form.querySelector("[name=csrf_token]")?.remove();
    const input = document.createElement("input");
    Object.assign(input, { type: "hidden", name: "csrf_token", value: token });
    form.append(input);
  }
}
