// Shows a chosen theme before it is saved, and hides amounts at one tap.

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
    const on = document.documentElement.dataset.private !== "on";
    document.documentElement.dataset.private = on ? "on" : "off";
    const button = event.target.querySelector("button");
    button.setAttribute("aria-pressed", String(on));
    // The server's answer only sets the cookie that remembers it.
    fetch(event.target.action, { method: "POST", body: new URLSearchParams({ private: on ? "on" : "off" }), redirect: "manual" });
  });
}
