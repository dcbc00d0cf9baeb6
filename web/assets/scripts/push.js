// Notifications on this device: asks only after a tap, and keeps the server's copy fresh.

const patience = 10_000; // ms; subscribe() never answers where there is no push service

export function startPush() {
  const worker = navigator.serviceWorker?.register("/sw.js").catch(() => null);
  const panel = document.querySelector("[data-push]");
  document.addEventListener("htmx:after:request", signedOut);
  if (worker) worker.then((registration) => registration && resend(registration));
  if (!panel) return;
  show(panel, supported() ? Notification.permission : missing());
  panel.querySelector("[data-push-enable]")?.addEventListener("click", () => enable(panel, worker));
  panel.querySelector("[data-push-disable]")?.addEventListener("click", () => disable(panel, worker));
  worker?.then(async (registration) => {
    if (await registration?.pushManager?.getSubscription()) show(panel, "on");
  });
}

// The worker forgets what it keeps of somebody who is not signed in any more.
function signedOut(event) {
  if (event.detail?.ctx?.response?.status === 401) navigator.serviceWorker?.controller?.postMessage("signed-out");
}

function supported() {
  return "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;
}

// On iPhones and iPads push exists only in an app added to the Home Screen.
function missing() {
  const apple = /iPhone|iPad|iPod/.test(navigator.userAgent) || (navigator.platform === "MacIntel" && navigator.maxTouchPoints > 1);
  return apple && !navigator.standalone ? "home-screen" : "unsupported";
}

// The panel holds one paragraph for each state; CSS needs no part in it.
function show(panel, state) {
  for (const part of panel.querySelectorAll("[data-when]")) {
    part.hidden = !part.dataset.when.split(" ").includes(state);
  }
}

async function enable(panel, worker) {
  const permission = await Notification.requestPermission();
  if (permission !== "granted") return show(panel, permission);
  show(panel, "working");
  try {
    const registration = await within(patience, worker.then(() => navigator.serviceWorker.ready));
    await send(await within(patience, subscribe(registration)));
    show(panel, "on");
  } catch {
    show(panel, "failed");
  }
}

async function subscribe(registration) {
  const key = await serverKey();
  const old = await registration.pushManager.getSubscription();
  if (old && sameKey(old, key)) return old;
  if (old) await old.unsubscribe(); // made with a key the server no longer uses
  return registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
}

async function serverKey() {
  const answer = await fetch("/api/push/key");
  if (!answer.ok) throw new Error(`push key: ${answer.status}`);
  const { data } = await answer.json();
  const text = data.key.replaceAll("-", "+").replaceAll("_", "/");
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

function sameKey(subscription, key) {
  const used = new Uint8Array(subscription.options.applicationServerKey ?? new ArrayBuffer(0));
  return used.length === key.length && used.every((byte, i) => byte === key[i]);
}

async function send(subscription) {
  const answer = await fetch("/api/push/subscriptions", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(subscription),
  });
  if (!answer.ok) throw new Error(`push subscription: ${answer.status}`);
}

// Browsers renew endpoints silently, so every start tells the server again.
async function resend(registration) {
  const subscription = await registration.pushManager?.getSubscription();
  if (subscription) await send(subscription).catch(() => {});
}

async function disable(panel, worker) {
  const subscription = await (await worker)?.pushManager.getSubscription();
  if (subscription) {
    await fetch("/api/push/subscriptions", {
      method: "DELETE",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ endpoint: subscription.endpoint }),
    });
    await subscription.unsubscribe();
  }
  show(panel, "default");
}

function within(ms, promise) {
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error("no answer in time")), ms));
  return Promise.race([promise, late]);
}
