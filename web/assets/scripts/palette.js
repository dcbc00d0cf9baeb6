// The palette (Ctrl K): every page, the chain of a symbol, a trader. It only leads
// somewhere; nothing is sent from it.

const symbol = /^\$?[a-z.]{1,6}$/i;
const username = /^@?[a-z0-9_]{3,30}$/i;

export function startPalette() {
  const dialog = document.getElementById("palette");
  const field = dialog?.querySelector("input");
  if (!field) return;
  document.addEventListener("keydown", (event) => {
    if ((event.key ?? "").toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    event.preventDefault();
    if (dialog.open) return close(dialog, field);
    if (document.querySelector("dialog[open]")) return; // a confirmation is not left by a key
    field.value = "";
    offer(dialog, "");
    dialog.showModal();
    field.focus();
  });
  field.addEventListener("input", () => offer(dialog, field.value.trim()));
  dialog.addEventListener("keydown", (event) => move(event, dialog, field));
  dialog.addEventListener("close", () => field.blur());
  dialog.addEventListener("click", (event) => event.target.closest("a") && dialog.close());
}

// The browser itself takes the focus out of what is hidden only when it draws next: a key that
// comes before would count as typed.
function close(dialog, field) {
  dialog.close();
  field.blur();
}

function offer(dialog, typed) {
  const words = typed.toLowerCase();
  for (const item of dialog.querySelectorAll("[data-words]")) item.hidden = !item.dataset.words.includes(words);
  lead(dialog, "chain", symbol.test(typed), typed.replace("$", "").toUpperCase());
  lead(dialog, "trader", username.test(typed), typed.replace("@", "").toLowerCase());
  const found = shown(dialog).length;
  dialog.querySelector("[data-found]").textContent = found > 0 ? `${found} found` : "Nothing is called that.";
}

function lead(dialog, where, known, name) {
  const item = dialog.querySelector(`[data-lead=${where}]`);
  item.hidden = !known;
  if (!known) return;
  item.querySelector("a").href = item.dataset.to + encodeURIComponent(name);
  item.querySelector("[data-name]").textContent = name;
}

function shown(dialog) {
  return [...dialog.querySelectorAll("li:not([hidden]) a")];
}

function move(event, dialog, field) {
  if (event.isComposing) return; // the key is the input method's
  const links = shown(dialog);
  const here = links.indexOf(document.activeElement);
  if (event.key === "Enter" && document.activeElement === field) {
    event.preventDefault();
    links[0]?.click();
  }
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  event.preventDefault();
  const next = here + (event.key === "ArrowDown" ? 1 : -1);
  (next < 0 ? field : (links[next] ?? links.at(-1)))?.focus();
}
