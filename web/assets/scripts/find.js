// Suggests symbols while one types; choosing one goes there. Without it the form
// finds them all the same.

const pause = 150; // ms without a key

let waiting = 0;

export function startFind() {
  document.addEventListener("input", (event) => {
    const field = event.target;
    if (!field.matches("input[data-find]")) return;
    if ([...field.list.options].some((option) => option.value === field.value)) return field.form.requestSubmit();
    clearTimeout(waiting);
    waiting = setTimeout(() => suggest(field), pause);
  });
  for (const row of document.querySelectorAll("[data-scroll]")) {
    row.querySelector("[aria-current=page]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }
}

async function suggest(field) {
  const typed = field.value.trim();
  if (!typed) return field.list.replaceChildren();
  const answer = await fetch(`/api/market/symbols?q=${encodeURIComponent(typed)}`).catch(() => null);
  if (!answer?.ok || field.value.trim() !== typed) return;
  const { data } = await answer.json();
  field.list.replaceChildren(...data.map(({ symbol, name }) => new Option(name, symbol)));
}
