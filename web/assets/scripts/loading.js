// A list that is asked for in another order, or for its next page, shows that its rows are
// on their way until the page comes.

export function startLoading() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-loads]");
    const elsewhere = event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
    if (link && !elsewhere && !event.defaultPrevented) show(link);
  });
  document.addEventListener("submit", (event) => event.target.matches("form[data-loads]") && show(event.target));
  // A page that comes back from the browser's cache has its rows.
  window.addEventListener("pageshow", () => {
    for (const list of document.querySelectorAll("[data-loading]")) delete list.dataset.loading;
  });
}

function show(asked) {
  const list = asked.closest(".panel")?.querySelector(".scroller");
  if (list) list.dataset.loading = "";
}
