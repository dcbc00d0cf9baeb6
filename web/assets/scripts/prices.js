// The price of a contract while it was held, with its fills. Colours are the page's:
// what rose and fell by the reader's palette, hollow and filled besides.
import { CandlestickSeries, LineStyle, createSeriesMarkers } from "lightweight-charts";
import { colour, dayText, frame } from "./frame.js";
import { hides } from "./theme.js";

export function drawPrices(host) {
  const zone = host.dataset.zone;
  frame(host, {
    timeScale: { timeVisible: true, secondsVisible: false, maxBarSpacing: 28, rightOffsetPixels: 32, ...ticksIn(zone) },
    localization: { priceFormatter: (price) => `$${price.toFixed(2)}`, ...timesIn(zone) },
  }, (chart) => fill(chart, host));
}

function fill(chart, host) {
  const marks = JSON.parse(host.dataset.marked);
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
  return () => paint(series, average, markers, marks);
}

// A price that was paid is in the picture, even where no bar reaches it.
function reaching(info, prices) {
  if (!info) return info;
  const { minValue, maxValue } = info.priceRange;
  return { ...info, priceRange: { minValue: Math.min(minValue, ...prices), maxValue: Math.max(maxValue, ...prices) } };
}

function paint(series, average, markers, marks) {
  const [up, down, quiet] = [colour("--gain"), colour("--loss"), colour("--color-base-content", 0.7)];
  series.applyOptions({
    upColor: colour("--color-base-100"), borderUpColor: up, wickUpColor: up,
    downColor: down, borderDownColor: down, wickDownColor: down,
  });
  if (average) average.applyOptions({ color: quiet, axisLabelColor: colour("--color-neutral"), axisLabelTextColor: colour("--color-neutral-content") });
  const unsaid = hides(); // quantities are whose they are
  const [buy, sell] = [colour("--color-primary"), colour("--color-base-content")];
  markers.setMarkers(marks.map(({ t, side, n, p }) => ({
    time: t, price: Number(p), text: unsaid || !n ? side : `${side} ${n}`,
    ...(side === "BTO" ? { position: "atPriceBottom", shape: "arrowUp", color: buy } : { position: "atPriceTop", shape: "arrowDown", color: sell }),
  })));
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
