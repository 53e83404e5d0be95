// Pictures while one writes: chosen, pasted or dropped, they are sent by pieces and named in the text at once by a
// placeholder, which becomes the picture's address when the site has it. Blobs wait in IndexedDB, so that a lost network,
// a reload or a restart loses none. Others hear "pictures:done" (detail: placeholder, markdown) and "pictures:refused"
// (placeholder, message); texts with a placeholder wait in outbox.js.

const PIECE_BYTES = 512 * 1024; // twin of uploads.PIECE_BYTES
const ANSWER_MS = 60_000;
const AGAIN_MS = [1_000, 2_000, 4_000, 8_000, 15_000, 30_000];
const KEPT_MS = 30 * 86_400_000;
const THUMBNAIL = 160; // pixels
const PLACEHOLDER = /!\[\]\(upload:[0-9a-f-]{36}\)/g;
const WORDS = ["alt", "caption", "credit"];

const uploads = new Map(); // by id, in the order of sending
let username = "";
let isRunning = false;
let wake = () => {};
let stored = null; // the database, or null where a browser keeps none
let waiting = null; // the button of a form that is sent when its pictures are there

document.addEventListener("me:desk", ({ detail }) => begin(detail.username), { once: true });
if (document.querySelector("form[data-unsaved] [data-pictures], [data-whole-picture]")) askWho().then((me) => me?.username && begin(me.username));
document.addEventListener("change", ({ target }) => {
  if (target.matches("[data-pictures-file]")) chosen(target);
  if (target.closest("[data-words]")) describe(target.closest("[data-upload]").dataset.upload);
});
document.addEventListener("paste", (event) => {
  const form = formOf(event.target);
  const { files = [], types = [] } = event.clipboardData ?? {};
  if (!form || !files.length || types.includes("text/plain")) return;
  event.preventDefault();
  add(form, files);
});
document.addEventListener("dragover", (event) => event.dataTransfer?.types.includes("Files") && formFor(event.target) && event.preventDefault());
document.addEventListener("drop", (event) => {
  const form = event.dataTransfer?.files.length && formFor(event.target);
  if (!form) return;
  event.preventDefault();
  add(form, event.dataTransfer.files);
});
document.addEventListener("pictures:chosen", ({ target, detail }) => {
  const { body } = formOf(target).elements;
  insert(body, detail);
  body.focus();
});
document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-remove-picture]");
  if (button) drop(button.closest("[data-upload]").dataset.upload);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.ctrlKey && !event.metaKey && event.target.matches?.("[data-word]")) event.preventDefault();
});
document.addEventListener("submit", hold, true);
document.addEventListener("submit", sendWhole);
document.addEventListener("reset", ({ target }) => formOf(target) && forgetShown(target));
for (const event of ["online", "focus", "pageshow"]) addEventListener(event, () => wake());
for (const place of document.querySelectorAll("[data-pictures]")) place.hidden = false;

function formOf(element) {
  const form = element.closest?.("form");
  return form?.querySelector("[data-pictures]") ? form : null;
}

// A file that misses the form by a little is meant for it all the same.
function formFor(element) {
  return formOf(element) ?? [...document.querySelectorAll("form")].find((form) => form.querySelector("[data-pictures]"));
}

// Adding

function chosen(input) {
  add(input.form, input.files);
  input.value = "";
}

function add(form, files) {
  for (const file of files) {
    const upload = { id: newId(), file, name: file.name, at: Date.now(), words: {} };
    insert(form.elements.body, placeholder(upload.id));
    start(upload, form);
  }
}

