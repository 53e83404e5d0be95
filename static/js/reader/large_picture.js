// A tap on a picture shows it large with its caption; Escape, the button or another tap closes it, arrows show the next
// one. Without script its link leads there.

const dialog = document.querySelector("[data-large-picture]");
const image = document.createElement("img");
const caption = document.createElement("p");
let shown = null; // the link
caption.className = "large-picture__caption";
caption.dir = "auto";
dialog.append(image, caption);

document.addEventListener("click", (event) => {
  const link = event.target.closest(".picture > a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  show(link);
  dialog.showModal();
});
dialog.addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => image.removeAttribute("src"));
dialog.addEventListener("keydown", ({ key }) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
  if (!step) return;
  const links = [...document.querySelectorAll(".picture > a")];
  const isMirrored = getComputedStyle(shown).direction === "rtl";
  const at = links.findIndex(({ href }) => href === shown.href); // an update may have been rendered anew
  show(links[at + (isMirrored ? -step : step)] ?? shown);
});

function show(link) {
  shown = link;
  const { alt } = link.querySelector("img");
  Object.assign(image, { src: link.href, alt });
  caption.textContent = link.parentElement.querySelector("figcaption")?.textContent ?? "";
}
