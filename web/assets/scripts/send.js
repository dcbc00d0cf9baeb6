// Sends a confirmed order so that a connection that breaks meanwhile leaves the page standing.
// Nothing is sent twice by it, not even with the same key: minutes later the price would be
// another. What became of the order is asked as soon as somebody answers again.

const orders = "/orders?view=today&done=connection-broke";
const every = 2000; // ms between two questions whether there is a connection

export async function send(form) {
  const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) }).catch(() => null);
  if (!answer) return wait(form);
  if (answer.redirected) return location.assign(answer.url);
  const box = await confirmationIn(answer);
  if (box) return showAgain(form.closest("[data-confirmation]"), box);
  HTMLFormElement.prototype.submit.call(form); // a page of its own says why; the key makes it the same request
}

// A refusal is the confirmation again, with the reason.
async function confirmationIn(answer) {
  const text = await answer.text().catch(() => "");
  return new DOMParser().parseFromString(text, "text/html").querySelector("[data-confirmation]");
}

function showAgain(place, box) {
  place.replaceChildren(...box.children);
  place.querySelector("[autofocus]")?.focus();
}

function wait(form) {
  const unsure = form.querySelector("[data-unsure]");
  if (unsure) unsure.hidden = false;
  form.querySelector("a.btn")?.remove(); // leads to the ticket, which would send another
  const timer = setInterval(async () => {
    const answer = await fetch("/api/health", { cache: "no-store" }).catch(() => null);
    if (!answer?.ok) return;
    clearInterval(timer);
    location.assign(orders);
  }, every);
}
