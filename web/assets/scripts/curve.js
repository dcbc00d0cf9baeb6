// The running sum of what was realised, by trading day, and below it how far it lay under
// its peak. What is above nothing and what is below has the reader's colours, and its side
// of the line besides.
import { AreaSeries, BaselineSeries, LineType } from "lightweight-charts";
import { colour, dayText, frame } from "./frame.js";
import { hides } from "./theme.js";

const thin = 0.18, thick = 0.32; // how much of a colour fills an area

export function drawCurve(host) {
  frame(host, {
    handleScale: { mouseWheel: true, pinch: true },
    timeScale: { minBarSpacing: 0.1, tickMarkFormatter: tick },
    localization: { priceFormatter: dollars, timeFormatter: (day) => `${dayText(day)} ${year(day)}` },
  }, (chart) => fill(chart, JSON.parse(host.dataset.points)));
}

function fill(chart, points) {
  const plain = { priceLineVisible: false, lastValueVisible: false, lineType: LineType.Simple, lineWidth: 2 };
  const sum = chart.addSeries(BaselineSeries, { ...plain, baseValue: { type: "price", price: 0 } });
  sum.setData(points.map(([time, value]) => ({ time, value: Number(value) })));
  const fall = chart.addSeries(AreaSeries, { ...plain, lineWidth: 1, invertFilledArea: true }, 1);
  fall.setData(points.map(([time, , below]) => ({ time, value: -Number(below) })));
  const [above, beneath] = chart.panes();
  above.setStretchFactor(4);
  beneath.setStretchFactor(1);
  return () => paint(chart, sum, fall);
}

function paint(chart, sum, fall) {
  chart.applyOptions({ localization: { priceFormatter: dollars } }); // the axis is written anew
  sum.applyOptions({
    topLineColor: colour("--gain"), topFillColor1: colour("--gain", thick), topFillColor2: colour("--gain", thin),
    bottomLineColor: colour("--loss"), bottomFillColor1: colour("--loss", thin), bottomFillColor2: colour("--loss", thick),
  });
  fall.applyOptions({ lineColor: colour("--loss"), topColor: colour("--loss", thick), bottomColor: colour("--loss", thick) });
}

const year = (day) => (typeof day === "string" ? day.slice(0, 4) : String(day.year));

const newYear = 0; // the library's word for the kind of a mark
const tick = (day, kind) => (kind === newYear ? year(day) : dayText(day));

// dollars is an amount as the pages write it, or dots for who has hidden theirs.
function dollars(amount) {
  if (hides()) return "•••";
  const text = Math.abs(amount).toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  if (text === "0.00") return "$0.00";
  return `${amount < 0 ? "−" : "+"}$${text}`;
}
