// Keys that move, and two that send: they answer the question in focus, once armed in this
// tab. No key places an order of one's own: each passes its confirmation.

const places = { d: "/dashboard", t: "/dashboard#ticket", c: "/copy", p: "/positions", a: "/analytics", f: "/feed", o: "/orders", n: "/notifications" };
const chord = 1200; // ms between "g" and the place

const armedFor = 5 * 60 * 1000; // ms
const answers = { a: "approve", r: "reject" };

let went = 0;
let disarming = 0;

export function startKeys() {
  document.getElementById("arm")?.addEventListener("close", (event) => {
    const arm = event.target.returnValue === "arm";
    event.target.returnValue = ""; // it would be the answer of the next time that is closed without one
    if (!arm) return;
    sessionStorage.setItem("armed-until", String(Date.now() + armedFor));
    showArmed();
  });
  document.getElementById("armed")?.addEventListener("click", disarm);
  showArmed();
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && event.shiftKey) return openDialog(event, "stop");
    if (event.key === "Escape" && typing(event.target) && !document.querySelector("dialog[open]")) return event.target.blur();
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (Date.now() - went < chord && places[event.key]) return location.assign(places[event.key]);
    if (event.key === "g") went = Date.now();
    if (event.key === "?") openDialog(event, "keys");
    if (event.key === "/") focusSymbol(event);
    if (event.key === "b") focusLine(event);
    if (event.key === "j" || event.key === "k") moveRow(event);
    if (event.key === "x") closeRow();
    if (answers[event.key] && Date.now() - went >= chord) answer(event);
  });
}

// What is armed belongs to this tab and outlives its pages, not its time.
function armedLeft() {
  const left = Number(sessionStorage.getItem("armed-until")) - Date.now();
  return left > 0 && left <= armedFor ? left : 0;
}

function showArmed() {
  const left = armedLeft();
  const shown = document.getElementById("armed");
  if (shown) shown.hidden = left === 0;
  clearTimeout(disarming);
  if (left > 0) disarming = setTimeout(disarm, left);
}

function disarm() {
  sessionStorage.removeItem("armed-until");
  showArmed();
}

// Answers the question in focus as its button would; a key held down answers nothing more.
function answer(event) {
  if (event.repeat || document.querySelector("dialog[open]")) return;
  const button = document.activeElement?.closest("[data-approval]")?.querySelector(`[data-answer=${answers[event.key]}]`);
  if (!button) return;
  event.preventDefault();
  if (armedLeft() === 0) return openDialog(event, "arm");
  if (!button.disabled) button.form.requestSubmit(button);
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
  const rows = [...document.querySelectorAll("tr[tabindex], [data-approval]")];
  const here = rows.indexOf(document.activeElement);
  const next = rows[here + (event.key === "j" ? 1 : -1)] ?? rows[0];
  next?.focus();
}
