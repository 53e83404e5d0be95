// Whoever leaves a page with text that isn't saved is asked first. `data-unsaved` is "yes" where the site has sent the
// text back without saving it: in a preview, or because something is wrong.

const form = document.querySelector("form[data-unsaved]");
let isSent = false;

form.addEventListener("submit", () => (isSent = true));
form.addEventListener("input", () => (isSent = false));
addEventListener("pageshow", () => (isSent = false)); // back from where it was sent to
addEventListener("beforeunload", (event) => isUnsaved() && event.preventDefault());

function isUnsaved() {
  return !isSent && (form.dataset.unsaved === "yes" || [...form.elements].some(isChanged));
}

function isChanged(field) {
  if (field.type === "checkbox") return field.checked !== field.defaultChecked;
  if (field.options) return [...field.options].some((option) => option.selected !== option.defaultSelected);
  return "defaultValue" in field && field.value !== field.defaultValue;
}
