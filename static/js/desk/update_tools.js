// What an author can do with an update on the post's page: buttons below each, and the forms to edit and correct in
// its place. What is pressed or typed goes through outbox.js, so nothing is lost on a bad connection. What it changes
// comes in by the stream, as for every reader: an answer may be older than what a colleague has done since.

const QUOTED = 120; // characters of what was withdrawn
const STILL_OPEN_MS = 20_000;
const ONE_OF = { pin: "unpin", key: "not-key" };
const FORMS = ["edit", "correct"];

const main = document.querySelector("main");
const base = `/desk/post/${main.dataset.post}/update`;
const says = document.querySelector("[data-desk-says]");
const template = (name) => document.querySelector(`template[data-${name}]`).content.firstElementChild;
let me;

document.addEventListener("me:desk", ({ detail }) => begin(detail));
document.addEventListener("apply_events:placed", ({ detail: { element } }) => me && addTools(element));
document.addEventListener("outbox:state", ({ detail }) => {
  const [act, n] = detail.entry.key.split(" ");
  if (act === "new") return;
  if (FORMS.includes(act)) formHears(act, n, detail);
  else if (detail.state === "done") done(act, n, detail.answer);
  else mark(n, detail.state === "sending" ? says.dataset.sending : says.textContent);
});
main.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-act]");
  if (button) press(button);
});

function begin(detail) {
  me = detail;
  for (const update of main.querySelectorAll(".update[id]")) addTools(update);
}

// The buttons

function addTools(update) {
  if (!update.matches(".update") || update.querySelector(".update-tools")) return;
  const tools = template("tools").cloneNode(true);
  const is = { pin: update.matches(".update--pinned"), key: update.matches(".update--key") };
  for (const [act, undo] of Object.entries(ONE_OF)) {
    tools.querySelector(`[data-act=${act}]`).hidden = is[act];
    tools.querySelector(`[data-act=${undo}]`).hidden = !is[act];
  }
  const time = update.querySelector("time")?.textContent ?? "";
  tools.setAttribute("aria-label", `${tools.getAttribute("aria-label")}: ${time}`);
  update.append(tools);
}

function numberOf(element) {
  return element.closest("[data-of]")?.dataset.of ?? element.closest(".update").id.split("-")[1];
}

function press(button) {
  const { act } = button.dataset;
  const n = numberOf(button);
  if (FORMS.includes(act)) return open(act, n);
  if (act === "withdraw") announceWithdrawal(n);
  const isLegal = act === "legal";
  const url = `${base}/${n}/${isLegal ? "withdraw" : act}`;
  document.dispatchEvent(
    new CustomEvent("outbox:send", { detail: { key: `${act} ${n}`, url, fields: isLegal ? { reason: "legal" } : {} } }),
  );
}

function done(act, n, { id, html }) {
  const notice = main.querySelector(`.withdrawn[data-of="${n}"]`);
  if (!html) happen({ kind: "remove", id });
  else if (!document.getElementById(id)) happen({ kind: "update", id, html });
  if (act === "restore") notice?.remove();
  else if (notice) notice.hidden = false;
  if (act === "legal" && notice) {
    notice.querySelector("[data-what]").textContent = says.dataset.legal;
    notice.querySelector("[data-legal]").remove();
    for (const gone of ["[data-text]", "[data-act=restore]", "a"]) notice.querySelector(gone).remove();
  }
  mark(n, "");
  const next = notice?.isConnected ? notice : document.getElementById(id);
  // Nothing has the focus if what had it is gone; else somebody may be at the next button already.
  if (document.activeElement === document.body) (next?.querySelector("button") ?? next)?.focus({ preventScroll: true });
  document.dispatchEvent(new CustomEvent("stream:catch-up"));
}

// It comes into sight when the site has done it; by then the stream may have taken the update away.
function announceWithdrawal(n) {
  const notice = template("withdrawn").cloneNode(true);
  const update = document.getElementById(`update-${n}`);
  const { textContent } = update.querySelector(".update__title") ?? update.querySelector(".update__body");
  const words = textContent.trim();
  notice.dataset.of = n;
  notice.querySelector("[data-text]").textContent = words.length > QUOTED ? `${words.slice(0, QUOTED)}…` : words;
  notice.hidden = true;
  update.after(notice);
}

function happen(detail) {
  document.dispatchEvent(new CustomEvent("stream:event", { detail }));
}

function mark(n, words) {
  const place = document.querySelector(`[data-of="${n}"] [data-state-of], #update-${n} [data-state-of]`);
  if (place) place.textContent = words;
}