function newId() {
  const hex = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function placeholder(id) {
  return `![](upload:${id})`;
}

// On a line of its own.
function insert(box, text) {
  const before = box.value.slice(0, box.selectionStart);
  const after = box.value.slice(box.selectionEnd);
  const lead = !before || before.endsWith("\n\n") ? "" : before.endsWith("\n") ? "\n" : "\n\n";
  const tail = !after || after.startsWith("\n") ? "\n" : "\n\n";
  box.setRangeText(lead + text + tail, box.selectionStart, box.selectionEnd, "end");
  box.dispatchEvent(new Event("input", { bubbles: true }));
}

function start(upload, form) {
  uploads.set(upload.id, upload);
  show(upload, form);
  keep(upload);
  run();
}

function show(upload, form) {
  const template = form.querySelector("template[data-picture]");
  const item = template.content.firstElementChild.cloneNode(true);
  item.dataset.upload = upload.id;
  item.querySelector("[data-name]").textContent = upload.name;
  for (const input of item.querySelectorAll("[data-word]")) {
    const word = upload.words[input.dataset.word];
    if (input.type === "checkbox") input.checked = Boolean(word);
    else input.value = word ?? "";
  }
  form.querySelector("[data-pictures-list]").append(item);
  draw(item.querySelector("canvas"), upload.file);
}

async function draw(canvas, file) {
  const image = await createImageBitmap(file).catch(() => null);
  if (!image) return;
  const scale = THUMBNAIL / Math.max(image.width, image.height);
  Object.assign(canvas, { width: Math.round(image.width * scale), height: Math.round(image.height * scale) });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
}

function itemOf(id) {
  return document.querySelector(`[data-upload="${id}"]`);
}

function tell(id, state, values = {}) {
  const item = itemOf(id);
  if (!item) return;
  const says = item.closest("[data-pictures]").querySelector("[data-pictures-says]");
  const words = Object.entries(values).reduce((text, [name, value]) => text.replace(`{${name}}`, () => value), says.dataset[state] ?? "");
  item.querySelector("[data-state-of]").textContent = words;
  item.querySelector("progress").hidden = ["done", "refused", "described"].includes(state);
  const name = item.querySelector("[data-name]").textContent;
  const line = [name, words].join(": ");
  if (["done", "refused"].includes(state)) says.textContent = line;
}

// Sending, one after the other

async function run() {
  if (isRunning || !username) return;
  isRunning = true;
  let losses = 0;
  for (let upload = next(); upload; upload = next()) {
    const { state, ms, ...more } = await attempt(upload);
    if (state === "waiting") {
      const pause = ms || AGAIN_MS[Math.min(losses++, AGAIN_MS.length - 1)];
      tell(upload.id, more.why, { n: Math.ceil(pause / 1000) });
      await rest(pause);
    } else {
      losses = 0;
      if (uploads.has(upload.id)) (state === "done" ? done : refused)(upload, more);
    }
  }
  isRunning = false;
}

function next() {
  return [...uploads.values()].find(({ picture }) => !picture);
}

function rest(ms) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}

async function attempt(upload) {
  const { file, id, name } = upload;
  upload.received ??= 0;
  for (;;) {
    const piece = file.slice(upload.received, upload.received + PIECE_BYTES);
    tell(id, upload.received + piece.size < file.size ? "sending" : "processing");
    const fields = { size: file.size, file_name: name, piece };
    const { answer, said } = await post(`/desk/media/${id}/${upload.received}`, fields);
    if (!answer || answer.status === 429 || answer.status >= 500) {
      const ms = 1000 * Number(answer?.headers.get("Retry-After") ?? 0);
      return { state: "waiting", why: answer ? "busy" : "lost", ms };
    }
    if (answer.ok && said.name) return { state: "done", picture: said };
    if (answer.status === 401 || answer.status === 403 || answer.status === 400) {
      if (await renewToken()) continue;
      if (answer.status === 401) return { state: "waiting", why: "signedOut" };
    }
    if (!answer.ok && said.received === undefined) return { state: "refused", message: said.message ?? answer.statusText };
    upload.received = said.received;
    const progress = itemOf(id)?.querySelector("progress");
    if (progress) progress.value = upload.received / Math.max(file.size, 1);
    if (!uploads.has(id)) return { state: "dropped" };
  }
}

let token = "";

async function post(url, fields) {
  token ||= document.querySelector("form [name=csrf_token]")?.value ?? "";
  const body = new FormData();
  for (const [name, value] of Object.entries({ csrf_token: token, ...fields })) body.append(name, value);
  try {
    const headers = { Accept: "application/json" };
    const answer = await fetch(url, { method: "POST", headers, body, signal: AbortSignal.timeout(ANSWER_MS) });
    return { answer, said: await answer.json().catch(() => ({})) };
  } catch {
    return {};
  }
}

// The session may have ended, or another one begun in another tab. Whether there is a new token to try.
async function renewToken() {
  const me = await askWho();
  if (me?.username !== username || me.csrf_token === token) return false;
  token = me.csrf_token;
  return true;
}

function askWho() {
  const headers = { Accept: "application/json" };
  return fetch("/me", { headers }).then((answer) => answer.json()).catch(() => null);
}

