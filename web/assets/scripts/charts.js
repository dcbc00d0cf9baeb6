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

async function drawOne(host) {
  try {
    const { draw } = await import(host.dataset.chart);
    if (host.isConnected) draw(host);
  } catch {
    host.hidden = true;
    host.nextElementSibling.hidden = false; // says so
  }
}
