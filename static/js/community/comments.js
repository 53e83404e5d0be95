// Comments, for somebody who is signed in: the form opens in place, and one's own can be deleted.

document.addEventListener("me:known", ({ detail: me }) => {
  openInPlace(me);
  addDelete(document, me);
  const list = document.querySelector("[data-comments]");
  if (!list) return;
  new MutationObserver(() => addDelete(list, me)).observe(list, { childList: true });
});

function openInPlace(me) {
  const link = document.querySelector("[data-write-comment]");
  const template = document.querySelector("template[data-comment-form]");
  link?.addEventListener("click", (event) => {
    if (!template || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const copy = template.content.cloneNode(true);
    me.giveToken(copy, me.csrf_token);
    copy.querySelector("[data-submission]").append(submission(me));
    link.parentElement.replaceWith(copy);
    document.querySelector("[data-submission] textarea").focus();
  });
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
