package sandbox

import (
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/shopspring/decimal"
)

// The words an order can be in, as SnapTrade prints them.
const (
	statusPending       = "PENDING"
	statusPartial       = "PARTIAL"
	statusExecuted      = "EXECUTED"
	statusCanceled      = "CANCELED"
	statusPartCanceled  = "PARTIAL_CANCELED"
	statusCancelPending = "CANCEL_PENDING"
	statusReplaced      = "REPLACED"
	statusRejected      = "REJECTED"
	statusExpired       = "EXPIRED"
)

// The ways the paper broker works an account's orders.
const (
	modeMarket    = "market"    // as the simulated quotes allow
	modeImmediate = "immediate" // at once, at the limit price or the quote
	modeManual    = "manual"    // only by POST /_sandbox/broker/fill
	modePartial   = "partial"   // half of it at once, the rest works
	modeReject    = "reject"    // taken, then REJECTED
	modeExpire    = "expire"    // EXPIRED at the next read
)

const (
	viaSnapTrade = "snaptrade"
	viaApp       = "app" // placed in the broker's own app
)

// paperOrder is one order in the broker's book. Quantities are contracts,
// prices dollars per share.
type paperOrder struct {
	ID        string           `json:"id"`
	Number    int64            `json:"number"` // order of arrival
	Account   string           `json:"account"`
	Symbol    string           `json:"symbol"` // padded option symbol
	Action    string           `json:"action"` // BUY_TO_OPEN, SELL_TO_CLOSE, …
	Quantity  int64            `json:"quantity"`
	Filled    int64            `json:"filled"`
	Average   decimal.Decimal  `json:"average"`
	Status    string           `json:"status"`
	Next      string           `json:"next,omitempty"` // status it takes at the next look
	Type      string           `json:"type"`           // Market, Limit, Stop, StopLimit
	Limit     *decimal.Decimal `json:"limit"`
	Stop      *decimal.Decimal `json:"stop"`
	TIF       string           `json:"tif"` // Day, GTC, FOK, IOC
	Triggered bool             `json:"triggered,omitempty"`
	Via       string           `json:"via"`
	Day       civilDate        `json:"day"` // trading date a day order belongs to
	Placed    time.Time        `json:"placed"`
	Updated   time.Time        `json:"updated"`
	Executed  *time.Time       `json:"executed"`
	ListedAt  time.Time        `json:"listedAt"`           // lists leave it out before
	FillsAt   *time.Time       `json:"fillsAt,omitempty"`  // fills at that instant in spite of a cancel
	Replaces  string           `json:"replaces,omitempty"` // the order this one took over from
	Reason    string           `json:"reason,omitempty"`
	ClientID  string           `json:"clientId,omitempty"` // client_order_id of /trade/place
}

func (o *paperOrder) working() bool {
	switch o.Status {
	case statusPending, statusPartial, statusCancelPending:
		return true
	default:
		return false
	}
}

func (o *paperOrder) rest() int64 { return o.Quantity - o.Filled }

func (o *paperOrder) buys() bool { return o.Action == "BUY_TO_OPEN" || o.Action == "BUY_TO_CLOSE" }

// holding is what an account has of one contract; negative units are short.
type holding struct {
	Units int64           `json:"units"`
	Cost  decimal.Decimal `json:"cost"` // average per share
}

// paperAccount is a brokerage account with its cash and holdings.
type paperAccount struct {
	ID         string             `json:"id"`
	User       string             `json:"user"`
	Connection string             `json:"connection"`
	Broker     string             `json:"broker"`
	Number     string             `json:"number"`
	Cash       decimal.Decimal    `json:"cash"`
	Holdings   map[string]holding `json:"holdings"` // by padded symbol
	Created    time.Time          `json:"created"`
	Closed     bool               `json:"closed"`
	Fee        decimal.Decimal    `json:"fee"` // dollars the broker takes for each contract traded
}

// activity is one line of an account's history.
type activity struct {
	ID      string          `json:"id"`
	Account string          `json:"account"`
	Type    string          `json:"type"` // BUY, SELL, OPTIONEXPIRATION
	Action  string          `json:"action"`
	Symbol  string          `json:"symbol"`
	Units   int64           `json:"units"`
	Price   decimal.Decimal `json:"price"`
	Amount  decimal.Decimal `json:"amount"`
	At      time.Time       `json:"at"`
	Order   string          `json:"order,omitempty"`
	Fee     decimal.Decimal `json:"fee"`
}

// entry is one journal line of the book: everything one step changed, so that
// a fill and its cash are never apart.
type entry struct {
	Account  *paperAccount `json:"account,omitempty"`
	Orders   []*paperOrder `json:"orders,omitempty"`
	Activity []activity    `json:"activity,omitempty"`
}

