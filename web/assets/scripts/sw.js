// The service worker: shows pushes, leads clicks to our own pages, answers approvals.
// Every page comes from the server. Without a connection the dashboard is shown as it was,
// under its time and with everything switched off, so that yesterday never looks like
// today. What was kept goes when one signs in or out here, hides amounts, or comes to a page
// that asks to sign in; it is shown for half a day at most.

const generic = { title: "Alertsify", body: "Something new. Open to see it.", url: "/notifications" };

const kept = "last-seen";
const empty = "/offline";
const watcher = "/assets/offline.js"; // comes back when there is a connection again
const shownFor = 12 * 60 * 60 * 1000; // ms

let epoch = 0; // of what is kept: whoever forgets begins a new one

self.addEventListener("install", (event) => {
  self.skipWaiting();
  // Nobody's page: without cookies. Pushes must work where it could not be kept.
  event.waitUntil(
    fetch(empty, { credentials: "omit" })
      .then((page) => keep(empty, page))
      .catch(() => {}),
  );
});
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (origin !== self.location.origin) return;
  if (request.mode === "navigate" && request.method === "GET") event.respondWith(visit(event));
  else if (pathname.startsWith("/assets/")) event.respondWith(fetch(request).catch(() => kepts(request)));
  else if (request.method === "POST" && (pathname.startsWith("/auth/") || pathname === "/settings/private")) event.waitUntil(forget());
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

async function kepts(request) {
  const cache = await caches.open(kept);
  return (await cache.match(request)) ?? Response.error();
}

// keep stores a page, when it was, and what it needs to be drawn. The page before goes
// first: it may have been somebody else's.
async function keep(path, page) {
  if (!page.ok) return;
  const began = epoch;
  const cache = await caches.open(kept);
  await cache.delete(path);
  const html = await page.text();
  await Promise.allSettled([...filesOf(html), watcher].map((file) => cache.add(file)));
  if (began !== epoch) return; // they have signed out meanwhile
  await cache.put(path, remade(page, html, { "X-Kept-At": new Date().toISOString() }));
  await tidy(cache);
}

function filesOf(html) {
  return new Set([...html.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)].map((found) => found[1]));
}

// tidy takes away what no kept page needs, such as the styles of last month.
async function tidy(cache) {
  const needed = new Set([watcher]);
  for (const path of [empty, "/dashboard"]) {
    const page = await cache.match(path);
    if (page) for (const file of filesOf(await page.text())) needed.add(file);
  }
  for (const request of await cache.keys()) {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith("/assets/") && !needed.has(pathname)) await cache.delete(request);
  }
}

async function forget() {
  epoch++;
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

// lastSeen is the dashboard without its scripts, so that nothing on it moves under its time.
async function lastSeen() {
  const cache = await caches.open(kept);
  const page = await cache.match("/dashboard");
  const at = new Date(page?.headers.get("X-Kept-At") ?? 0);
  if (!page || Date.now() - at > shownFor) {
    await cache.delete("/dashboard");
    return (await cache.match(empty)) ?? Response.error();
  }
  const html = await page.text();
  return remade(
    page,
    html
      .replace(/<script[^>]*><\/script>/g, "")
      .replace("</head>", `<script type="module" src="${watcher}"></script></head>`)
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
