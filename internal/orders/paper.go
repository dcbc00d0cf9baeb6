package orders

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/money"
)

// Paper is a copy that is not sent anywhere: the market, the contract and the
// switches judge it as they judge an order, and no account does.
type Paper struct {
	draft Draft
	fresh bool // there is a quote to go by
}

// DraftPaper asks the market about a copy on paper.
func (d *Desk) DraftPaper(ctx context.Context, c CopyOrder) (Paper, error) {
	in := Intent{Side: c.Side, Contract: &c.Contract, Quantity: c.Quantity, Type: c.Type, Limit: c.Limit, TimeInForce: Day}
	dr := Draft{intent: in, contract: c.Contract, user: c.UserID, copy: &c}
	ctx, cancel := context.WithTimeout(ctx, d.lookUpTime)
	defer cancel()
	d.askMarket(ctx, &dr)
	dr.facts.Copy = true
	if err := dr.tooFar(); err != nil {
		return Paper{}, err
	}
	// What nobody could buy is refused before it may wait for its price.
	if _, err := d.rules.CheckOrder(dr.facts); err != nil {
		return Paper{}, err
	}
	return Paper{dr, d.rules.Fresh(dr.facts)}, nil
}

// Fill is the price the market gives now: the ask to who buys, the bid to who sells,
// if it lies within the limit. Without a fresh quote there is none.
func (p Paper) Fill() (price money.Price, ok bool) {
	f := p.draft.facts
	if !p.fresh {
		return price, false
	}
	if f.Entry {
		return *f.Ask, f.Ask.IsPositive() && (f.Limit == nil || !f.Ask.GreaterThan(f.Limit.Decimal))
	}
	return *f.Bid, f.Bid.IsPositive() && (f.Limit == nil || !f.Bid.LessThan(f.Limit.Decimal))
}

// JudgePaper is T1 of a copy on paper, as far as it goes without an account:
// switches, the day's loss (R14: made is what the follower's copies on paper came to
// today), R3 to R7 and R17, and for entries the day's counters, which are paper's
// own. It writes nothing else.
func (d *Desk) JudgePaper(ctx context.Context, tx pgx.Tx, p Paper, cost money.Amount, made decimal.Decimal) error {
	trade := d.tradeOf(p.draft)
	trade.Paper, trade.CopiesMade, trade.AccountID = true, made, uuid.Nil
	rules, err := d.rules.For(ctx, tx, trade)
	if err != nil {
		return err
	}
	if _, err := rules.CheckOrder(p.draft.facts); err != nil {
		return err
	}
	if !trade.Entry {
		return nil
	}
	return rules.UsePaper(ctx, tx, trade.UserID, trade.Day, cost, p.draft.copy.DailyCap)
}
