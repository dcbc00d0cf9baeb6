// Shows new notifications in the polite live region of the shell.
import { discreet } from "./theme.js";

const stays = 8000; // ms

export function startToasts() {
  const region = document.getElementById("toasts");
  const template = document.getElementById("toast-template");
  if (!region || !template) return;
  document.body.addEventListener("live-notification", (event) => {
    const notice = event.detail;
    if (!notice?.title) return;
    const toast = template.content.cloneNode(true).firstElementChild;
    toast.querySelector("[data-title]").textContent = discreet(notice.title);
    toast.querySelector("[data-body]").textContent = discreet(notice.body ?? "");
    toast.querySelector("a").href = localPath(notice.url);
    region.append(toast);
    setTimeout(() => toast.remove(), stays);
  });
  region.addEventListener("click", (event) => {
    if (event.target.closest("[data-dismiss]")) event.target.closest("[data-toast]").remove();
  });
}

// Only paths of our own: never what an event brings along as a full address.
function localPath(url) {
  const own = typeof url === "string" && url.startsWith("/") && !url.startsWith("//") && !url.includes("\\");
  return own ? url : "/notifications";
}
