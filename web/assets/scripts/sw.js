// The service worker: shows pushes, leads clicks to our own pages, answers approvals.
// Every page comes from the server. Without a connection the dashboard is shown as it was,
// under its time and with everything switched off, so that yesterday never looks like
// today; what was kept goes with the session.

const generic = { title: "Alertsify", body: "Something new. Open to see it.", url: "/notifications" };

const kept = "last-seen";
const empty = "/offline";

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(fetch(empty).then((page) => keep(empty, page)));
});
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (origin !== self.location.origin) return;
  if (request.mode === "navigate" && request.method === "GET") event.respondWith(visit(event));
  else if (pathname.startsWith("/assets/")) event.respondWith(fetch(request).catch(() => caches.match(request)));
  else if (request.method === "POST" && pathname.startsWith("/auth/")) event.waitUntil(forget());
});

async function visit(event) {
  const answer = await fetch(event.request).catch(() => null);
  if (!answer) return lastSeen();
  const { pathname, search } = new URL(answer.url || event.request.url);
  // Whoever has to sign in is nobody here any more.
  if (answer.ok && (pathname === "/" || pathname.startsWith("/login"))) event.waitUntil(forget());
  if (answer.ok && pathname === "/dashboard" && !search) event.waitUntil(keep(pathname, answer.clone()));
  return answer;
}

// keep stores a page, when it was, and what it needs to be drawn.
async function keep(path, page) {
  if (!page.ok) return;
  const cache = await caches.open(kept);
  const html = await page.text();
  const files = [...html.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)].map((found) => found[1]);
  await cache.addAll([...new Set(files)]);
  await cache.put(path, remade(page, html, { "X-Kept-At": new Date().toISOString() }));
}

async function forget() {
  const cache = await caches.open(kept);
  await cache.delete("/dashboard");
}

// remade is a page with another text; its policy and its other headers stay.
function remade(page, html, more = {}) {
  const headers = new Headers(page.headers);
  for (const name of ["Content-Encoding", "Content-Length"]) headers.delete(name);
  for (const [name, value] of Object.entries(more)) headers.set(name, value);
  return new Response(html, { status: page.status, headers });
}

async function lastSeen() {
  const cache = await caches.open(kept);
  const page = await cache.match("/dashboard");
  if (!page) return (await cache.match(empty)) ?? Response.error();
  const at = new Date(page.headers.get("X-Kept-At"));
  const html = await page.text();
  return remade(
    page,
    html
      .replace(/(name="server-time" content=")\d+/, `$1${Date.now()}`) // so that every age on it goes on
      .replace(/<body[^>]*>/, (tag) => `${tag}${banner(at)}<fieldset disabled class="contents">`)
      .replace("</body>", "</fieldset></body>"),
  );
}

// The text is ours; the time is a number's.
function banner(at) {
  const time = at.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  return (
    `<div role="status" data-offline data-testid="offline" class="sticky top-0 z-50 bg-warning px-3 py-2 text-sm font-semibold text-warning-content">` +
    `No connection. This is how it was on <time datetime="${at.toISOString()}">${time}</time>. Nothing can be sent from here, STOP neither; ` +
    `your broker's own app can. <a class="link" href="/dashboard">Try again</a></div>`
  );
}

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
