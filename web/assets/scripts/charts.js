// Charts: what draws them is fetched by the pages that show one only.

export function startCharts() {
  drawNew();
  document.body.addEventListener("htmx:after:swap", drawNew);
}

function drawNew() {
  for (const host of document.querySelectorAll("[data-chart]:not([data-drawn])")) {
    host.dataset.drawn = "";
    drawOne(host);
  }
}

// Behind the chart stands what is shown in its place: a picture, or a word that there is none.
async function drawOne(host) {
  const instead = host.nextElementSibling;
  try {
    const { draw } = await import(host.dataset.chart);
    if (!host.isConnected) return;
    host.hidden = false;
    instead.hidden = true;
    draw(host);
  } catch {
    host.hidden = true;
    instead.hidden = false;
  }
}
