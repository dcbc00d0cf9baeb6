// The only script of a page that is shown without a connection: it asks whether there is one
// again, and then shows the page as it is now.

const every = 4000; // ms

setInterval(async () => {
  const answer = await fetch("/api/health", { cache: "no-store" }).catch(() => null);
  if (answer?.ok) location.reload();
}, every);
