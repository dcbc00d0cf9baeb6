// Manners of forms: sent once, sent on change where asked.
import { send } from "./send.js";

export function startForms() {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form[data-once]")) return;
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "true";
    // After this turn of the loop: a disabled button would not be sent with the form.
    setTimeout(() => setBusy(form, true));
    if (!form.matches("[data-sends]")) return;
    event.preventDefault();
    send(form).then((again) => again && release(form));
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-once][data-sent]")) release(form);
  });
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-submit-on-change]");
    if (form) form.requestSubmit();
  });
  document.addEventListener("click", copyText);
}

function release(form) {
  delete form.dataset.sent;
  setBusy(form, false);
}

function setBusy(form, busy) {
  for (const button of form.querySelectorAll("button")) {
    button.disabled = busy;
    button.toggleAttribute("aria-busy", busy);
  }
}

async function copyText(event) {
  const button = event.target.closest("[data-copy]");
  if (!button || !navigator.clipboard) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  const label = button.getAttribute("aria-label");
  button.setAttribute("aria-label", "Copied");
  setTimeout(() => button.setAttribute("aria-label", label), 2000);
}
