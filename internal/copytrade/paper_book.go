package copytrade

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/money"
)

const (
	paperTraders  = 200 // subscriptions on paper that are told, newest first
	paperHoldings = 500 // and holdings that are open
)

// PaperTrader is what copying one trader on paper came to.
type PaperTrader struct {
	SubscriptionID uuid.UUID      `json:"subscriptionId"`
	Trader         string         `json:"trader"` // username
	Status         string         `json:"status"`
	Bought         int            `json:"bought"`     // contracts, so far
	Realized       money.Amount   `json:"realized"`   // dollars, of what was sold or expired
	OpenCost       money.Amount   `json:"openCost"`   // dollars, of what is held
	Unrealized     *money.Amount  `json:"unrealized"` // of what is held, at the latest marks; null where one is missing
	Holdings       []PaperHolding `json:"holdings"`
}

// PaperHolding is one contract held on paper.
type PaperHolding struct {
	Contract     exchange.Contract `json:"contract"`
	Quantity     int               `json:"quantity"`
	AverageEntry money.Price       `json:"averageEntry"`
	Mark         *money.Price      `json:"mark"`
	Unrealized   *money.Amount     `json:"unrealized"`

	subscription uuid.UUID
	cost         decimal.Decimal
}

// MarshalJSON writes holdings as a list, also when there are none.
func (p PaperTrader) MarshalJSON() ([]byte, error) {
	type plain PaperTrader
	if p.Holdings == nil {
		p.Holdings = []PaperHolding{}
	}
	return json.Marshal(plain(p))
}

// Paper tells a follower what each subscription on paper came to, ended ones too.
func (c *Copier) Paper(ctx context.Context, follower uuid.UUID) (list []PaperTrader, err error) {
	var held []PaperHolding
	err = c.db.As(ctx, follower, func(ctx context.Context, tx pgx.Tx) error {
		if list, err = readPaper(ctx, tx, follower); err != nil {
			return err
		}
		held, err = readPaperHoldings(ctx, tx, follower)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read what is on paper: %w", err)
	}
	symbols := map[string]bool{}
	for _, h := range held {
		symbols[h.Contract.Symbol] = true
	}
	marks := c.marks(ctx, slices.Sorted(maps.Keys(symbols)))
	for i := range list {
		list[i].hold(held, marks)
	}
	return list, nil
}

// readPaper reads subscriptions on paper that are in force or made something
// (indexes subscriptions_one, paper_holdings' key). Foreign table: users.
func readPaper(ctx context.Context, tx pgx.Tx, follower uuid.UUID) ([]PaperTrader, error) {
	rows, err := tx.Query(ctx, `
		select s.id, t.username, s.status, coalesce(h.bought, 0)::int, coalesce(h.realized, 0), coalesce(h.cost, 0)
		from subscriptions s join users t on t.id = s.trader_id
		left join lateral (
			select sum(bought) as bought, sum(realized) as realized, sum(remaining_cost) as cost from paper_holdings where subscription_id = s.id) h on true
		where s.follower_id = $1 and s.paper and (s.status <> 'cancelled' or h.bought > 0)
		order by s.created_at desc, s.id limit $2`, follower, paperTraders)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (p PaperTrader, err error) {
		err = row.Scan(&p.SubscriptionID, &p.Trader, &p.Status, &p.Bought, &p.Realized, &p.OpenCost)
		return p, err
	})
}

// readPaperHoldings reads what is held on paper (index paper_holdings_open).
func readPaperHoldings(ctx context.Context, tx pgx.Tx, follower uuid.UUID) ([]PaperHolding, error) {
	rows, err := tx.Query(ctx, `
		select subscription_id, symbol, underlying, multiplier, bought - sold, remaining_cost from paper_holdings
		where user_id = $1 and bought > sold order by symbol, subscription_id limit $2`, follower, paperHoldings)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (h PaperHolding, err error) {
		var symbol, underlying string
		var multiplier int
		if err = row.Scan(&h.subscription, &symbol, &underlying, &multiplier, &h.Quantity, &h.cost); err != nil {
			return h, err
		}
		h.Contract, err = exchange.ParseSymbol(symbol)
		h.Contract.Underlying, h.Contract.Multiplier = underlying, multiplier
		shares := decimal.NewFromInt(int64(h.Quantity * multiplier))
		h.AverageEntry = money.Price{Decimal: h.cost.DivRound(shares, 4)}
		return h, err
	})
}

// hold takes the holdings that are the subscription's, at their marks.
func (p *PaperTrader) hold(all []PaperHolding, marks map[string]money.Price) {
	open, known := decimal.Zero, true
	for _, h := range all {
		if h.subscription != p.SubscriptionID {
			continue
		}
		if mark, quoted := marks[h.Contract.Symbol]; quoted {
			made := money.Amount{Decimal: mark.Cost(h.Quantity, h.Contract.Multiplier).Sub(h.cost)}
			h.Mark, h.Unrealized, open = &mark, &made, open.Add(made.Decimal)
		} else {
			known = false
		}
		p.Holdings = append(p.Holdings, h)
	}
	if known {
		p.Unrealized = &money.Amount{Decimal: open}
	}
}
