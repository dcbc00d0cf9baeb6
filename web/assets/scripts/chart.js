// What draws charts, fetched by the pages that show one only.
import { drawCurve } from "./curve.js";
import { drawPrices } from "./prices.js";

export const draw = (host) => (host.dataset.kind === "curve" ? drawCurve : drawPrices)(host);
