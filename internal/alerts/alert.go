// Package alerts is what is said to whom: public alerts, notifications, feeds and their receipts.
package alerts

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/postgres"
)

// Options are what an Announcer is made of.
type Options struct {
	DB     *postgres.DB
	AppURL string // where links in messages lead, without a slash at the end
	Now    func() time.Time
	Logger *slog.Logger
}

// Announcer says what happened to the people who should know.
type Announcer struct {
	db     *postgres.DB
	appURL string
	now    func() time.Time
	log    *slog.Logger
}

// New returns an Announcer. It starts nothing: what it leaves in the database is
// carried out by delivery.
func New(o Options) *Announcer {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Announcer{db: o.DB, appURL: strings.TrimRight(o.AppURL, "/"), now: o.Now, log: o.Logger}
}

// The sides of an order.
const (
	buyToOpen   = "BTO"
	sellToClose = "STC"
)

// Trade is what an order's fills have come to. Announce is given it anew after
// every fill event.
type Trade struct {
	OrderID, UserID, PositionID uuid.UUID
	Side                        string // BTO or STC
	Contract                    exchange.Contract
	Ordered, Filled             int           // contracts
	Average                     money.Price   // of the fills so far
	Entry                       *money.Price  // exits: the position's average entry
	Realized                    *money.Amount // exits: dollars gained or lost by this order so far
	CostRemoved                 *money.Amount // exits: dollars of cost that left the position with it
	Source                      string        // manual, copy, detected
	Public                      bool          // the owner publishes
	ExecutedAt                  *time.Time    // first fill by the broker's clock, where it says
	LearntAt                    time.Time     // when we knew of the first fill
	Revision                    int           // the order's event sequence
	Ended                       bool          // no further fill can come
}

// facts are what an alert's words are made of, as stored in alerts.facts.
type facts struct {
	Username    string            `json:"username"`
	Name        string            `json:"name"`
	Side        string            `json:"side"`
	Contract    exchange.Contract `json:"contract"`
	Ordered     int               `json:"ordered"`
	Filled      int               `json:"filled"`
	Price       money.Price       `json:"price"`
	Entry       *money.Price      `json:"entry"`
	Realized    *money.Amount     `json:"realized"`
	CostRemoved *money.Amount     `json:"costRemoved"`
	Source      string            `json:"source"`
	Ended       bool              `json:"ended"`
}

func factsOf(t Trade, username, name string) facts {
	return facts{
		Username: username, Name: name, Side: t.Side, Contract: t.Contract,
		Ordered: t.Ordered, Filled: t.Filled, Price: t.Average,
		Entry: t.Entry, Realized: t.Realized, CostRemoved: t.CostRemoved,
		Source: t.Source, Ended: t.Ended,
	}
}

// percent is what an exit made of its cost, in hundredths; null where unknown.
func (f facts) percent() decimal.NullDecimal {
	if f.Realized == nil || f.CostRemoved == nil {
		return decimal.NullDecimal{}
	}
	return money.Percent(f.Realized.Decimal, f.CostRemoved.Decimal)
}

// check refuses facts that cannot be told: promise 4 is that no alert goes out
// for something that did not happen.
func (t Trade) check() error {
	switch {
	case t.Side != buyToOpen && t.Side != sellToClose:
		return fmt.Errorf("side %q", t.Side)
	case t.Filled < 1 || t.Filled > t.Ordered:
		return fmt.Errorf("%d of %d contracts filled", t.Filled, t.Ordered)
	case t.LearntAt.IsZero():
		return fmt.Errorf("no instant of learning")
	}
	return nil
}
