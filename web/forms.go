package web

import (
	"net/http"
	"net/url"
	"time"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/web/ui"
)

const formMax = 64 << 10 // bytes; the largest form of ours has a dozen short fields

// form reads a posted form.
func form(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	r.Body = http.MaxBytesReader(w, r.Body, formMax)
	if err := r.ParseForm(); err != nil {
		return nil, fault.New(http.StatusBadRequest, "invalid_form", "The form could not be read.").Because(err)
	}
	return r.PostForm, nil
}

// back answers a form: the browser goes on to a page of ours, so that reloading
// does not send the form again. done names what happened, for notice.
func back(w http.ResponseWriter, to, done string) error {
	u, err := url.Parse(auth.LocalPath(to))
	if err != nil {
		u = &url.URL{Path: "/"}
	}
	if done != "" {
		query := u.Query()
		query.Set("done", done)
		u.RawQuery = query.Encode()
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", u.String())
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

func errNoKey(cause error) error {
	return fault.New(http.StatusBadRequest, "invalid_form", "This form is incomplete. Open the page again.").Because(cause)
}

// notice is the sentence for a done code; nothing for what is no code of ours,
// so that a link cannot put words on our pages.
func notice(done string) *ui.Notice {
	sentence, ok := map[string]string{
		"accepted":           "Noted. Thank you.",
		"code-sent":          "Sent. Type the code of the mail below; it arrives within a minute.",
		"email-changed":      "Your e-mail address is changed. You are signed out everywhere: sign in anew.",
		"whop-unlinked":      "Unlinked. What was bought with it counts here no longer.",
		"account-deleted":    "Your account is deleted. What lies at your broker is yours to look after there.",
		"applied":            "Asked. An operator reads it; you are told the answer.",
		"withdrawn":          "Withdrawn.",
		"role-given":         "Done. They sign in again with their new role.",
		"suspended":          "Suspended. They are signed out everywhere.",
		"reinstated":         "Reinstated. They can sign in again.",
		"approved-trader":    "Approved. They are told.",
		"rejected-trader":    "Declined. They are told why.",
		"order-taken":        "The order was taken. It is on its way to your broker.",
		"connection-broke":   "No answer came to an order that was sent. If it is not here within half a minute, it was not taken.",
		"cancel-asked":       "Your broker was asked to cancel. Until it answers, the order may still fill.",
		"replace-asked":      "Your broker is asked to replace the order. Until it answers, the order may still fill as it is.",
		"read":               "Marked as read.",
		"selected":           "Orders now go to this account unless you choose another.",
		"synced":             "Read anew from your broker.",
		"disconnected":       "Disconnected.",
		"appearance":         "Saved.",
		"columns":            "Saved. The table has these columns wherever you sign in.",
		"written":            "Saved.",
		"approved":           "Approved. The order follows at once.",
		"rejected":           "Rejected. Nothing was sent.",
		"subscribed":         "You copy this trader from now on. What was traded before is not copied.",
		"copy-saved":         "Saved. The next signal is judged by it.",
		"publishing-stopped": "Stopped. Nothing new of yours is announced or copied until you publish again.",
		"publishing":         "Publishing again, from your next trade on.",
		"paused":             "Paused. Nothing new is copied until you resume.",
		"muted":              "Muted: no more of their buys today. Sells go on as before.",
		"unmuted":            "Their buys come through again, from the next one on.",
		"resumed":            "Copying again. What was traded in between is not copied.",
		"consent-withdrawn":  "Your consent is withdrawn. Nothing is copied without asking you; copies that were queued were taken back.",
		"cancelled":          "You no longer copy this trader. Open copies stay yours.",
		"copies-sold":        "Stopped. What you hold of their trades is being sold.",
		"copies-left":        "Stopped. Some of what you hold of their trades could not be sold: no fresh bid, or the market is closed. Look at it below.",
		"followed":           "You follow this trader: their alerts stand in your timeline. Nothing is copied.",
		"unfollowed":         "Their alerts leave your timeline.",
		"drift-closing":      "The copies are being sold.",
		"drift-kept":         "Kept. You are not asked about these copies again.",
		"drift-ignored":      "Put aside. You are told when the trader leaves another time.",
		"stopped":            "Stopped.",
		"stopped-selling":    "Stopped. What you hold of copies is being sold.",
		"stopped-left":       "Stopped. Some copied contracts could not be put up for sale: no fresh bid, or the market is closed. Look at your positions.",
		"trading-resumed":    "Trading again.",
		"preferences":        "Saved. It holds from the next message that is about to be sent.",
		"defaults":           "Everything is as it was in the beginning.",
		"discord":            "Saved. Your next public alert goes there too.",
		"token-revoked":      "Revoked. Whatever used it is out, at once.",
		"again":              "It is on its way again.",
		"discord-removed":    "Removed. Your alerts do not go to that channel any more.",
		"tested":             "A test is on its way. Its receipt is in your notifications.",
		"tested-discord":     "Discord took the test message. Look at your channel.",
		"replayed":           "It is on its way once more.",
		"discarded":          "Put away. It is not sent.",
		"announced":          "Taken on. Everybody is told within seconds.",
		"limits":             "Saved. Your limits hold from the next order.",
		"halted":             "Halted. Nothing that it covers can be sent any more.",
		"unhalted":           "Resumed.",
		"hook-set":           "Saved. Events go there again.",
		"hook-removed":       "Removed. Nothing more is sent there.",
		"hook-tested":        "The receiver took the test event.",
		"mail-resumed":       "Mail goes to you again, as chosen in your alert settings.",
		"chat-set":           "Connected. Your alerts go to that chat.",
		"chat-declined":      "Refused. Nothing goes there.",
		"chat-removed":       "Disconnected. Nothing more goes there.",
		"chat-tested":        "Telegram took the test message. Look at your chat.",
		"mail-sent":          "Sent. It should arrive within a minute.",
		"mail-confirm":       "Sent. Follow its link within 24 hours, and mail goes to this address again.",
		"whop-linked":        "Linked. What you have at Whop counts here from now on.",
		"redeemed":           "Redeemed. Your plan holds from now on.",
		"plan-cancelled":     "Cancelled. You keep your plan until what is paid for is over.",
		"linked":             "Linked. You can sign in with it from now on.",
		"unlinked":           "Unlinked. You are signed out everywhere: sign in with what is left.",
		"passkey-added":      "Added. It confirms from now on that it is you.",
		"passkey-renamed":    "Saved.",
		"passkey-removed":    "Removed. Remove it from the device too.",
		"passkey-asked":      "From now on you are asked for a passkey at every sign-in.",
		"passkey-not-asked":  "You are not asked for a passkey at sign-in any more.",
		"session-ended":      "Signed out there.",
		"signed-out":         "You are signed out everywhere. Orders and copying go on.",
		"not-placed":         "Recorded. The owner is told, and what the order held back is free again.",
	}[done]
	if !ok {
		return nil
	}
	return &ui.Notice{Tone: ui.Good, Text: sentence}
}

// leadsTo answers an address that people try, with the page that has what they look for.
func leadsTo(page string) httpio.Handler {
	return func(w http.ResponseWriter, _ *http.Request) error { return back(w, page, "") }
}

// address is a page with a query, which may be empty.
func address(path string, query url.Values) string {
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

// here is the address that was asked for, to come back to. What was done there before is not
// said once more.
func here(r *http.Request) string { return without(r.URL.RequestURI(), "done") }

// referer is the page of ours a form stood on, else the dashboard.
func referer(r *http.Request) string {
	from, err := url.Parse(r.Referer())
	if err != nil || from.Host != r.Host || from.Path == "" {
		return "/dashboard"
	}
	return auth.LocalPath(without(from.RequestURI(), "done"))
}

// setCookie keeps something small in this browser, out of reach of scripts.
func (s *Site) setCookie(w http.ResponseWriter, name, value string, keep time.Duration) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure wherever the site itself is https
		Name: name, Value: value, Path: "/", MaxAge: int(keep.Seconds()), HttpOnly: true, Secure: s.https, SameSite: http.SameSiteLaxMode,
	})
}
