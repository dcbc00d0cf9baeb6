package billing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/inbox"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/whop"
)

// MembersOptions say what Members works with.
type MembersOptions struct {
	DB     *postgres.DB
	Gate   *Gate
	Whop   *whop.Client // nil: nothing is sold, and every verb says so
	SignIn *whop.SignIn // nil: nobody says who they are at Whop by signing in there
	Alerts *alerts.Announcer
	AppURL string
	Now    func() time.Time
	Logger *slog.Logger
	Alarm  func(kind string) // what an operator must look at; nil: nobody counts
}

// Members keeps what Whop says about who has bought what. Whop decides: events, license
// keys and returns from a checkout only say what to read there.
type Members struct {
	db     *postgres.DB
	gate   *Gate
	whop   *whop.Client
	signIn *whop.SignIn
	alerts *alerts.Announcer
	appURL string
	now    func() time.Time
	log    *slog.Logger
	alarm  func(kind string)
}

// NewMembers makes Members. It calls nobody.
func NewMembers(o MembersOptions) *Members {
	m := &Members{
		db: o.DB, gate: o.Gate, whop: o.Whop, signIn: o.SignIn, alerts: o.Alerts, appURL: strings.TrimRight(o.AppURL, "/"), now: o.Now, log: o.Logger, alarm: o.Alarm,
	}
	if m.now == nil {
		m.now = time.Now
	}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	if m.alarm == nil {
		m.alarm = func(string) {}
	}
	return m
}

// awayFor is how long an event waits while Whop does not answer; what was known before
// stands meanwhile.
const awayFor = 30 * time.Second

// Receive works one event of the inbox: it reads at Whop what the event is about.
// Order, repeats and age of events do not matter (INV-31, INV-32).
func (m *Members) Receive(ctx context.Context, e inbox.Event) error {
	var event whop.Event
	if err := json.Unmarshal(e.Payload, &event); err != nil {
		return inbox.Park(fmt.Errorf("read the stored event: %w", err))
	}
	if m.whop == nil {
		return inbox.Park(errors.New("WHOP_API_KEY is not set: nothing can be read there"))
	}
	log := m.log.With("webhook", e.ID, "type", event.Name)
	switch {
	case event.Old:
		m.alarm("whop_old_endpoint")
		log.ErrorContext(ctx, "whop sends events of before; delete that webhook in its dashboard")
		return nil
	case event.Account != "" && event.Account != m.whop.Account():
		m.alarm("whop_foreign_account")
		log.WarnContext(ctx, "event of another account passed over; the dashboard's test button sends such", "account", event.Account)
		return nil
	case event.OtherID:
		log.WarnContext(ctx, "the event's body names another id than its header")
	}
	err := m.follow(ctx, event)
	if whop.IsAway(err) {
		return inbox.Later(awayFor, err)
	}
	return err
}

// follow reads what an event is about: the membership, or the payment and its membership.
func (m *Members) follow(ctx context.Context, event whop.Event) error {
	family, _, _ := strings.Cut(event.Type, ".")
	switch family {
	case "membership":
	case "payment", "refund", "dispute", "dispute_alert":
		if family != "payment" {
			m.alarm("whop_" + family)
			m.log.WarnContext(ctx, "somebody wants money back: look at Whop's dashboard", "type", event.Type, "payment", event.Payment)
		}
	case "resolution_center_case":
		m.alarm("whop_case")
		m.log.WarnContext(ctx, "a case was opened or decided: look at Whop's dashboard", "type", event.Type)
		return nil
	default:
		return nil // kept, and nothing to do
	}
	membership := event.Membership
	var payment *whop.Payment
	if event.Payment != "" {
		p, err := m.readPayment(ctx, event.Payment)
		if err != nil {
			return err
		}
		if payment = p; payment != nil && payment.Membership != "" {
			membership = payment.Membership
		}
	}
	if membership == "" {
		return nil
	}
	if err := m.Refresh(ctx, membership); err != nil {
		return err
	}
	if payment == nil || !payment.Failed() {
		return nil
	}
	return m.tellFailed(ctx, membership)
}

// Refresh reads one membership at Whop and keeps what it says.
func (m *Members) Refresh(ctx context.Context, id string) error {
	number, err := m.nextRead(ctx)
	if err != nil {
		return err
	}
	found, err := m.whop.Membership(ctx, id)
	if whop.IsNotFound(err) {
		return m.gone(ctx, id, number)
	}
	if err != nil {
		return fmt.Errorf("read membership %s: %w", id, err)
	}
	h, ours, err := m.judge(ctx, found)
	if err != nil || !ours {
		return err
	}
	_, err = m.keep(ctx, number, []held{h})
	return err
}

// readPayment reads one payment and keeps it; nil when Whop does not show it to us.
func (m *Members) readPayment(ctx context.Context, id string) (*whop.Payment, error) {
	number, err := m.nextRead(ctx)
	if err != nil {
		return nil, err
	}
	p, err := m.whop.Payment(ctx, id)
	if whop.IsNotFound(err) {
		m.log.WarnContext(ctx, "whop does not show a payment that it told of", "payment", id)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read payment %s: %w", id, err)
	}
	if !m.isOurs(p.Account) {
		return nil, nil
	}
	return &p, m.keepPayment(ctx, number, p)
}

func (m *Members) isOurs(account string) bool { return account == "" || account == m.whop.Account() }

// held is a membership and what it grants.
type held struct {
	whop.Membership

	access bool
	until  time.Time // zero: until Whop says otherwise
}

// judge says what a membership grants; where Whop's own setting decides it is asked. ours
// is false for another account's.
func (m *Members) judge(ctx context.Context, w whop.Membership) (h held, ours bool, err error) {
	h = held{Membership: w}
	if w.ID == "" || !m.isOurs(w.Account) {
		return h, false, nil
	}
	switch w.Access() {
	case whop.Granted:
		h.access = true
	case whop.GrantedUntilEnd:
		h.access, h.until = true, w.PeriodEnd
	case whop.AskAccess:
		if w.User == "" || w.Product == "" {
			break // there is nobody to ask about
		}
		h.access, err = m.whop.HasAccess(ctx, w.User, w.Product)
		if whop.IsNotFound(err) { // the user or the product is gone
			return h, true, nil
		}
		if err != nil {
			return h, true, fmt.Errorf("ask whether %s still has access: %w", w.ID, err)
		}
	case whop.Unknown:
		m.alarm("whop_status_word")
		m.log.WarnContext(ctx, "a membership has a status that nobody knows; it grants nothing", "membership", w.ID, "status", w.Status)
	case whop.Denied:
	}
	return h, true, nil
}
