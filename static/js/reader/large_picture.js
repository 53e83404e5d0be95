// A tap on a picture shows it large; Escape, the button or another tap closes it. Without script its link leads there.

const dialog = document.querySelector("[data-large-picture]");
const shown = document.createElement("img");
dialog.append(shown);

document.addEventListener("click", (event) => {
  const link = event.target.closest(".picture > a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  const { alt } = link.querySelector("img");
  Object.assign(shown, { src: link.href, alt });
  dialog.showModal();
});
dialog.addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => shown.removeAttribute("src"));
