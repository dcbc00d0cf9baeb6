// The order ticket's small helps: price and quantity buttons, arrows by legal ticks.

export function startTicket() {
  document.addEventListener("click", (event) => {
    const arrow = event.target.closest("[data-step]");
    const price = arrow?.form?.elements[arrow.dataset.of];
    if (price) step(price, Number(arrow.dataset.step));
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-fill]");
    if (!button) return;
    const field = button.form?.elements[button.dataset.fill];
    if (!field) return;
    event.preventDefault();
    field.value = button.dataset.value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  });
  document.addEventListener("keydown", (event) => {
    const steps = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!steps || !event.target.matches("input[data-tick]")) return;
    event.preventDefault();
    step(event.target, steps);
  });
}

// Prices in hundredths of a cent, so that no sum is ever a float's.
const unit = 10_000;

function step(field, direction) {
  const price = toUnits(field.value);
  if (price === null) return;
  const low = toUnits(field.dataset.tick);
  const high = toUnits(field.dataset.tickHigh) ?? low;
  const line = 3 * unit; // from three dollars on, ticks are coarser
  const tick = price > line || (price === line && direction > 0) ? high : low;
  const whole = direction > 0 ? Math.floor(price / tick) + 1 : Math.ceil(price / tick) - 1;
  field.value = fromUnits(Math.max(tick, whole * tick));
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

// contractsFor is how many whole contracts an amount buys at the ask, never more.
export function contractsFor(amount, ask, multiplier) {
  const one = (toUnits(ask) ?? 0) * Number(multiplier);
  return one > 0 ? Math.floor((toUnits(amount) ?? 0) / one) : 0;
}

// costOf is what they cost, as pages write it; nothing for none.
export function costOf(quantity, ask, multiplier) {
  if (quantity === 0) return "";
  const cents = Math.round((quantity * (toUnits(ask) ?? 0) * Number(multiplier)) / (unit / 100));
  return `$${Math.floor(cents / 100).toLocaleString("en-US")}.${String(cents % 100).padStart(2, "0")}`;
}

// middleOf is halfway between bid and ask, on a legal price not below it, as the
// server reckons it; null where one of them is missing.
export function middleOf(bid, ask, field) {
  const [low, high] = [toUnits(bid), toUnits(ask)];
  if (low === null || high === null) return null;
  const middle = (low + high) / 2;
  const tick = toUnits(middle < 3 * unit ? field?.dataset.tick : field?.dataset.tickHigh) ?? unit / 100;
  return fromUnits(Math.ceil(middle / tick) * tick);
}

function toUnits(text) {
  const match = /^(\d{1,7})(?:\.(\d{1,4}))?$/.exec((text ?? "").trim());
  if (!match) return null;
  return Number(match[1]) * unit + Number((match[2] ?? "").padEnd(4, "0"));
}

function fromUnits(units) {
  const cents = String(units % unit).padStart(4, "0").replace(/00$/, "");
  return `${Math.floor(units / unit)}.${cents}`;
}