function done(upload, { picture }) {
  upload.picture = picture;
  replaceInForms(upload.id, picture.markdown);
  tell(upload.id, "done");
  fillIn(upload);
  forgetSent(upload);
  document.dispatchEvent(new CustomEvent("pictures:done", { detail: { placeholder: placeholder(upload.id), markdown: picture.markdown } }));
  if (JSON.stringify(upload.words) === JSON.stringify(upload.told)) forget(upload.id);
  else saveWords(upload);
  goOn();
}

// What the site knows of the picture from before, where nothing has been typed here.
function fillIn(upload) {
  const { alt, caption, credit, decorative } = upload.picture;
  upload.told = decorative ? { alt, caption, credit, decorative: "y" } : { alt, caption, credit };
  const typed = Object.fromEntries(Object.entries(upload.words).filter(([, word]) => word));
  upload.words = { ...upload.told, ...typed };
  const item = itemOf(upload.id);
  for (const name of item ? WORDS : []) item.querySelector(`[data-word=${name}]`).value ||= upload.words[name];
  if (item && decorative) item.querySelector("[data-word=decorative]").checked = true;
}

function refused(upload, { message = "" }) {
  uploads.delete(upload.id);
  forget(upload.id);
  replaceInForms(upload.id, "");
  tell(upload.id, "refused", { message });
  const item = itemOf(upload.id);
  item?.classList.add("pictures__item--refused");
  if (item) item.querySelector("[data-words]").hidden = true;
  const detail = { placeholder: placeholder(upload.id), message: [upload.name, message].join(": ") };
  document.dispatchEvent(new CustomEvent("pictures:refused", { detail }));
  waiting = null;
}

function drop(id) {
  const item = itemOf(id);
  const markdown = uploads.get(id)?.picture?.markdown;
  const { form } = item.closest("[data-pictures]").querySelector("[data-pictures-file]");
  uploads.delete(id);
  forget(id);
  item.remove();
  replaceInForms(id, "");
  if (markdown) replaceIn(form.elements.body, markdown, "");
  document.dispatchEvent(new CustomEvent("pictures:done", { detail: { placeholder: placeholder(id), markdown: "" } }));
  form.elements.body.focus();
}

function replaceInForms(id, markdown) {
  for (const box of document.querySelectorAll("textarea")) replaceIn(box, placeholder(id), markdown);
}

// The cursor stays with the words that it was at.
function replaceIn(box, text, markdown) {
  const at = box.value.indexOf(text);
  if (at < 0) return;
  let end = at + text.length;
  for (let lines = 0; !markdown && lines < 2 && box.value[end] === "\n"; lines++) end++;
  box.setRangeText(markdown, at, end, "preserve");
  box.dispatchEvent(new Event("input", { bubbles: true }));
}

// A form that isn't sent by the outbox waits for its pictures, and is sent by itself then.

