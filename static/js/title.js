// The page's title: counts what arrives while the tab is hidden, and follows the post's own title.

const main = document.querySelector("main[data-live]");
let name = document.title;
let count = 0;

document.addEventListener("arrived", ({ detail: { element } }) => {
  if (!document.hidden || !counts(element)) return;
  count += 1;
  show();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden || !count) return;
  count = 0;
  show();
});
document.addEventListener("happened", ({ detail: { kind } }) => {
  if (kind !== "post") return;
  const pattern = main.querySelector(".head .live-mark") ? main.dataset.titleLive : main.dataset.title;
  name = pattern.replace("{post}", () => main.querySelector("h1").textContent);
  show();
});

// During live coverage the comments are not what one waits for.
function counts(element) {
  return !element.matches(".comment") || !main.querySelector(".head .live-mark");
}

function show() {
  document.title = count ? `(${count}) ${name}` : name;
}
