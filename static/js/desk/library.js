// The library of pictures beside a text: what is chosen in it goes into the text. Others hear "pictures:chosen"
// (detail: its Markdown).

const PAUSE_MS = 250;

let timer = 0;
let asked = 0; // only the answer to the last question counts

document.addEventListener("toggle", ({ target }) => target.matches("[data-library]") && target.open && find(target), true);
document.addEventListener("input", ({ target }) => {
  if (!target.matches("[data-library-search]")) return;
  clearTimeout(timer);
  timer = setTimeout(find, PAUSE_MS, target.closest("[data-library]"));
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.matches?.("[data-library-search]")) return;
  event.preventDefault(); // or the form would be sent
  find(event.target.closest("[data-library]"));
});
document.addEventListener("click", ({ target }) => {
  const name = target.closest("[data-choose]")?.dataset.choose;
  if (!name) return;
  const library = target.closest("[data-library]");
  library.open = false;
  library.dispatchEvent(new CustomEvent("pictures:chosen", { bubbles: true, detail: `![](/media/${name})` }));
});

async function find(library) {
  const turn = ++asked;
  const query = new URLSearchParams({ q: library.querySelector("[data-library-search]").value });
  const text = await fetch(`/desk/media?${query}`).then((answer) => answer.text()).catch(() => "");
  if (turn !== asked) return;
  const page = new DOMParser().parseFromString(text, "text/html");
  const list = page.querySelector(".library");
  const says = library.querySelector("[data-library-says]");
  says.textContent = list ? "" : page.querySelector("[data-nothing]")?.textContent ?? says.dataset.lost;
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
