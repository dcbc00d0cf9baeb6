// Confetti for a position that was closed with a profit. Its code is only fetched
// when there is something to celebrate; the server says yes to one page only.

export function startCelebrations() {
  const script = document.body.dataset.celebrate;
  if (!script) return;
  document.body.addEventListener("live-position", async (event) => {
    const position = event.detail;
    if (document.hidden || position?.status !== "closed" || position.realizedPnl.startsWith("-")) return;
    const answer = await fetch(`/positions/${position.id}/celebrate`, { method: "POST" });
    if (answer.status !== 200) return;
    const { celebrate } = await import(script);
    celebrate();
  });
}
