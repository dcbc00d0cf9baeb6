// Sends a confirmed order so that a connection that breaks meanwhile leaves the page standing.
// Nothing is sent twice by it, not even with the same key: minutes later the price would be
// another. What became of the order is asked as soon as somebody answers again.

const orders = "/orders?view=today&done=connection-broke";
const every = 2000; // ms between two questions whether there is a connection

// send tells whether the form may be sent again, by whoever looks at it.
export async function send(form) {
  form.querySelector("[data-refused]").hidden = true;
  const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) }).catch(() => null);
  if (answer?.redirected) return location.assign(answer.url);
  const text = await answer?.text().catch(() => null);
  if (typeof text !== "string") return wait(form);
  const page = new DOMParser().parseFromString(text, "text/html");
  const box = page.querySelector("[data-confirmation]");
  if (box) return showAgain(form.closest("[data-confirmation]"), box);
  const why = refusal(answer.status, page);
  if (!why) return wait(form);
  refuse(form, why);
  return true;
}

// refusal is why nothing was taken; nothing where that is not known: who answers in the place
// of ours, such as a proxy, does not know what ours did.
function refusal(status, page) {
  const said = page.querySelector("main :is([data-refusal], [role=alert]:not([hidden]))")?.textContent.trim();
  if (status >= 400 && status < 500) return said || page.title || `Refused (${status}).`;
  return status === 503 ? said : "";
}

function refuse(form, why) {
  const place = form.querySelector("[data-refused]");
  place.textContent = why;
  place.hidden = false;
}

// A refusal is the confirmation again, with the reason.
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
