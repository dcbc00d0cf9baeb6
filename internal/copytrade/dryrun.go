package copytrade

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/risk"
)

const (
	drySignals = 20   // a trader's latest entries
	dryOrders  = 1000 // of theirs, on the positions of those
)

// DryRun is what a trader's latest public entries would have come to with some
// settings, decided by the statement that decides about real ones (judgeEntries) and
// sold by the rule of their exits (exitTarget).
type DryRun struct {
	Signals []DrySignal  `json:"signals"` // newest first
	Copied  int          `json:"copied"`
	Skipped []DryReason  `json:"skipped"` // most frequent first
	Made    money.Amount `json:"made"`    // dollars, of what was sold or expired
	Open    OpenOnDry    `json:"open"`
}

// OpenOnDry is what would still be held.
type OpenOnDry struct {
	Contracts int           `json:"contracts"`
	Made      *money.Amount `json:"made"` // dollars so far by the latest marks; null without them
}

// DryReason is how many signals were skipped for a reason.
type DryReason struct {
	Reason string `json:"reason"`
	Text   string `json:"text"`
	Count  int    `json:"count"`
}

// DrySignal is one entry of the trader's and its copy. Everything about the trader is
// public: it was announced.
type DrySignal struct {
	At             time.Time         `json:"at"`
	Contract       exchange.Contract `json:"contract"`
	SourceQuantity int               `json:"sourceQuantity"`
	SourcePrice    money.Price       `json:"sourcePrice"`
	Quantity       int               `json:"quantity"`   // contracts copied
	Reason         *string           `json:"reason"`     // why it was skipped
	ReasonText     string            `json:"reasonText"` //
	Sold           int               `json:"sold"`       // of the copy, by following the exits; what expired counts
	ExitPrice      *money.Price      `json:"exitPrice"`  // the average of what was sold
	Made           *money.Amount     `json:"made"`       // dollars; null while nothing was sold, or where nobody knows
	OpenMade       *money.Amount     `json:"openMade"`   // of what is still held, at the latest mark
	Numbers        any               `json:"numbers"`    // what was compared
}

// DryRun runs a trader's latest signals through settings; absent ones take their
// defaults. It writes nothing.
func (c *Copier) DryRun(ctx context.Context, follower uuid.UUID, trader string, given Settings) (DryRun, error) {
	settings := given.over(Defaults())
	if err := settings.Check(); err != nil {
		return DryRun{}, err
	}
	var d dry
	err := c.db.As(ctx, follower, func(ctx context.Context, tx pgx.Tx) (err error) {
		leader, err := findTrader(ctx, tx, trader)
		if err != nil {
			return err
		}
		if leader == follower {
			return fault.Field("username", "You cannot copy yourself.")
		}
		if d, err = c.dryRun(ctx, tx, follower, leader, settings); err != nil {
			return err
		}
		return d.settle(ctx, tx, c)
	}, postgres.Across("what the trader announced"))
	if err != nil {
		return DryRun{}, fmt.Errorf("run signals dry: %w", err)
	}
	return d.result(c.marks(ctx, d.symbolsOpen())), nil
}

// dry is a dry run under way.
type dry struct {
	settings Settings
	rules    *risk.Rules
	power    decimal.Decimal // dollars of buying power
	events   []dryEvent      // in the order in which they were decided about
	judged   map[uuid.UUID]dryJudgement
	facts    map[uuid.UUID]dryFacts
	lots     []*dryLot
}

// dryEvent is an order of the trader's that was announced, or the end of a contract.
type dryEvent struct {
	order     uuid.UUID
	position  uuid.UUID
	buy       bool
	contract  exchange.Contract
	cum       int
	price     money.Price
	at        time.Time // when it was decided about
	delay     time.Duration
	signal    bool // one of the latest entries
	expires   bool // the contract's end, and no order
	worthless bool // it expired for nothing
}

// dryJudgement is what the statement says of a signal.
type dryJudgement struct {
	reason  *string
	size    int
	numbers any
}

