// Keys that move. Keys that send do not exist here: every order passes its confirmation.

const places = { d: "/dashboard", t: "/dashboard#ticket", c: "/copy", p: "/positions", o: "/orders", n: "/notifications" };
const chord = 1200; // ms between "g" and the place

let went = 0;

export function startKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && event.shiftKey) return openDialog(event, "stop");
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (Date.now() - went < chord && places[event.key]) return location.assign(places[event.key]);
    if (event.key === "g") went = Date.now();
    if (event.key === "?") openDialog(event, "keys");
    if (event.key === "/") focusSymbol(event);
    if (event.key === "b") focusLine(event);
    if (event.key === "j" || event.key === "k") moveRow(event);
    if (event.key === "x") closeRow();
  });
}

function typing(target) {
  return target.closest?.("input, textarea, select, [contenteditable]") !== null;
}

function openDialog(event, id) {
  const dialog = document.getElementById(id);
  if (!dialog || dialog.open) return;
  event.preventDefault();
  dialog.showModal();
}

function focusLine(event) {
  const line = document.querySelector('input[name="line"]');
  if (!line) return location.assign("/dashboard#line");
  event.preventDefault();
  line.focus();
}

function focusSymbol(event) {
  const field = [...document.querySelectorAll("input[data-find]")].find((found) => found.checkVisibility());
  if (!field) return location.assign("/chain");
  event.preventDefault();
  field.focus();
}

// The ticket opens filled; it does not send.
function closeRow() {
  const close = document.activeElement?.closest("tr[tabindex]")?.querySelector('a[data-close]');
  if (close) location.assign(close.href);
}

function moveRow(event) {
  const rows = [...document.querySelectorAll("tr[tabindex]")];
  const here = rows.indexOf(document.activeElement);
  const next = rows[here + (event.key === "j" ? 1 : -1)] ?? rows[0];
  next?.focus();
}
