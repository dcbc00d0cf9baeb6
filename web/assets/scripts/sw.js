// The service worker: shows pushes, leads clicks to our own pages, answers approvals.
// It caches nothing: a price or a position from yesterday must never look like today's.

const generic = { title: "Alertsify", body: "Something new. Open to see it.", url: "/notifications" };

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => {
  event.waitUntil(shown(read(event)));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const data = event.notification.data ?? {};
  const decides = (event.action === "approve" || event.action === "reject") && data.decision;
  event.waitUntil(decides ? decide(event.action, data, event.notification) : openPage(data.url));
});

self.addEventListener("pushsubscriptionchange", (event) => {
  event.waitUntil(renew(event.oldSubscription, event.newSubscription));
});

// A push that cannot be read still shows something: browsers withdraw the
// permission of those who receive silently.
function read(event) {
  try {
    const message = event.data.json();
    const note = message.notification;
    if (typeof note?.title !== "string") return generic;
    return { ...note, url: note.data?.url, actions: message.actions };
  } catch {
    return generic;
  }
}

function shown(note) {
  const expired = note.data?.exp && note.data.exp * 1000 <= Date.now();
  return self.registration.showNotification(expired ? `Expired: ${note.title}` : note.title, {
    body: note.body ?? "",
    tag: note.tag,
    renotify: Boolean(note.tag && note.data?.decision),
    silent: note.silent === true,
    timestamp: note.data?.at ? Date.parse(note.data.at) : Date.now(),
    icon: "/assets/icon-192.png",
    badge: "/assets/badge-96.png",
    actions: expired ? [] : (note.actions ?? []),
    data: { ...note.data, url: note.url },
  });
}

function localPath(url) {
  const own = typeof url === "string" && url.startsWith("/") && !url.startsWith("//") && !url.includes("\\");
  return own ? url : "/notifications";
}

async function openPage(url) {
  const path = localPath(url);
  const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  for (const client of windows) {
    if (new URL(client.url).origin !== self.location.origin) continue;
    await client.focus();
    return client.navigate(path).catch(() => self.clients.openWindow(path));
  }
  return self.clients.openWindow(path);
}

// A money action: the server checks session, owner and validity, and the key
// makes a second tap the same request.
async function decide(action, data, notification) {
  const answer = await fetch(`/api/copy-trading/decisions/${encodeURIComponent(data.decision)}/${action}`, {
    method: "POST",
    credentials: "include",
    headers: { "Content-Type": "application/json", "Idempotency-Key": `${action}-${data.decision}` },
    body: "{}",
  }).catch(() => null);
  if (answer?.status === 401) return openPage(data.url);
  return self.registration.showNotification(await outcome(action, answer), {
    body: notification.title,
    tag: notification.tag,
    icon: "/assets/icon-192.png",
    badge: "/assets/badge-96.png",
    data,
  });
}

async function outcome(action, answer) {
  if (!answer) return "No answer. Open to see what became of it.";
  if (answer.ok) return action === "approve" ? "Approved" : "Rejected";
  const problem = await answer.json().catch(() => ({}));
  return problem.error ?? "That did not work. Open to see why.";
}

async function renew(old, fresh) {
  const key = old?.options?.applicationServerKey;
  const subscription = fresh ?? (key && (await self.registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key })));
  if (!subscription) return;
  const send = (method, body) =>
    fetch("/api/push/subscriptions", { method, credentials: "include", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  await send("POST", subscription);
  if (old && old.endpoint !== subscription.endpoint) await send("DELETE", { endpoint: old.endpoint });
}
