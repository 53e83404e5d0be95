// The library of pictures beside a text: what is chosen in it goes into the text. Others hear "pictures:chosen"
// (detail: its Markdown).

const PAUSE_MS = 250;
const ANSWER_MS = 10_000;

const asked = new WeakMap(); // by library: only the answer to the last question counts
let timer = 0;

document.addEventListener("toggle", ({ target }) => target.matches("[data-library]") && target.open && find(target), true);
// Before the form hears of it: to search is to write nothing, and Enter would send it.
document.addEventListener("input", (event) => {
  if (!event.target.matches("[data-library-search]")) return;
  event.stopPropagation();
  clearTimeout(timer);
  timer = setTimeout(find, PAUSE_MS, event.target.closest("[data-library]"));
}, true);
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.matches?.("[data-library-search]")) return;
  event.preventDefault();
  event.stopPropagation();
  find(event.target.closest("[data-library]"));
}, true);
document.addEventListener("click", ({ target }) => {
  const name = target.closest("[data-choose]")?.dataset.choose;
  if (!name) return;
  const library = target.closest("[data-library]");
  library.open = false;
  library.dispatchEvent(new CustomEvent("pictures:chosen", { bubbles: true, detail: `![](/media/${name})` }));
});

async function find(library) {
  const query = new URLSearchParams({ q: library.querySelector("[data-library-search]").value });
  asked.set(library, query);
  const signal = AbortSignal.timeout(ANSWER_MS);
  const text = await fetch(`/desk/media?${query}`, { signal }).then((answer) => answer.text()).catch(() => "");
  if (asked.get(library) !== query) return;
  const page = new DOMParser().parseFromString(text, "text/html");
  const list = page.querySelector(".library");
  const says = library.querySelector("[data-library-says]");
  const more = page.querySelector(".pages [rel=next]") ? says.dataset.more : "";
  says.textContent = list ? more : page.querySelector("[data-nothing]")?.textContent ?? says.dataset.lost;
  for (const item of list?.children ?? []) asChoice(item);
  library.querySelector("[data-library-found]").replaceChildren(...(list ? [list] : []));
}

function asChoice(item) {
  const link = item.querySelector("a");
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "library__choice" });
  button.dataset.choose = link.pathname.split("/").pop();
  button.append(...link.childNodes);
  item.replaceChildren(button);
}
