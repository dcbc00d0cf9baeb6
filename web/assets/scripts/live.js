// One event stream for each tab. An event says what changed; the fragments that
// show it fetch themselves again (hx-trigger="live-order from:body …") and morph.
// It also carries the quotes of the contracts that the page shows.
import { shownSymbols, takeQuote } from "./quotes.js";

const kinds = ["order", "position", "notification", "unread", "decision", "halt"];
const pricesEvery = 5000; // ms
const longestPause = 30_000; // between two tries, ms
const patience = 30_000; // how long quotes go on to a page nobody looks at, ms

let address = ""; // begins where the page was read, later where the last event was
let source = null;
let failures = 0;
let followed = new Set(); // contracts whose quotes the stream brings
let leaving = 0; // timer of a page nobody looks at

export function startLive(from) {
  address = from;
  open();
  window.addEventListener("online", reopen);
  // A page that comes back from the browser's cache goes on where it was.
  window.addEventListener("pageshow", (event) => event.persisted && reopen());
  // Prices move without an event; what shows them asks again while somebody looks.
  setInterval(() => document.hidden || announce("prices", null), pricesEvery);
  document.body.addEventListener("htmx:after:swap", followShown);
  document.addEventListener("visibilitychange", () => {
    clearTimeout(leaving);
    if (document.hidden) leaving = setTimeout(() => followed.size > 0 && reopen(), patience);
    else followShown();
  });
}

// followShown opens the stream anew when the page shows a contract it does not bring.
function followShown() {
  if (!document.hidden && shownSymbols().some((symbol) => !followed.has(symbol))) reopen();
}

function open() {
  followed = new Set(document.hidden ? [] : shownSymbols());
  const url = new URL(address, location.href);
  if (followed.size > 0) url.searchParams.set("symbols", [...followed].join(","));
  source = new EventSource(url);
  source.addEventListener("quote", (event) => takeQuote(event.data));
  source.addEventListener("open", () => {
    failures = 0;
    show("on");
  });
  source.addEventListener("resync", (event) => {
    remember(event);
    for (const kind of kinds) announce(kind, null);
  });
  for (const kind of kinds) {
    source.addEventListener(kind, (event) => {
      remember(event);
      announce(kind, parse(event.data));
    });
  }
  source.addEventListener("error", () => {
    show("off");
    // After a broken connection the browser itself tries again, from the last id it
    // saw. After a refusal it gives up, and then we try, more and more slowly.
    if (source.readyState !== EventSource.CLOSED) return;
    failures++;
    setTimeout(reopen, Math.min(longestPause, 1000 * 2 ** failures));
  });
}

function reopen() {
  source?.close();
  open();
}

function remember(event) {
  if (event.lastEventId) address = `/api/events?lastEventId=${encodeURIComponent(event.lastEventId)}`;
}

// A page that is being left by a form asks for nothing more: the answer to its pieces, such
// as a refusal once one has signed out, would take the place of where the form leads.
function announce(kind, data) {
  if (document.querySelector("form[data-sent]:not([hx-post])")) return;
  document.body.dispatchEvent(new CustomEvent(`live-${kind}`, { detail: data }));
}

// The envelope is {"id","at","data"}; what cannot be read still says that something changed.
function parse(text) {
  try {
    return JSON.parse(text).data ?? null;
  } catch {
    return null;
  }
}

function show(state) {
  for (const pill of document.querySelectorAll("[data-live]")) pill.dataset.live = state;
}
