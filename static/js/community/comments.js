// Comments, for somebody who is signed in: the form opens in place, and one's own can be deleted. What is typed and not
// sent is kept by the tab when the page is loaded anew.

document.addEventListener("me:known", ({ detail: me }) => {
  openInPlace(me);
  keepTyped(me);
  addDelete(document, me);
  const list = document.querySelector("[data-comments]");
  if (!list) return;
  new MutationObserver(() => addDelete(list, me)).observe(list, { childList: true });
});

function openInPlace(me) {
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("[data-write-comment]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const box = formInPlace(me);
    if (!box) return;
    event.preventDefault();
    box.focus();
  });
}

function formInPlace(me) {
  const link = document.querySelector("[data-write-comment]");
  const template = document.querySelector("template[data-comment-form]");
  if (!link || !template) return null;
  const copy = template.content.cloneNode(true);
  me.giveToken(copy, me.csrf_token);
  copy.querySelector("[data-submission]").append(submission(me));
  link.parentElement.replaceWith(copy);
  return document.querySelector("[data-submission] textarea");
}

function keepTyped(me) {
  const name = `pressroom comment ${me.username} ${location.pathname}`;
  let isSent = false;
  try {
    const typed = sessionStorage.getItem(name);
    const box = typed && formInPlace(me); // none where comments are closed now
    if (box) {
      box.value = typed;
      sessionStorage.removeItem(name);
    }
    addEventListener("submit", ({ target }) => (isSent ||= target.matches("[data-submission]")));
    addEventListener("pagehide", () => {
      const left = document.querySelector("[data-submission] textarea")?.value;
      if (left && !isSent) sessionStorage.setItem(name, left);
    });
  } catch {} // a browser may refuse to keep anything
}

function submission(me) {
  const value = me.newSubmission();
  return Object.assign(document.createElement("input"), { type: "hidden", name: "submission", value });
}

function addDelete(root, me) {
  const template = document.querySelector("template[data-delete-comment]");
  if (!template) return;
  for (const comment of root.querySelectorAll(".comment[data-author]")) {
    if (comment.dataset.author !== me.username || comment.querySelector(".confirm")) continue;
    const copy = template.content.cloneNode(true);
    copy.querySelector("form").action = comment.dataset.delete;
    me.giveToken(copy, me.csrf_token);
    comment.append(copy);
  }
}
