// A page that was kept for the time without a connection goes away when there is one.

export function startOffline() {
  if (!document.querySelector("[data-offline]")) return;
  window.addEventListener("online", () => location.reload());
}
