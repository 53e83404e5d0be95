// Writing updates on the post's page: the field is empty again at once, and what was sent stands above the list until
// the site has it. Nothing typed is lost: see outbox.js.

const composer = document.querySelector("[data-composer]");
const says = document.querySelector("[data-desk-says]");
const form = composer?.querySelector("form");
const outbox = composer?.querySelector("[data-outbox]");
const template = document.querySelector("template[data-waiting]");
const STATE_OF = { draft: restore, sending: showState, waiting: showState, refused: showRefused, done: showDone };
const PLACEHOLDER = /!\[\]\(upload:[0-9a-f-]{36}\)/g; // of a picture that is on its way, see pictures.js
let me;

document.addEventListener("me:desk", ({ detail }) => (me = detail));
document.addEventListener("keydown", sendByKey);

if (form) {
  form.addEventListener("input", keep);
  form.addEventListener("submit", send);
  document.addEventListener("outbox:state", ({ detail }) => {
    if (detail.entry.key.startsWith("new ")) (STATE_OF[detail.state] ?? (() => {}))(detail);
    if (detail.state === "elsewhere" && detail.entry.key === key()) startAnew();
  });
  document.addEventListener("stream:event", ({ detail: { kind } }) => kind === "post" && showWhetherOver());
}
document.addEventListener("outbox:state", ({ detail }) => say(detail));

function key() {
  return `new ${form.elements.submission.value}`;
}

function fields() {
  const { title, body, key: isKey, submission } = form.elements;
  const written = { title: title.value, body: body.value, submission: submission.value };
  return isKey.checked ? { ...written, key: "y" } : written;
}

function keep() {
  const { title, body } = form.elements;
  const isEmpty = !title.value && !body.value;
  document.dispatchEvent(
    isEmpty
      ? new CustomEvent("outbox:drop", { detail: { key: key() } })
      : new CustomEvent("outbox:keep", { detail: { key: key(), url: form.action, fields: fields() } }),
  );
}