// The forms, below their update rather than in it, so that a new version of it doesn't take them away

async function open(act, n, kept = null) {
  const there = main.querySelector(`form[data-of="${n}"]`);
  if (there) return there.querySelector("textarea").focus();
  const update = document.getElementById(`update-${n}`);
  const form = template(`form=${act}`).cloneNode(true);
  Object.assign(form.dataset, { of: n, form: act });
  me.giveToken({ querySelectorAll: () => [form] }, me.csrf_token);
  (update ?? main.querySelector("[data-updates]")).after(form);
  listen(form);
  const found = await load(act, n);
  if (!found && !kept) {
    form.remove();
    says.textContent = says.dataset.unread;
    return mark(n, says.dataset.unread);
  }
  fill(form, kept ?? found);
  showOthers(form, found?.editing ?? []);
  if (kept) form.querySelector("[data-state-of]").textContent = says.dataset.back;
  else form.querySelector("textarea").focus({ preventScroll: true });
  form.stillOpen = setInterval(sayOpen, STILL_OPEN_MS, form);
}

async function load(act, n) {
  const answer = await fetch(`${base}/${n}/${act}`, { headers: { Accept: "application/json" } }).catch(() => null);
  return answer?.ok ? answer.json() : null;
}

function listen(form) {
  form.addEventListener("input", () => tellOutbox("outbox:keep", form));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    tellOutbox("outbox:send", form);
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") form.querySelector("[data-cancel]").focus();
  });
  form.querySelector("[data-cancel]").addEventListener("click", () => {
    tellOutbox("outbox:drop", form);
    shut(form);
  });
}

function tellOutbox(word, form) {
  const { of: n, form: act } = form.dataset;
  const fields = Object.fromEntries(["title", "body", "note", "version"].map((name) => [name, form.elements[name]?.value ?? ""]));
  document.dispatchEvent(
    new CustomEvent(word, { detail: { key: `${act} ${n}`, url: `${base}/${n}/${act}`, fields } }),
  );
}

function fill(form, texts) {
  for (const name of ["title", "body", "note", "version"]) {
    if (form.elements[name]) form.elements[name].value = texts[name] ?? "";
  }
}

function formHears(act, n, { state, why, entry, message, version, theirs }) {
  const form = main.querySelector(`form[data-of="${n}"][data-form="${act}"]`);
  if (!form && (["done", "elsewhere"].includes(state) || why === "pictures")) return;
  if (!form || state === "draft") return open(act, n, entry.fields);
  const isBusy = state === "sending" || state === "waiting";
  for (const field of form.querySelectorAll("input, textarea")) field.readOnly = isBusy || field.closest("[data-theirs]") !== null;
  form.querySelector("[data-state-of]").textContent = isBusy ? says.textContent : "";
  if (state === "refused") refuse(form, { message, version, theirs });
  if (state !== "done") return;
  shut(form);
  document.dispatchEvent(new CustomEvent("stream:catch-up"));
}

function refuse(form, { message, version, theirs }) {
  const error = form.querySelector("[data-error]");
  error.textContent = message;
  error.hidden = false;
  if (version) form.elements.version.value = version;
  const place = form.querySelector("[data-theirs]");
  place.hidden = !theirs;
  if (theirs) place.querySelector("textarea").value = [theirs.title, theirs.body].filter(Boolean).join("\n\n");
  tellOutbox("outbox:keep", form);
  form.querySelector("textarea").focus();
}

function shut(form) {
  const { of: n, form: act } = form.dataset;
  const hadFocus = form.contains(document.activeElement);
  clearInterval(form.stillOpen);
  sayOpen(form, "y");
  form.remove();
  if (hadFocus) document.querySelector(`#update-${n} [data-act=${act}]`)?.focus({ preventScroll: true });
}

// Who else has it open

async function sayOpen(form, closed = "") {
  const sent = new URLSearchParams({ csrf_token: me.csrf_token, closed });
  const headers = { Accept: "application/json" };
  const answer = await fetch(`${base}/${form.dataset.of}/editing`, { method: "POST", headers, body: sent, keepalive: true }).catch(() => null);
  if (answer?.ok && !closed) showOthers(form, (await answer.json()).editing);
}

function showOthers(form, names) {
  const line = form.querySelector("[data-also-open]");
  const written = new Intl.ListFormat(document.documentElement.lang).format(names);
  line.hidden = names.length === 0;
  line.textContent = names.length ? says.dataset.alsoOpen.replace("{names}", () => written) : "";
}
