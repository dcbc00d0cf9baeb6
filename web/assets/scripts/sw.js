// The service worker: shows pushes, leads clicks to our own pages, answers approvals.
// Every page comes from the server. Only where none answers, the dashboard is shown as it was,
// under its time and with everything switched off, so that yesterday never looks like today.
// It is the one page that is kept; it goes when one signs in or out here, hides amounts, or
// comes to a page of somebody who is not signed in, or is answered that one is to sign in; and
// it is shown for half a day at most.

const kept = "last-seen";
const page = "/dashboard";
const watcher = "/assets/offline.js"; // comes back when there is a connection again
const shownFor = 12 * 60 * 60 * 1000; // ms

let epoch = 0; // of what is kept: whoever forgets begins a new one

const generic = { title: "Alertsify", body: "Something new. Open to see it.", url: "/notifications" };

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (origin !== self.location.origin || pathname.startsWith("/api/")) return;
  if (request.method === "POST" && (pathname.startsWith("/auth/") || pathname === "/settings/private")) return event.waitUntil(forget());
  if (request.method !== "GET") return;
  if (request.mode === "navigate") event.respondWith(visit(event));
  else if (pathname.startsWith("/assets/")) event.respondWith(fetch(request).catch(() => keptFile(request)));
});

// A page that was answered "sign in" says so.
self.addEventListener("message", (event) => event.data === "signed-out" && event.waitUntil(forget()));

// The server's answer whatever it is; a redirect is the browser's to follow.
async function visit(event) {
  const began = epoch; // before the server is asked: they may sign out while it answers
  const answer = await fetch(event.request).catch(() => null);
  if (!answer) return lastSeen();
  const { pathname, search } = new URL(event.request.url);
  if (pathname === page && (answer.type === "opaqueredirect" || answer.status === 401)) event.waitUntil(forget()); // to sign in
  if (!answer.ok || answer.redirected) return answer;
  if (pathname === "/" || pathname.startsWith("/login")) event.waitUntil(forget());
  if (pathname === page && !search) event.waitUntil(keep(answer.clone(), began).catch(() => {})); // where there is no room, nothing is kept
  return answer;
}

async function keptFile(request) {
  const cache = await caches.open(kept);
  return (await cache.match(request)) ?? Response.error();
}

// keep stores the page, when it was, and what it is drawn with. The one before goes first: it
// may have been somebody else's.
async function keep(answer, began) {
  const cache = await caches.open(kept);
  await cache.delete(page);
  const html = await answer.text();
  const files = new Set([...html.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)].map((found) => found[1]).concat(watcher));
  await Promise.allSettled([...files].map((file) => cache.add(file)));
  for (const request of await cache.keys()) {
    if (!files.has(new URL(request.url).pathname)) await cache.delete(request); // such as the styles of last month
  }
  if (began === epoch) await cache.put(page, remade(answer, html, new Date().toISOString())); // else they signed out meanwhile
  if (began !== epoch) await cache.delete(page);
}

async function forget() {
  epoch++;
  await (await caches.open(kept)).delete(page);
}

// remade is a page with another text; its policy and its other headers stay.
function remade(answer, html, at) {
  const headers = new Headers(answer.headers);
  for (const name of ["Content-Encoding", "Content-Length"]) headers.delete(name);
  headers.set("X-Kept-At", at);
  return new Response(html, { headers });
}

// lastSeen is the page without its scripts, so that nothing on it moves under its time.
async function lastSeen() {
  const cache = await caches.open(kept);
  const found = await cache.match(page);
  const at = found?.headers.get("X-Kept-At");
  if (!at || !(Math.abs(Date.now() - Date.parse(at)) < shownFor)) {
    await cache.delete(page);
    return Response.error();
  }
  const html = (await found.text())
    .replace(/<script[^>]*><\/script>/g, "")
    .replace("</head>", () => `<script type="module" src="${watcher}"></script></head>`)
    .replace(/<body[^>]*>/, (tag) => `${tag}${banner(new Date(at))}<fieldset disabled class="contents">`)
    .replace("</body>", "</fieldset></body>");
  return remade(found, html, at);
}

// The text is ours; the time is a number's.
function banner(at) {
  const time = at.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  return (
    `<div role="status" data-offline data-testid="offline" class="sticky top-0 z-50 bg-warning px-3 py-2 text-sm font-semibold text-warning-content">` +
    `No connection. This is how it was on <time datetime="${at.toISOString()}">${time}</time>. Nothing can be sent from here, STOP neither; ` +
    `your broker's own app can. <a class="link" href="${page}">Try again</a></div>`
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