// The forms of update_tools.js too.
function sendByKey(event) {
  const written = event.target.closest(".composer form, .update-form");
  if (!written || event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  written.requestSubmit();
}

function send(event) {
  event.preventDefault();
  if (isOver()) return;
  if (!form.elements.body.value.trim()) return refuseBlank(form.elements.body);
  const detail = { key: key(), url: form.action, fields: fields() };
  document.dispatchEvent(new CustomEvent("outbox:send", { detail }));
  startAnew();
  form.elements.body.focus();
}

// Emptied, so that the browser says of spaces what it says of nothing.
function refuseBlank(field) {
  field.value = "";
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.reportValidity();
}

function startAnew() {
  form.reset();
  form.elements.submission.value = me.newSubmission();
}

// What the outbox says

function restore(detail) {
  const { entry } = detail;
  if (entry.key === key()) return;
  const isBusy = form.elements.title.value || form.elements.body.value;
  if (!isBusy && !entry.refused) fill(entry.fields);
  else showState(entry.refused ? { entry, state: "refused", message: entry.refused } : detail);
}

function fill({ title = "", body, key: isKey, submission }) {
  const { elements } = form;
  elements.title.value = title;
  elements.body.value = body;
  elements.key.checked = Boolean(isKey);
  if (submission) elements.submission.value = submission;
  elements.body.dispatchEvent(new Event("input", { bubbles: true }));
}

function itemOf(entry) {
  return [...outbox.children].find((other) => other.dataset.key === entry.key);
}

function item(entry) {
  const shown = itemOf(entry);
  if (shown) return Object.assign(shown, { entry });
  const made = template.content.firstElementChild.cloneNode(true);
  made.dataset.key = entry.key;
  made.entry = entry; // as the outbox has it last
  made.querySelector("[data-text]").textContent = [entry.fields.title, entry.fields.body].filter(Boolean).join("\n");
  made.querySelector("[data-back]").addEventListener("click", () => takeBack(made.entry));
  made.querySelector("[data-drop]").addEventListener("click", () => drop(made.entry));
  made.querySelector("[data-now]")?.addEventListener("click", () => sendTextNow(made.entry)); // none in the last release
  outbox.append(made);
  return made;
}

function showState(detail) {
  const shown = item(detail.entry);
  shown.querySelector("[data-state-of]").textContent = worded(detail);
  shown.querySelector("[data-actions]").hidden = detail.state === "sending";
  const now = shown.querySelector("[data-now]");
  if (now) now.hidden = detail.why !== "pictures" || !withoutPictures(detail.entry.fields.body);
}

function withoutPictures(body) {
  return body.replace(PLACEHOLDER, "").trim();
}

// The pictures follow as an edit, which waits for them.
function sendTextNow({ key: name, url, fields: { body, ...fields } }) {
  const detail = { key: name, url, fields: { ...fields, body: withoutPictures(body) }, whole: body };
  document.dispatchEvent(new CustomEvent("outbox:send", { detail }));
  form.elements.body.focus();
}

function addPictures({ whole, fields: { title } }, { id }) {
  const n = id.split("-")[1];
  const url = `/desk/post/${document.querySelector("main").dataset.post}/update/${n}/edit`;
  const detail = { key: `edit ${n}`, url, fields: { title, body: whole, version: "1" } };
  document.dispatchEvent(new CustomEvent("outbox:send", { detail }));
}

function showRefused(detail) {
  showState(detail);
  itemOf(detail.entry).dataset.wasSentBefore = detail.status === 409;
  // The outbox has forgotten it; until the author decides it is kept as a draft.
  document.dispatchEvent(new CustomEvent("outbox:keep", { detail: { ...detail.entry, refused: detail.message } }));
}

function showDone({ entry, answer }) {
  itemOf(entry)?.remove();
  if (entry.whole && answer.id) addPictures(entry, answer);
  if (answer.html && !document.getElementById(answer.id)) {
    document.dispatchEvent(new CustomEvent("stream:event", { detail: { kind: "update", ...answer } }));
  }
  document.dispatchEvent(new CustomEvent("stream:catch-up"));
}

// Into the field, in front of what may stand there. What was sent may have arrived all the same; with its own
// `submission` it can't be published a second time.
function takeBack(entry) {
  const shown = item(entry);
  const { submission, ...texts } = entry.fields;
  const rest = form.elements.body.value;
  drop(entry);
  if (rest) document.dispatchEvent(new CustomEvent("outbox:drop", { detail: { key: key() } }));
  startAnew();
  const isUsable = shown.dataset.wasSentBefore !== "true";
  fill({
    ...texts,
    body: rest ? `${texts.body}\n\n${rest}` : texts.body,
    submission: isUsable ? submission : null,
  });
  form.elements.body.focus();
}

function drop(entry) {
  item(entry).remove();
  document.dispatchEvent(new CustomEvent("outbox:drop", { detail: { key: entry.key } }));
  form.elements.body.focus();
}

function showWhetherOver() {
  composer.querySelector("[data-over]").hidden = !isOver();
  form.querySelector(".composer__send button").disabled = isOver();
}

function isOver() {
  return !document.querySelector(".head .live-mark");
}

// Words

function say(detail) {
  if (["draft", "elsewhere"].includes(detail.state)) return;
  const [act] = detail.entry.key.split(" ");
  const isChange = detail.state === "done" && act !== "new";
  says.textContent = isChange ? (says.dataset[act] ?? says.dataset.changed) : worded(detail);
}

function worded({ state, why, ms, name, message = "" }) {
  const pattern = state === "waiting" ? says.dataset[why] : says.dataset[state];
  const seconds = Math.ceil((ms ?? 0) / 1000);
  return (pattern ?? "").replace("{n}", seconds).replace("{name}", () => name).replace("{message}", () => message);
}
