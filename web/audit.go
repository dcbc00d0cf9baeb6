package web

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/alertsify/alertsify/internal/audit"
	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
)

const (
	activityPath = "/settings/activity"
	auditPath    = "/admin/audit"
)

// auditView is a page of the log: somebody's own, or everybody's for operators.
type auditView struct {
	Entries    []audit.Entry
	Next       string
	Everybody  bool
	User, Kind string // the operator's filter
	Wrong      string // about the name that was typed
}

func (v auditView) nextPage() string {
	if !v.Everybody {
		return activityPath + "?" + url.Values{"cursor": {v.Next}}.Encode()
	}
	return v.filtered(url.Values{"cursor": {v.Next}})
}

func (v auditView) filtered(q url.Values) string {
	for name, value := range map[string]string{"user": v.User, "kind": v.Kind} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return auditPath + "?" + q.Encode()
}

// activity answers GET /settings/activity: what was done in one's own name, and to what
// is one's own.
func (s *Site) activity(w http.ResponseWriter, r *http.Request) error {
	p, err := s.shell(r, "Activity", activityPath)
	if err != nil {
		return err
	}
	from, err := cursor(r)
	if err != nil {
		return err
	}
	v := auditView{}
	list, next, err := s.audit.Own(r.Context(), me(r.Context()), pageSize, from)
	if err != nil {
		return err
	}
	if v.Entries = list; next != nil {
		v.Next = next.String()
	}
	return s.show(w, r, http.StatusOK, auditPage(p, v))
}

// auditLog answers GET /admin/audit.
func (s *Site) auditLog(w http.ResponseWriter, r *http.Request) error {
	p, err := s.shell(r, "Audit", auditPath)
	if err != nil {
		return err
	}
	from, err := cursor(r)
	if err != nil {
		return err
	}
	v := auditView{
		Everybody: true, User: strings.TrimSpace(r.URL.Query().Get("user")), Kind: oneOf(r, "kind", append([]string{""}, audit.Kinds()...)...),
	}
	list, next, err := s.audit.All(r.Context(), audit.Filter{Username: v.User, Kind: v.Kind}, pageSize, from)
	var refused *fault.Error
	if errors.As(err, &refused) && refused.Code == "validation_failed" {
		v.Wrong = wrongFields(refused)["user"]
		return s.show(w, r, http.StatusUnprocessableEntity, auditPage(p, v))
	}
	if err != nil {
		return err
	}
	if v.Entries = list; next != nil {
		v.Next = next.String()
	}
	return s.show(w, r, http.StatusOK, auditPage(p, v))
}

// auditRoutes are the lines of these pages in the route table.
func (s *Site) auditRoutes() []auth.Route {
	return []auth.Route{
		{Method: "GET", Pattern: activityPath, Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.activity},
		{Method: "GET", Pattern: auditPath, Rule: auth.Operator, Class: httpio.Vital, Handler: s.auditLog},
	}
}

// kindWords are what a watched table holds, one of them.
func kindWords(kind string) string {
	words, ok := map[string]string{
		"access_tokens": "access token", "accounts": "broker account", "announcements": "announcement", "connections": "broker connection",
		"consents": "consent to automatic copying", "data_exports": "export of your data", "dead_letter_log": "dead letter", "destinations": "message destination", "identities": "way to sign in", "inbound_webhooks": "webhook worked again",
		"legal_acceptances": "accepted document",
		"order_changes":     "change of an order", "orders": "order", "passkeys": "passkey", "positions": "position under review", "redemptions": "redeemed license", "risk_limits": "limit", "river_job": "job given up",
		"second_factors": "passkey asked for at sign-in", "sign_ins": "sign-in", "subscriptions": "copying", "trader_applications": "application as a trader", "trading_switches": "halt", "users": "profile",
		"whop_links": "Whop account",
	}[kind]
	if !ok {
		return strings.ReplaceAll(kind, "_", " ")
	}
	return words
}

// actWords says what became of it.
func actWords(act string) string {
	return map[string]string{"insert": "new", "update": "changed", "delete": "ended"}[act]
}

// changeLines are the columns that changed, by name, with what they were and are.
func changeLines(e audit.Entry) []string {
	lines := make([]string, 0, len(e.Change))
	for _, column := range slices.Sorted(maps.Keys(e.Change)) {
		was, is := plain(e.Change[column][0]), plain(e.Change[column][1])
		line := strings.ReplaceAll(column, "_", " ") + ": "
		switch e.Act {
		case "insert":
			line += is
		case "delete":
			line += was
		default:
			line += was + " → " + is
		}
		lines = append(lines, line)
	}
	return lines
}

// plain is a JSON value for people; a dash for none.
func plain(raw json.RawMessage) string {
	var text string
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return "–"
	case json.Unmarshal(raw, &text) == nil:
		return text
	}
	return string(raw)
}

// byWords names who did it, and from where.
func byWords(e audit.Entry) string {
	if e.Origin != "" {
		return doerWords(e) + ", " + e.Origin
	}
	return doerWords(e)
}

func doerWords(e audit.Entry) string {
	switch {
	case e.By != "":
		return "@" + e.By
	case e.Actor == "user":
		return "Somebody else"
	case e.Actor == "operator":
		return "An operator"
	}
	return "Alertsify (" + e.Actor + ")"
}
