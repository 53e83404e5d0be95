// What an author has typed stays in the browser until the site has it (desk/outbox.js). Whoever logs out takes it along.

const form = document.querySelector("form[data-logout]");

form.addEventListener("submit", (event) => {
  const kept = namesOfKept();
  if (kept.length === 0) return;
  if (!confirm(form.dataset.logout)) return event.preventDefault();
  for (const name of kept) localStorage.removeItem(name);
});

function namesOfKept() {
  try {
    return Object.keys(localStorage).filter((name) => name.startsWith("pressroom "));
  } catch {
    return []; // this browser keeps nothing
  }
}
