// Prices that change while one looks: the page's stream brings the quotes of the
// contracts it shows, and what shows them says so by data-quote.
import { serverNow } from "./ages.js";
import { discreet } from "./theme.js";
import { contractsFor, costOf, middleOf } from "./ticket.js";

const most = 100; // contracts one page may follow

const latest = new Map(); // of each contract, what came last
const changed = new Set(); // not drawn yet

export function startQuotes() {
  // A fragment that was read again may be older than what came meanwhile.
  document.body.addEventListener("htmx:after:swap", () => draw(latest.keys()));
}

// shownSymbols are the contracts whose quotes the page shows.
export function shownSymbols() {
  const symbols = new Set();
  for (const element of document.querySelectorAll("[data-quote]")) {
    if (element.dataset.quote && symbols.size < most) symbols.add(element.dataset.quote);
  }
  return [...symbols];
}

// takeQuote keeps {"at","data":{symbol,bid,ask,last,at}} until the next frame. Both
// times are the market's; their difference is the quote's age on any clock.
export function takeQuote(text) {
  const { at, data } = JSON.parse(text);
  latest.set(data.symbol, { ...data, madeAt: serverNow() - (Date.parse(at) - Date.parse(data.at)) });
  if (changed.size === 0) requestAnimationFrame(drawChanged);
  changed.add(data.symbol);
}

function drawChanged() {
  draw(changed);
  changed.clear();
}

function draw(symbols) {
  for (const symbol of symbols) {
    const quote = latest.get(symbol);
    for (const element of document.querySelectorAll(`[data-quote="${symbol}"]`)) drawOne(element, quote);
  }
}

function drawOne(element, quote) {
  const number = element.matches("[data-field]") ? element : element.querySelector("[data-field]");
  const price = priceFor(element, number?.dataset.field, quote);
  if (price === undefined) return;
  setText(number, price ?? "—");
  if (element.href) fillLink(element, quote, price);
  else if (element.dataset.fill) fillButton(element, quote, price);
  const newest = element.closest("[data-quotes]")?.querySelector("[data-newest] time");
  if (newest && quote.madeAt > Date.parse(newest.dateTime)) newest.dateTime = new Date(quote.madeAt).toISOString();
}

// The middle is nobody's price: it is made of bid and ask, on the ticket's tick.
function priceFor(element, field, quote) {
  if (field !== "mid") return quote[field];
  return middleOf(quote.bid, quote.ask, element.form?.elements.limitPrice);
}

// A button of the ticket fills in what the market says now: a price, or how many
// contracts its amount buys at the ask.
function fillButton(button, quote, price) {
  if (!button.dataset.amount) {
    button.dataset.value = price ?? "";
    button.disabled = price === null;
    return;
  }
  const quantity = contractsFor(button.dataset.amount, quote.ask, button.dataset.multiplier);
  button.dataset.value = quantity;
  button.disabled = quantity === 0;
  button.title = `${quantity} ${quantity === 1 ? "contract" : "contracts"} for ${discreet(costOf(quantity, quote.ask, button.dataset.multiplier) || "$0.00")}`;
  setText(button.querySelector("[data-quantity]"), `${quantity}×`);
}

// The ticket behind a price gets this price, and what the chosen amount buys at the ask.
function fillLink(link, quote, price) {
  const url = new URL(link.href);
  if (price === null) url.searchParams.delete("limitPrice");
  else url.searchParams.set("limitPrice", price);
  if (link.dataset.amount) {
    const quantity = contractsFor(link.dataset.amount, quote.ask, link.dataset.multiplier);
    url.searchParams.set("quantity", quantity);
    setText(link.querySelector("[data-quantity]"), `${quantity}×`);
    setText(link.querySelector("[data-cost]"), discreet(costOf(quantity, quote.ask, link.dataset.multiplier)));
  }
  link.href = url.pathname + url.search + url.hash;
}

function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}
