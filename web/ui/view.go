// Package ui is the design system: the parts every page is made of.
package ui

import (
	"context"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/money"
)

// Page is what the frame around every page shows.
type Page struct {
	Title      string
	Path       string     // which entry of the navigation is current
	Assets     Assets     // where the built files are
	Person     *Person    // nil when signed out
	Accounts   []Account  // what the header's selector offers
	Today      *Headline  // profit and loss; nil until the page asks for it
	Copying    *CopyStrip // nil for people who copy nobody
	Unread     int
	Halts      []Halted
	Private    bool   // amounts are hidden
	Theme      string // dark or light
	Palette    string // green-up, red-up or blue-orange
	Celebrates bool   // a winning close gets confetti
	ServerTime time.Time
	Events     string  // address of the page's event stream, from the moment the page was read; empty: nothing is live
	Notice     *Notice // what the last form did
	ReadOnly   bool    // nothing can be changed at the moment
	Accept     string  // the page that asks for documents that are not accepted yet; empty: they are
	Share      *Share  // how a link to the page looks elsewhere; nil: it is nobody else's
}

// Share is how a link to a public page looks where it is posted. Everything in it is what
// anybody may see.
type Share struct {
	Title, About string
	Address      string // the page's own, without what else was asked for
	Link         string // what is handed on: that of a page without amounts, for who hides them
	Picture      string // address of 1200 by 630 pixels
}

// celebrate is the address of the celebration; empty for those who want none.
func (p Page) celebrate() string {
	if !p.Celebrates {
		return ""
	}
	return p.Assets.Confetti
}

// Assets are the addresses of the built files, with their fingerprints.
type Assets struct {
	Style    string
	Script   string // empty when the files were not built: pages then work as plain forms
	Chart    string // fetched by pages with a chart only
	Confetti string // fetched for a celebration only
}

// Halted is something that stands still, who stopped it and since when.
type Halted struct {
	Text     string // what, by whom and why
	Since    time.Time
	Resume   string // where the person can go on; empty: an operator must, or the trader
	ByTrader bool   // a trader stopped publishing
}

// Person is who is signed in.
type Person struct {
	Username, Name string
	Trader, Admin  bool
}

// Headline is a figure with its name and the sentence that says what it counts.
type Headline struct {
	Label  string
	Amount *money.Amount
	About  string
}

// CopyStrip is copying at a glance.
type CopyStrip struct {
	Healthy      bool
	Health       string // "link ok", or what is wrong
	Copies, Most int    // today, and the daily limit
	Loss, Stop   money.Amount
}

// Notice is a sentence above the page: what happened, or what went wrong.
type Notice struct {
	Tone Tone
	Text string
}

// Tone is how serious a part looks.
type Tone string

// The tones. None of them means profit or loss: those colours are the reader's choice.
const (
	Plain Tone = "plain"
	Good  Tone = "good"
	Wait  Tone = "wait"
	Bad   Tone = "bad"
	Busy  Tone = "busy"
)

// Account is one broker account as selectors and settings show it.
type Account struct {
	ID, Institution, Name, Number string
	Paper, CanTrade, Selected     bool
	ListsOrders                   bool   // without lists nothing is copied
	Status                        string // ok, broken, disabled
	Cash, BuyingPower             *money.Amount
	SyncedAt                      *time.Time
}

// Label names an account in one line.
func (a Account) Label() string {
	label := a.Institution + " " + a.Number
	if a.Paper && !strings.Contains(a.Institution, "Paper") {
		label += " · paper"
	}
	return label
}

// Healthy reports whether orders can be sent through the account.
func (a Account) Healthy() bool { return a.Status == "ok" && a.CanTrade }

// HealthWord is the link's health in one word.
func (a Account) HealthWord() string {
	if a.Status == "ok" && !a.CanTrade {
		return "read-only"
	}
	return a.Status
}

// OrderRow is one line of the orders table.
type OrderRow struct {
	ID, PositionID  string
	At              time.Time
	Contract        exchange.Contract
	Side            string // BTO or STC
	Quantity        int
	Filled          int
	Type            string
	Limit, Stop     *money.Price
	Average         *money.Price
	TimeInForce     string
	State           string // the machine's word, for tests and tones
	Label           string // what people read
	Reason          string
	Account         string
	Source          string
	BrokerID        string
	Cancellable     bool
	CancelRequested bool
	CancelKey       string // makes a second click the same request
	Replaceable     bool
	Replacing       string // what it is to become, while that is open: "6 contracts at $3.45"
	NotReplaced     string // why the last replacing did not come about
}

// PositionRow is one line of the positions tables.
type PositionRow struct {
	ID                 string
	Contract           exchange.Contract
	Account            string
	Bought, Sold       int
	Available          int
	Average, Mark      *money.Price
	MarkAt             *time.Time
	Value              *money.Amount
	Unrealized         *money.Amount
	Today              *money.Amount // made since the trading day began; nil when that is not known
	Realized           money.Amount
	In, Out            money.Amount // dollars paid for all contracts, fees included, and received
	Fees               money.Amount
	Missing            int                 // contracts the broker has not got
	Unpriced           int                 // contracts of unknown price: the result is not the whole
	Outcome            string              // win, loss, breakeven; empty while it has none
	Percent            decimal.NullDecimal // of the result; null where it has none
	Status             string
	Tags               []Tab  // its owner's, each with the list of what has it
	Source             string // "manual", "copy of @ava", "detected"
	Review             string
	DaysLeft           int
	OpenedAt, ClosedAt *time.Time
}

// Held is how many contracts are still open.
func (p PositionRow) Held() int { return p.Bought - p.Sold }

// Half is what "Close ½" sells: at least one contract.
func (p PositionRow) Half() int { return max(1, p.Available/2) }

// Notification is one entry of the inbox.
type Notification struct {
	ID, Type, Title, Body, URL string
	At                         time.Time
	Unread                     bool
}

// Viewer is who looks: it decides how times are shown, and whether amounts are.
type Viewer struct {
	Zone    *time.Location
	Now     time.Time
	Private bool
}

type viewerKey struct{}

// WithViewer hands the viewer to all parts of a page.
func WithViewer(ctx context.Context, v Viewer) context.Context {
	return context.WithValue(ctx, viewerKey{}, v)
}

func viewer(ctx context.Context) Viewer {
	v, ok := ctx.Value(viewerKey{}).(Viewer)
	if !ok || v.Zone == nil {
		v.Zone = exchange.NewYork
	}
	return v
}
