// The price of a contract while it was held, with its fills. Colours are the page's:
// what rose and fell by the reader's palette, hollow and filled besides.
import { CandlestickSeries, ColorType, LineStyle, createChart, createSeriesMarkers } from "lightweight-charts";

let shown = null; // { chart, host, watch, moved }: a page has one

export function draw(host) {
  const before = shown?.moved ? shown.chart.timeScale().getVisibleLogicalRange() : null;
  shown?.watch.disconnect();
  shown?.chart.remove();

  const marks = JSON.parse(host.dataset.marked);
  const chart = createChart(host, {
    autoSize: true,
    layout: { attributionLogo: false, fontFamily: getComputedStyle(document.body).fontFamily, fontSize: 11 },
    handleScroll: { vertTouchDrag: false },
    timeScale: { timeVisible: true, secondsVisible: false, maxBarSpacing: 28, rightOffsetPixels: 32, ...ticksIn(host.dataset.zone) },
    localization: { priceFormatter: (price) => `$${price.toFixed(2)}`, ...timesIn(host.dataset.zone) },
  });
  const prices = marks.map(({ p }) => Number(p)).concat(host.dataset.average ? Number(host.dataset.average) : []);
  const series = chart.addSeries(CandlestickSeries, { priceLineVisible: false, lastValueVisible: false, autoscaleInfoProvider: (bars) => reaching(bars(), prices) });
  series.setData(JSON.parse(host.dataset.points).map(([time, ...texts]) => {
    const [open, high, low, close] = texts.map(Number);
    return { time, open, high, low, close };
  }));
  const average = host.dataset.average && series.createPriceLine({
    price: Number(host.dataset.average), lineStyle: LineStyle.Dashed, lineWidth: 1, axisLabelVisible: true,
  });
  const markers = createSeriesMarkers(series, []);
  const paint = () => paintAll(chart, series, average, markers, marks);
  paint();
  if (before) chart.timeScale().setVisibleLogicalRange(before);
  else chart.timeScale().fitContent();

  const watch = new MutationObserver(paint);
  watch.observe(document.documentElement, { attributeFilter: ["data-theme", "data-palette", "data-private"] });
  shown = { chart, host, watch, moved: before !== null };
  for (const kind of ["wheel", "pointerdown", "touchstart"]) {
    host.addEventListener(kind, () => { shown.moved = true; }, { passive: true });
  }
}

// A price that was paid is in the picture, even where no bar reaches it.
function reaching(info, prices) {
  if (!info) return info;
  const { minValue, maxValue } = info.priceRange;
  return { ...info, priceRange: { minValue: Math.min(minValue, ...prices), maxValue: Math.max(maxValue, ...prices) } };
}

function paintAll(chart, series, average, markers, marks) {
  const text = colour("--color-base-content");
  const quiet = colour("--color-base-content", 0.7);
  const line = colour("--color-base-300");
  const [up, down] = [colour("--gain"), colour("--loss")];
  chart.applyOptions({
    layout: { background: { type: ColorType.Solid, color: colour("--color-base-100") }, textColor: quiet },
    grid: { vertLines: { color: line }, horzLines: { color: line } },
    rightPriceScale: { borderColor: line },
    timeScale: { borderColor: line },
  });
  series.applyOptions({
    upColor: colour("--color-base-100"), borderUpColor: up, wickUpColor: up,
    downColor: down, borderDownColor: down, wickDownColor: down,
  });
  if (average) average.applyOptions({ color: quiet, axisLabelColor: colour("--color-neutral"), axisLabelTextColor: colour("--color-neutral-content") });
  const hidden = document.documentElement.dataset.private === "on"; // quantities are whose they are
  const [buy, sell] = [colour("--color-primary"), text];
  markers.setMarkers(marks.map(({ t, side, n, p }) => ({
    time: t, price: Number(p), text: hidden || n === 0 ? side : `${side} ${n}`,
    ...(side === "BTO" ? { position: "atPriceBottom", shape: "arrowUp", color: buy } : { position: "atPriceTop", shape: "arrowDown", color: sell }),
  })));
}

const dot = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });

// The library reads rgb only; the page's colours are in any form a browser knows.
function colour(name, alpha = 1) {
  dot.clearRect(0, 0, 1, 1);
  dot.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name);
  dot.fillRect(0, 0, 1, 1);
  const [r, g, b] = dot.getImageData(0, 0, 1, 1).data;
  return `rgba(${r}, ${g}, ${b}, ${alpha})`;
}

// Bars of a day are shown by the reader's clock; days are the exchange's.
function timesIn(timeZone) {
  const format = new Intl.DateTimeFormat("en-GB", { timeZone, day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  return { timeFormatter: (time) => (typeof time === "number" ? format.format(time * 1000) : dayText(time)) };
}

function ticksIn(timeZone) {
  const hour = new Intl.DateTimeFormat("en-GB", { timeZone, hour: "2-digit", minute: "2-digit" });
  const day = new Intl.DateTimeFormat("en-GB", { timeZone, day: "numeric", month: "short" });
  const kinds = 3; // year, month, day; finer ones are times
  return {
    tickMarkFormatter: (time, kind) => {
      if (typeof time !== "number") return dayText(time);
      return (kind < kinds ? day : hour).format(time * 1000);
    },
  };
}

function dayText(time) {
  const date = typeof time === "string" ? new Date(time) : new Date(Date.UTC(time.year, time.month - 1, time.day));
  return new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", day: "numeric", month: "short" }).format(date);
}
