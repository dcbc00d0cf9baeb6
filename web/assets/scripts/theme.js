// Shows a chosen theme before it is saved, and hides amounts at one tap.

export const hides = () => document.documentElement.dataset.private === "on";

// discreet is a sentence without the amounts and quantities in it, where those are hidden: as the
// server writes it.
export function discreet(text) {
  if (!hides()) return text;
  return text
    .replace(/[+−-]?\$\d[\d,]*(?:\.\d+)?/g, "•••••")
    .replace(/\b(bought|sold|hold|BTO|STC|Paper:) \d[\d,]*\b/gi, "$1 •••••")
    .replace(/\b\d+\/\d+ filled\b/g, "partly filled")
    .replace(/^\d[\d,]*( .+ left your account)\b/, "•••••$1")
    .replace(/(at most )?\b\d[\d,]* (contracts?|shares|copied|of them)\b/gi, (said, limit, unit) => (limit ? said : `••••• ${unit === "contract" ? "contracts" : unit}`));
}

export function startTheme() {
  document.addEventListener("change", (event) => {
    const { name, value } = event.target;
    if (!event.target.closest("[data-appearance]")) return;
    if (name === "theme") document.documentElement.dataset.theme = value;
    if (name === "palette") document.documentElement.dataset.palette = value;
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-privacy]")) return;
    event.preventDefault();
    const on = !hides();
    document.documentElement.dataset.private = on ? "on" : "off";
    event.target.querySelector("button").setAttribute("aria-pressed", String(on));
    remember(event.target.action, on);
  });
}

// The cookie remembers it, and the page is read again: amounts that are hidden are not in it.
// Until then they are out of sight, and stay so where something is typed that must not be lost.
async function remember(action, on) {
  const answer = await fetch(action, { method: "POST", body: new URLSearchParams({ private: on ? "on" : "off" }), redirect: "manual" }).catch(() => null);
  if (answer && !(on && typed())) readAgain();
}

// A link that hides amounts would hide them again.
function readAgain() {
  const here = new URL(location.href);
  if (!here.searchParams.has("amounts")) return location.reload();
  here.searchParams.delete("amounts");
  location.replace(here);
}

function typed() {
  return [...document.querySelectorAll("main input:not([type=hidden]), main textarea")].some((field) => field.value !== field.defaultValue);
}
