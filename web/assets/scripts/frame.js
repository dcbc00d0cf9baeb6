// What the charts share: their frame in the page's colours, and that a page has one,
// which is drawn anew where it stood when its part of the page comes again.
import { ColorType, createChart } from "lightweight-charts";

let shown = null; // { chart, watch, moved }

// frame makes the page's chart. fill puts the series into it and gives what paints them;
// it is painted again whenever the reader's colours change, or amounts are hidden.
export function frame(host, options, fill) {
  const before = shown?.moved ? shown.chart.timeScale().getVisibleLogicalRange() : null;
  shown?.watch.disconnect();
  shown?.chart.remove();

  const chart = createChart(host, {
    autoSize: true,
    handleScroll: { vertTouchDrag: false },
    ...options,
    layout: { attributionLogo: false, fontFamily: getComputedStyle(document.body).fontFamily, fontSize: 11 },
  });
  const paintSeries = fill(chart);
  const paint = () => {
    paintFrame(chart);
    paintSeries();
  };
  paint();
  if (before) chart.timeScale().setVisibleLogicalRange(before);
  else chart.timeScale().fitContent();

  const watch = new MutationObserver(paint);
  watch.observe(document.documentElement, { attributeFilter: ["data-theme", "data-palette", "data-private"] });
  shown = { chart, watch, moved: before !== null };
  for (const kind of ["wheel", "pointerdown", "touchstart"]) {
    host.addEventListener(kind, () => { shown.moved = true; }, { passive: true });
  }
}

function paintFrame(chart) {
  const line = colour("--color-base-300");
  chart.applyOptions({
    layout: {
      background: { type: ColorType.Solid, color: colour("--color-base-100") }, textColor: colour("--color-base-content", 0.7),
      panes: { separatorColor: line, separatorHoverColor: line },
    },
    grid: { vertLines: { color: line }, horzLines: { color: line } },
    rightPriceScale: { borderColor: line },
    timeScale: { borderColor: line },
  });
}

const dot = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });

// The library reads rgb only; the page's colours are in any form a browser knows.
export function colour(name, alpha = 1) {
  dot.clearRect(0, 0, 1, 1);
  dot.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name);
  dot.fillRect(0, 0, 1, 1);
  const [r, g, b] = dot.getImageData(0, 0, 1, 1).data;
  return `rgba(${r}, ${g}, ${b}, ${alpha})`;
}

export function dayText(time) {
  const date = typeof time === "string" ? new Date(time) : new Date(Date.UTC(time.year, time.month - 1, time.day));
  return new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", day: "numeric", month: "short" }).format(date);
}
