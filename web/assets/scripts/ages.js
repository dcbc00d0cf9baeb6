// Keeps ages and countdowns true between two renderings, by the server's clock.

const stale = 15; // seconds; the same limits as ui.Age on the server
const dead = 60;

let ahead = 0; // how far the server's clock is ahead of ours, ms

export function startAges() {
  const meta = document.querySelector('meta[name="server-time"]');
  if (meta) ahead = Number(meta.content) - Date.now();
  setInterval(tick, 1000);
  document.body.addEventListener("htmx:after:swap", tick);
}

export function serverNow() {
  return Date.now() + ahead;
}

function tick() {
  const now = serverNow();
  for (const element of document.querySelectorAll("time[data-age]")) showAge(element, now);
  for (const element of document.querySelectorAll("[data-expires]")) showCountdown(element, now);
}

function showAge(element, now) {
  const seconds = Math.max(0, Math.floor((now - Date.parse(element.dateTime)) / 1000));
  const text = ageText(seconds);
  if (element.textContent !== text) element.textContent = text;
  if (element.dataset.age !== "price") return;
  element.classList.toggle("age-stale", seconds > stale && seconds <= dead);
  element.classList.toggle("age-dead", seconds > dead);
}

function ageText(seconds) {
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}

// At zero the buttons die; the server decides the same by its own clock.
function showCountdown(element, now) {
  const left = Math.ceil((Date.parse(element.dataset.expires) - now) / 1000);
  if (left > 0) {
    element.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    element.classList.toggle("text-error", left <= 10);
    return;
  }
  element.textContent = "expired";
  for (const button of element.closest("[data-approval]")?.querySelectorAll("button") ?? []) button.disabled = true;
}
