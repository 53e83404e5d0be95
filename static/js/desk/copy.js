// The button that copies a link. Without https a browser copies only what is selected, in the older way.

for (const tools of document.querySelectorAll("[data-copy]")) {
  const field = tools.parentElement.querySelector(".copy");
  const says = tools.querySelector("[role=status]");
  tools.querySelector("button").addEventListener("click", async () => {
    field.select();
    await (navigator.clipboard?.writeText(field.value) ?? document.execCommand("copy"));
    says.textContent = says.dataset.copied;
  });
  tools.hidden = false;
}
