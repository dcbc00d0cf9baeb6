package main

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/serviceworker"
	"github.com/chromedp/chromedp"
)

// A push that asks cara, as the push service would hand it to her browser, is shown by
// the service worker with its two buttons; a tap on Approve approves, a second changes
// nothing.
func pushIsAnswered(t *testing.T, b *browser, w window) {
	s := open(t)
	s.settings("cara", `{"settings":{"maxDelaySeconds":900}}`) // a push that comes late says that it is too late
	s.mode("immediate")
	s.quote(apple, "3.45", "3.50")
	cara := b.visitor(t, s.url, w)
	cara.signIn("cara")
	cara.maySee("notifications")
	cara.wait("have a worker", `navigator.serviceWorker.ready.then(() => true)`)
	s.takesPushes("cara")

	s.place("ava", "BTO 4 AAPL 200C "+expiry+" @ 3.50")
	asked := s.pushWith("actions")
	shown := cara.receives(asked)
	if !strings.Contains(shown, `"approve:Approve","reject:Reject"`) || !strings.Contains(shown, "AAPL") {
		t.Errorf("the browser shows %s", shown)
	}
	worker := cara.worker()
	for range 2 {
		if said := worker.taps("approve"); said != "Approved" {
			t.Errorf("after the tap it says %q", said)
		}
	}
	s.eventually("the copy is made", func() bool { return len(s.book("cara")) > 0 })
	if book := s.book("cara"); len(book) != 1 || book[0].Quantity != "4" {
		t.Errorf("cara's book: %+v", book)
	}
}

// takesPushes subscribes a person with a browser of the sandbox's, whose push service
// decrypts for us what it would hand to a real one.
func (s *show) takesPushes(person string) {
	s.t.Helper()
	var key struct{ Key string }
	s.do(person, "GET", "/api/push/key", "").want(s.t, 200).into(s.t, &key)
	var device json.RawMessage
	s.sandbox("POST", "/_sandbox/push/subscriptions", map[string]string{"applicationServerKey": key.Key}, &device)
	s.do(person, "POST", "/api/push/subscriptions", string(device)).want(s.t, 201)
}

// pushWith is the first decrypted push that has a member.
func (s *show) pushWith(member string) (body string) {
	s.t.Helper()
	s.eventually("a push with "+member+" arrives", func() bool {
		var answer struct {
			Data []struct{ Body map[string]json.RawMessage }
		}
		s.sandbox("GET", "/_sandbox/push/messages", nil, &answer)
		for _, m := range answer.Data {
			if m.Body[member] != nil {
				text, err := json.Marshal(m.Body)
				body = string(text)
				return err == nil
			}
		}
		return false
	})
	return body
}

const shownNotifications = `navigator.serviceWorker.ready.then(r => r.getNotifications()).then(all =>
	JSON.stringify(all.flatMap(n => [n.title, ...n.actions.map(a => a.action + ":" + a.title)])))`

// maySee is the answer to what the browser would ask the person.
func (p *tab) maySee(what string) {
	p.t.Helper()
	p.do("allow "+what, chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.CallBrowser(ctx, cdpbrowser.SetPermission, cdpbrowser.SetPermissionParams{
			Permission: &cdpbrowser.PermissionDescriptor{Name: what}, Setting: cdpbrowser.PermissionSettingGranted, Origin: p.site,
			BrowserContextID: chromedp.FromContext(ctx).BrowserContextID,
		})
		return err
	}))
}

// receives is the push service's part, and what is shown then. The browser throws a push away
// that comes while it has no time for the worker: then it comes again, and is shown once all the
// same.
func (p *tab) receives(data string) (shown string) {
	p.t.Helper()
	id := p.registration()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		p.do("deliver the push", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			_, err := chromedp.Call(ctx, serviceworker.DeliverPushMessage, serviceworker.DeliverPushMessageParams{
				Origin: p.site, RegistrationID: id, Data: data,
			})
			return err
		}))
		for again := time.Now().Add(10 * time.Second); time.Now().Before(again); time.Sleep(glance) {
			if shown = must[string](p, shownNotifications); shown != "[]" {
				return shown
			}
		}
	}
	p.t.Fatalf("%s is shown no push\n%s", p.person, p.describe())
	return ""
}

// registration is the browser's name for the person's worker.
func (p *tab) registration() serviceworker.RegistrationID {
	p.t.Helper()
	var mu sync.Mutex
	var registered serviceworker.RegistrationID
	p.do("know the worker", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		err := chromedp.Listen(p.ctx, func(ev any) {
			if ev, ok := ev.(*serviceworker.EventWorkerRegistrationUpdated); ok {
				mu.Lock()
				defer mu.Unlock()
				for _, r := range ev.Registrations {
					if strings.HasPrefix(r.ScopeURL, p.site) && !r.IsDeleted {
						registered = r.RegistrationID
					}
				}
			}
		})
		if err == nil {
			_, err = chromedp.Call(ctx, serviceworker.Enable, cdp.Empty{})
		}
		return err
	}))
	id := func() serviceworker.RegistrationID { mu.Lock(); defer mu.Unlock(); return registered }
	for deadline := time.After(patience); id() == ""; {
		select {
		case <-deadline:
			p.t.Fatal("the browser knows no worker")
		case <-time.After(glance):
		}
	}
	return id()
}

// worker is the person's service worker, seen from within.
func (p *tab) worker() *tab {
	p.t.Helper()
	targets, err := chromedp.Targets(p.ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, target := range targets {
		if target.Type == "service_worker" && strings.HasPrefix(target.URL, p.site) {
			ctx, leave := chromedp.NewContext(p.ctx, chromedp.WithTargetID(target.TargetID), chromedp.WithDetachOnCancel())
			p.t.Cleanup(leave)
			inside := &tab{t: p.t, browser: p.browser, ctx: ctx, site: p.site, window: p.window, person: p.person + "'s worker"}
			inside.do("attach")
			return inside
		}
	}
	p.t.Fatalf("no worker among %d targets", len(targets))
	return nil
}

// taps a button of the newest notification and says what is shown when that is done. The
// tap is the one thing here that no protocol can make: the event is our own, so the
// browser does not wait for it, and we do.
func (p *tab) taps(action string) string {
	p.t.Helper()
	return must[string](p, `(async () => {
		const [shown] = await registration.getNotifications();
		const tap = new NotificationEvent("notificationclick", {notification: shown, action: `+quote(action)+`});
		let done;
		tap.waitUntil = (promise) => { done = promise; };
		dispatchEvent(tap);
		await done;
		return (await registration.getNotifications()).map((n) => n.title).join(", ");
	})()`)
}
