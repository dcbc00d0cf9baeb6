// Package risk is what must hold before an order may leave: switches, limits, pace and collars.
package risk

import (
	"time"

	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/postgres"
)

// Limits are the platform's bounds. Users may lower theirs, only an operator
// raises them.
type Limits struct {
	ManualContracts, CopyContracts, HardContracts int           // R4, per order
	ManualPremium, CopyPremium                    money.Amount  // R5, dollars per order
	DayPremium, DayCopyPremium                    money.Amount  // R13, dollars bought per user and trading day
	CopyExposure                                  money.Amount  // dollars in copies of all traders together, at once; NoLimit: not bounded
	DayCopyLoss                                   money.Amount  // R14, dollars lost by copies per user and trading day
	EntriesPerMinute, ExitsPerMinute              int           // R10, per user
	PlatformEntriesPerMinute                      int           // R11, of all users; a busy past raises it
	QuoteAge                                      time.Duration // R6: an older quote counts as none
	DuplicateWithin                               time.Duration // R8
	BalanceAge                                    time.Duration // R15
	Breakers                                      Breakers      // R18
}

// Breakers are what turns copies off by itself (R18). A zero one never goes off.
type Breakers struct {
	Window         time.Duration // of what is counted
	RefusalsInRow  int           // of an account, however long that takes
	Unknowns       int           // of an account
	UnknownPercent int           // of all orders, once there are as many as
	UnknownOf      int
}

// BalanceFresh is up to what age an account's buying power is not read again when an
// order is sent: three quarters of what R15 allows, so that who goes on trading need
// not wait for it at the desk. The line of copied entries counts by the same age who
// takes a second request.
func (l Limits) BalanceFresh() time.Duration { return l.BalanceAge * 3 / 4 }

// NoLimit is a bound in dollars that bounds nothing until somebody sets a lower one.
var NoLimit = money.MustAmount("1000000000")

// Defaults are the limits of correctness rules R4 to R18.
func Defaults() Limits {
	return Limits{
		ManualContracts: 100, CopyContracts: 10, HardContracts: 500,
		ManualPremium: money.MustAmount("25000"), CopyPremium: money.MustAmount("2500"),
		DayPremium: money.MustAmount("50000"), DayCopyPremium: money.MustAmount("10000"),
		DayCopyLoss:      money.MustAmount("1000"),
		CopyExposure:     NoLimit,
		EntriesPerMinute: 10, ExitsPerMinute: 30, PlatformEntriesPerMinute: 300,
		QuoteAge: 15 * time.Second, DuplicateWithin: 10 * time.Second, BalanceAge: 60 * time.Second,
		Breakers: Breakers{Window: 5 * time.Minute, RefusalsInRow: 5, Unknowns: 3, UnknownPercent: 10, UnknownOf: 20},
	}
}

// Rules checks orders against the limits of one installation.
type Rules struct {
	db     *postgres.DB
	clock  *exchange.Clock
	limits Limits
	now    func() time.Time
}

// New makes the rules.
func New(db *postgres.DB, clock *exchange.Clock, limits Limits, now func() time.Time) *Rules {
	return &Rules{db: db, clock: clock, limits: limits, now: now}
}

// Limits are the bounds in force.
func (r *Rules) Limits() Limits { return r.limits }

var (
	maxPrice     = decimal.NewFromInt(10_000)
	collarFloor  = decimal.RequireFromString("0.50")
	buyFactor    = decimal.RequireFromString("1.25")
	sellFactor   = decimal.RequireFromString("0.75")
	marketMargin = decimal.RequireFromString("1.05") // a market buy is reckoned at the ask and a little more
)