function hold(event) {
  const form = formOf(event.target);
  if (!form) return;
  for (const item of form.querySelectorAll("[data-upload]")) describe(item.dataset.upload);
  if (!form.matches("[data-unsaved]") || !isWaiting(form)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  waiting = { form, submitter: event.submitter };
  form.querySelector("[data-pictures-says]").textContent = form.querySelector("[data-pictures-says]").dataset.holding;
}

function isWaiting(form) {
  return (form.elements.body.value.match(PLACEHOLDER) ?? []).some((text) => [...uploads.keys()].some((id) => text === placeholder(id)));
}

function goOn() {
  if (!waiting || isWaiting(waiting.form)) return;
  const { form, submitter } = waiting;
  waiting = null;
  form.requestSubmit(submitter);
}

// The forms of the library, which without script send a small file whole.

async function sendWhole(event) {
  const form = event.target;
  const [file] = form.querySelector("input[type=file]")?.files ?? [];
  if (!form.matches("[data-whole-picture]") || !file) return;
  event.preventDefault();
  const says = form.querySelector("[data-pictures-says]");
  const upload = { id: newId(), file, name: file.name };
  for (let losses = 0; ; losses++) {
    uploads.set(upload.id, upload);
    says.textContent = says.dataset.sending;
    const { state, ms, why, picture, message = "" } = await attempt(upload);
    uploads.delete(upload.id);
    if (state === "done") return goTo(form, picture);
    if (state !== "waiting") return (says.textContent = says.dataset.refused.replace("{message}", () => message));
    const pause = ms || AGAIN_MS[Math.min(losses, AGAIN_MS.length - 1)];
    says.textContent = says.dataset[why].replace("{n}", Math.ceil(pause / 1000));
    await rest(pause);
  }
}

function goTo(form, { name, url }) {
  const { by } = form.elements;
  if (!by) return location.assign(url);
  by.value = name;
  form.querySelector("input[type=file]").value = "";
  form.submit();
}

// The words: alt text, caption, credit

function describe(id) {
  const upload = uploads.get(id);
  const item = itemOf(id);
  if (!upload || !item) return;
  const words = Object.fromEntries(WORDS.map((name) => [name, item.querySelector(`[data-word=${name}]`).value.trim()]));
  if (item.querySelector("[data-word=decorative]").checked) words.decorative = "y";
  if (JSON.stringify(words) === JSON.stringify(upload.told ?? { alt: "", caption: "", credit: "" })) return;
  upload.words = words;
  keep(upload);
  if (upload.picture) saveWords(upload);
}

async function saveWords(upload) {
  const { words } = upload;
  for (const ms of AGAIN_MS) {
    const { answer, said } = await post(upload.picture.url, words);
    if (answer?.ok) {
      upload.told = words;
      if (upload.words === words) forget(upload.id);
      return tell(upload.id, "described");
    }
    if (answer && answer.status < 500 && answer.status !== 429 && !(await renewToken())) {
      return tell(upload.id, "refused", { message: said.message ?? "" });
    }
    await rest(ms);
  }
}

// Of a text that was sent meanwhile.
function forgetSent({ id, picture }) {
  const item = itemOf(id);
  const isInText = [...document.querySelectorAll("textarea")].some((box) => box.value.includes(picture.markdown));
  if (item && !isInText && !item.contains(document.activeElement)) item.remove();
}

// What has been published isn't shown any more; what is still on its way stays until it is there.
function forgetShown(form) {
  for (const item of form.querySelectorAll("[data-upload]")) {
    const upload = uploads.get(item.dataset.upload);
    if (!upload || upload.picture) item.remove();
  }
}

// Keeping

async function begin(name) {
  if (username) return;
  username = name;
  stored = await open().catch(() => null);
  for (const upload of (await all().catch(() => [])).sort((a, b) => a.at - b.at)) {
    if (upload.username !== username || uploads.has(upload.id)) continue;
    if (Date.now() - upload.at > KEPT_MS) forget(upload.id);
    else resume(upload);
  }
  for (const upload of uploads.values()) keep(upload); // added before it was known for whom
  for (const id of wanted()) if (!uploads.has(id)) lose(id);
  run();
}

// What the texts on this page and in this browser wait for. A page that is closed at once may keep the text alone.
function wanted() {
  const texts = [...document.querySelectorAll("textarea")].map((box) => box.value);
  try {
    const names = Object.keys(localStorage).filter((name) => name.startsWith(`pressroom ${username} `));
    texts.push(...names.map((name) => localStorage.getItem(name)));
  } catch {} // then there are none
  return new Set(texts.flatMap((text) => text.match(PLACEHOLDER) ?? []).map((text) => text.slice(11, -1)));
}

function lose(id) {
  const says = document.querySelector("[data-pictures-says]");
  replaceInForms(id, "");
  const message = says?.dataset.lostPicture ?? "";
  if (says) says.textContent = message;
  document.dispatchEvent(new CustomEvent("pictures:refused", { detail: { placeholder: placeholder(id), message } }));
}

function resume(upload) {
  uploads.set(upload.id, upload);
  const boxes = [...document.querySelectorAll("textarea")];
  const form = boxes.find((box) => box.value.includes(placeholder(upload.id)))?.form;
  if (form && formOf(form)) show(upload, form);
}

function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("pressroom", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("uploads", { keyPath: "id" });
    Object.assign(request, { onsuccess: () => resolve(request.result), onerror: reject, onblocked: reject });
  });
}

function inStore(mode, act) {
  return new Promise((resolve, reject) => {
    if (!stored) return resolve([]);
    const transaction = stored.transaction("uploads", mode);
    const request = act(transaction.objectStore("uploads"));
    Object.assign(transaction, { oncomplete: () => resolve(request.result), onerror: reject, onabort: reject });
  });
}

function all() {
  return inStore("readonly", (store) => store.getAll());
}

function keep({ received, ...upload }) {
  if (username) inStore("readwrite", (store) => store.put({ ...upload, username })).catch(() => {});
}

function forget(id) {
  inStore("readwrite", (store) => store.delete(id)).catch(() => {});
}