// paper is the simulated broker: accounts, cash, holdings and the order book
// that is the referee of what was really placed.
type paper struct {
	mu       sync.Mutex
	accounts map[string]*paperAccount
	orders   map[string]*paperOrder
	byOwner  map[string][]string // order ids by account, in order of arrival
	live     map[string]*paperOrder
	history  map[string][]activity // by account
	modes    map[string]string
	number   int64

	market  *market
	clock   *clock
	journal *Journal
	rand    *dice
	now     func() time.Time
	changed func(o paperOrder, filled bool) // called after every change of a status or quantity, outside the lock
	pending []change
}

type change struct {
	order  paperOrder
	filled bool
}

func newPaper(d deps, m *market, c *clock) *paper {
	p := &paper{
		accounts: map[string]*paperAccount{}, orders: map[string]*paperOrder{},
		byOwner: map[string][]string{}, live: map[string]*paperOrder{},
		history: map[string][]activity{}, modes: map[string]string{},
		market: m, clock: c, journal: d.journal, rand: d.rand, now: d.now,
		changed: func(paperOrder, bool) {},
	}
	d.journal.On("book", p.replayBook)
	d.journal.On("mode", p.replayMode)
	return p
}

func (p *paper) replayBook(raw json.RawMessage) error {
	var e entry
	if err := json.Unmarshal(raw, &e); err != nil {
		return fmt.Errorf("decode book entry: %w", err)
	}
	p.apply(e)
	return nil
}

func (p *paper) replayMode(raw json.RawMessage) error {
	var m accountMode
	if err := json.Unmarshal(raw, &m); err != nil {
		return fmt.Errorf("decode broker mode: %w", err)
	}
	p.applyMode(m)
	return nil
}

// apply puts what a step changed into the book.
func (p *paper) apply(e entry) {
	if e.Account != nil {
		p.accounts[e.Account.ID] = e.Account
	}
	for _, o := range e.Orders {
		p.keep(o)
	}
	for _, a := range e.Activity {
		p.history[a.Account] = append(p.history[a.Account], a)
	}
}

// keep puts an order, new or changed, into the book's indexes.
func (p *paper) keep(o *paperOrder) {
	if p.orders[o.ID] == nil {
		p.byOwner[o.Account] = append(p.byOwner[o.Account], o.ID)
	}
	p.orders[o.ID] = o
	p.number = max(p.number, o.Number)
	delete(p.live, o.ID)
	if o.working() || o.Next != "" {
		p.live[o.ID] = o
	}
}

// commit journals what a step changed, then puts it in the book. When the
// journal fails nothing has happened. Accounts and orders in the book are never
// changed in place: a step prepares copies.
func (p *paper) commit(e entry) error {
	if err := p.journal.Append("book", e); err != nil {
		return err
	}
	for _, o := range e.Orders {
		before := p.orders[o.ID]
		filled := o.Filled > 0 && (before == nil || o.Filled > before.Filled)
		p.pending = append(p.pending, change{*o, filled})
	}
	p.apply(e)
	return nil
}

// unlock lets the book go and then tells of the changes made under the lock.
func (p *paper) unlock() {
	told := p.pending
	p.pending = nil
	p.mu.Unlock()
	for _, c := range told {
		p.changed(c.order, c.filled)
	}
}

// clone copies an account so that a step can be prepared before it is journalled.
func (a *paperAccount) clone() *paperAccount {
	twin := *a
	twin.Holdings = maps.Clone(a.Holdings)
	return &twin
}

func (o *paperOrder) clone() *paperOrder {
	twin := *o
	return &twin
}

type accountMode struct {
	Account string `json:"account"`
	Mode    string `json:"mode"`
}

// setMode changes how orders of an account ("*": of every account without a
// mode of its own) are worked.
func (p *paper) setMode(account, mode string) error {
	switch mode {
	case modeMarket, modeImmediate, modeManual, modePartial, modeReject, modeExpire:
	default:
		return fmt.Errorf("unknown mode %q", mode)
	}
	p.mu.Lock()
	defer p.unlock()
	m := accountMode{account, mode}
	if err := p.journal.Append("mode", m); err != nil {
		return err
	}
	p.applyMode(m)
	return nil
}

func (p *paper) applyMode(m accountMode) {
	if m.Account == "*" {
		clear(p.modes)
	}
	p.modes[m.Account] = m.Mode
}

func (p *paper) mode(account string) string {
	for _, name := range []string{account, "*"} {
		if mode, set := p.modes[name]; set {
			return mode
		}
	}
	return modeMarket
}
