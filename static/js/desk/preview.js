// What the text of a form becomes, made by the server while it is typed: one request at a time, one a second at most,
// and rarer when they take long.

const TYPING_MS = 250;
const EVERY_MS = 1_000;
const TIMES_AS_LONG = 4;
const PLACEHOLDER = /!\[\]\(upload:[0-9a-f-]{36}\)/g; // of a picture that is on its way, see pictures.js

let due = null; // the form whose text has changed since it was last asked about
let timer = null;
let restUntil = 0;

document.addEventListener("input", ({ target }) => {
  const form = target.closest("form[data-preview]");
  if (form && target.name === "body") plan(form);
});
document.addEventListener("reset", ({ target }) => hide(target));

function plan(form) {
  due = form;
  timer ??= setTimeout(ask, Math.max(TYPING_MS, restUntil - performance.now()));
}

async function ask() {
  const form = due;
  due = null;
  const begun = performance.now();
  if (form.isConnected) await show(form).catch(() => {}); // offline: what was shown stays
  restUntil = begun + Math.max(EVERY_MS, TIMES_AS_LONG * (performance.now() - begun));
  timer = null;
  if (due) plan(due);
}

async function show(form) {
  const { body, csrf_token: token } = form.elements;
  if (!body.value.trim()) return hide(form);
  const text = body.value.replace(PLACEHOLDER, "");
  if (!text.trim()) return hide(form);
  const sent = new URLSearchParams({ body: text, csrf_token: token.value });
  const answer = await fetch(form.dataset.preview, {
    method: "POST",
    headers: { Accept: "application/json" },
    body: sent,
  });
  const { html, message } = await answer.json();
  if (!body.value.trim()) return hide(form); // published meanwhile
  const preview = form.querySelector("[data-preview-shown]");
  const refused = preview.querySelector("[data-refused]");
  refused.hidden = answer.ok;
  refused.textContent = message ?? "";
  if (answer.ok) preview.querySelector("[data-html]").innerHTML = html;
  preview.hidden = false;
}

function hide(form) {
  const preview = form.querySelector("[data-preview-shown]");
  if (preview) preview.hidden = true;
}
