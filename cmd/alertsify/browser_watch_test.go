package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
)

// watch notes everything a page must not do: errors and warnings in the console,
// exceptions, what the Content-Security-Policy refused, requests that fail, and
// answers of ours from 400 on.
type watch struct {
	own string // our scheme, host and port

	mu       sync.Mutex
	requests map[network.RequestID]string
	allowed  []string // "409 /path", "lost POST /path": answers that the story asks for, each once
	found    []string
}

func newWatch(own string) *watch {
	return &watch{own: own, requests: map[network.RequestID]string{}}
}

// see takes one event of the tab. It is called in the loop that reads them.
func (w *watch) see(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch ev := event.(type) {
	case *runtime.EventConsoleAPICalled:
		w.console(ev)
	case *runtime.EventExceptionThrown:
		w.note("exception: %s", exceptionText(ev))
	case *cdplog.EventEntryAdded:
		w.entry(ev.Entry)
	case *network.EventRequestWillBeSent:
		w.requests[ev.RequestID] = ev.Request.Method + " " + ev.Request.URL
	case *network.EventResponseReceived:
		w.response(ev)
	case *network.EventLoadingFailed:
		w.failure(ev)
	}
}

func (w *watch) note(format string, args ...any) {
	w.found = append(w.found, fmt.Sprintf(format, args...))
}

func (w *watch) console(ev *runtime.EventConsoleAPICalled) {
	if ev.Type != runtime.ConsoleAPICalledTypeError && ev.Type != runtime.ConsoleAPICalledTypeWarning && ev.Type != runtime.ConsoleAPICalledTypeAssert {
		return
	}
	var words []string
	for _, arg := range ev.Args {
		words = append(words, string(arg.Value)+arg.Description)
	}
	w.note("console.%s: %s", ev.Type, strings.Join(words, " "))
}

func exceptionText(ev *runtime.EventExceptionThrown) string {
	d := ev.ExceptionDetails
	if d.Exception != nil {
		return d.Text + " " + d.Exception.Description
	}
	return d.Text
}

// entry is what the browser itself writes to the console. What it says about
// requests is left to the events of the requests.
func (w *watch) entry(e *cdplog.Entry) {
	bad := e.Level == cdplog.EntryLevelError || e.Level == cdplog.EntryLevelWarning
	if bad && e.Source != cdplog.EntrySourceNetwork {
		w.note("%s %s: %s (%s)", e.Source, e.Level, e.Text, e.URL)
	}
}

func (w *watch) response(ev *network.EventResponseReceived) {
	if ev.Response.Status < 400 || !strings.HasPrefix(ev.Response.URL, w.own+"/") {
		return
	}
	answer := fmt.Sprintf("%d %s", ev.Response.Status, strings.TrimPrefix(ev.Response.URL, w.own))
	if w.permitted(answer) {
		return
	}
	w.note("answer %s (%s)", answer, w.requests[ev.RequestID])
}

// permitted takes one of what is allowed away.
func (w *watch) permitted(what string) bool {
	i := slices.IndexFunc(w.allowed, func(allowed string) bool { return strings.HasPrefix(what, allowed) })
	if i >= 0 {
		w.allowed = slices.Delete(w.allowed, i, i+1)
	}
	return i >= 0
}

// failure is a request that got no answer. A page that is left takes its event
// stream and its fragments' requests with it, and a newer request for a fragment
// takes the place of an older one: those are no failures.
func (w *watch) failure(ev *network.EventLoadingFailed) {
	background := ev.Type == network.ResourceTypeEventSource || ev.Type == network.ResourceTypeFetch || ev.Type == network.ResourceTypeXHR
	if background && ev.Canceled && ev.BlockedReason == "" {
		return
	}
	if w.permitted("lost " + strings.Replace(w.requests[ev.RequestID], w.own, "", 1)) {
		return
	}
	w.note("%s failed: %s %s (%s)", w.requests[ev.RequestID], ev.ErrorText, ev.BlockedReason, ev.Type)
}

// allow lets one answer pass that the story asks for.
func (w *watch) allow(answer string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.allowed = append(w.allowed, answer)
}

// list is what was noted, and what was allowed and never came.
func (w *watch) list() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := append([]string(nil), w.found...)
	for _, answer := range w.allowed {
		found = append(found, "never came: "+answer)
	}
	return found
}
