// One event stream for each tab. An event says what changed; the fragments that
// show it fetch themselves again (hx-trigger="live-order from:body …") and morph.

const kinds = ["order", "position", "notification", "unread", "decision", "halt"];
const quietest = 30_000; // longest pause between two tries, ms

let source = null;
let failures = 0;

export function startLive() {
  open();
  // A page that comes back from the browser's cache has missed events.
  window.addEventListener("pageshow", (event) => event.persisted && reopen());
  window.addEventListener("online", reopen);
}

function open() {
  source = new EventSource("/api/events");
  source.addEventListener("open", () => {
    if (failures > 0) announceAll();
    failures = 0;
    show("on");
  });
  source.addEventListener("resync", announceAll);
  for (const kind of kinds) {
    source.addEventListener(kind, (event) => announce(kind, parse(event.data)));
  }
  source.addEventListener("error", () => {
    show("off");
    failures++;
    // The browser itself repeats after a broken connection, with the last id it
    // saw; after a refusal it gives up, and then we try again more and more slowly.
    if (source.readyState !== EventSource.CLOSED) return;
    setTimeout(reopen, Math.min(quietest, 2000 * 2 ** Math.min(failures, 4)));
  });
}

function reopen() {
  source?.close();
  failures++; // whatever happened meanwhile was missed: fetch everything on opening
  open();
}

function announce(kind, data) {
  document.body.dispatchEvent(new CustomEvent(`live-${kind}`, { detail: data }));
}

function announceAll() {
  for (const kind of kinds) announce(kind, null);
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