// dryFacts are those of a signal's facts that follow from the signals before it.
type dryFacts struct {
	flat    bool
	others  int             // other contracts held
	exposed decimal.Decimal // dollars in copies held
	made    decimal.Decimal // dollars of the day
}

func (f dryFacts) equal(g dryFacts) bool {
	return f.flat == g.flat && f.others == g.others && f.exposed.Equal(g.exposed) && f.made.Equal(g.made)
}

// dryLot is the copy of one signal.
type dryLot struct {
	event    dryEvent
	quantity int
	reason   string
	numbers  any
	sold     int
	proceeds decimal.Decimal // price per share × contracts
	unknown  bool            // it ended, and nobody knows for how much
}

func (l *dryLot) held() int { return l.quantity - l.sold }

func (l *dryLot) cost(contracts int) decimal.Decimal {
	return l.event.price.Cost(contracts, l.event.contract.Multiplier).Decimal
}

// made is what the contracts sold so far realised, each lot by its own price.
func (l *dryLot) made() decimal.Decimal {
	return l.proceeds.Mul(decimal.NewFromInt(int64(l.event.contract.Multiplier))).Sub(l.cost(l.sold))
}

// sell takes contracts at a price, at most those held.
func (l *dryLot) sell(n int, price decimal.Decimal) {
	l.sold += n
	l.proceeds = l.proceeds.Add(price.Mul(decimal.NewFromInt(int64(n))))
}

func (c *Copier) dryRun(ctx context.Context, tx pgx.Tx, follower, leader uuid.UUID, settings Settings) (d dry, err error) {
	d = dry{settings: settings}
	if d.rules, err = c.rules.Own(ctx, tx, follower); err != nil {
		return d, err
	}
	if d.power, err = buyingPowerOf(ctx, tx, follower, settings.AccountID); err != nil {
		return d, err
	}
	d.events, err = c.dryEvents(ctx, tx, leader)
	return d, err
}

// buyingPowerOf reads the buying power of the account that copies would go to, as it
// is now; paper's own without one. Whether the account can trade today is no fact of
// the past. Foreign table: accounts.
func buyingPowerOf(ctx context.Context, tx pgx.Tx, follower uuid.UUID, account *uuid.UUID) (power decimal.Decimal, err error) {
	err = tx.QueryRow(ctx, `
		select coalesce(max(buying_power), $3::numeric) from accounts
		where user_id = $1 and removed_at is null and case when $2::uuid is null then selected else id = $2 end`, follower, account, paperBuyingPower).
		Scan(&power)
	if err != nil {
		return power, fmt.Errorf("read the account's buying power: %w", err)
	}
	return power, nil
}

// dryEvents reads a trader's latest announced entries, and whatever else of theirs
// was announced on the same positions. Foreign tables: alerts (index alerts_user),
// orders (index orders_position), positions, fills.
func (c *Copier) dryEvents(ctx context.Context, tx pgx.Tx, leader uuid.UUID) ([]dryEvent, error) {
	rows, err := tx.Query(ctx, `
		with entry as (
			select o.id, o.position_id from alerts a join orders o on o.id = a.order_id
			where a.user_id = $1 and a.public and a.side = 'BTO' and o.source <> 'copy' and o.cum > 0
			order by a.created_at desc, a.id desc limit $2
		)
		select o.id, o.position_id, o.side = 'BTO', o.symbol, o.underlying, o.multiplier, o.cum, round(o.cum_notional / o.cum, 4),
			f.first, f.executed, o.finished_at, o.id in (select id from entry), p.status = 'expired'
		from (select distinct position_id from entry) e
		join orders o on o.position_id = e.position_id and o.source <> 'copy' and o.cum > 0
		join alerts a on a.order_id = o.id and a.public
		join positions p on p.id = o.position_id
		join lateral (
			select min(learnt_at) as first, min(least(coalesce(executed_at, learnt_at), learnt_at)) as executed from fills where order_id = o.id) f on true
		order by f.first, o.id limit $3`, leader, drySignals, dryOrders)
	if err != nil {
		return nil, fmt.Errorf("read signals: %w", err)
	}
	return scanDryEvents(rows, c.clock.Today())
}
