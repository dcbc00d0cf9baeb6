// Opens <dialog> elements: those that arrive by a swap, and those a link points to.

export function startDialogs() {
  document.body.addEventListener("htmx:after:swap", openArrived);
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (!opener) return;
    const dialog = document.getElementById(opener.dataset.dialog);
    if (!dialog) return; // without it the link leads to a page that does the same
    event.preventDefault();
    dialog.showModal();
  });
  // A click outside the box closes: the backdrop's clicks land on the dialog itself.
  document.addEventListener("click", (event) => {
    if (event.target instanceof HTMLDialogElement && event.target.open) event.target.close();
  });
}

function openArrived() {
  for (const dialog of document.querySelectorAll("dialog[data-arrived]")) {
    delete dialog.dataset.arrived;
    if (dialog.open) continue;
    dialog.showModal();
    // The button that asked for it was disabled meanwhile and lost the focus.
    dialog.addEventListener("close", () => document.querySelector("[data-preview]")?.focus());
  }
}
