package copytrade

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/orders"
)

const (
	paperSettleSlice = 100 // holdings read at once
	paperSettleDays  = 3   // trading days, after which what nobody can tell is worth nothing
)

// expiredPaper is what is held on paper of a contract that has expired.
type expiredPaper struct {
	subscription, user uuid.UUID
	contract           exchange.Contract
}

// settlePaper closes what expired on paper, from 08:00 New York on the next trading
// day: for what the contract was worth at its underlying's close of the last day,
// and for nothing when nobody can tell that for three trading days.
func (c *Copier) settlePaper(ctx context.Context) error {
	day := orders.SettlementDay(c.clock.Now())
	known := map[lastClose]money.Price{}
	var errs []error
	last := expiredPaper{contract: exchange.Contract{Expiration: exchange.Date{Year: 1, Month: time.January, Day: 1}}}
	for page := paperSettleSlice; page == paperSettleSlice; {
		due, err := c.expiredOnPaper(ctx, day, last)
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		for _, e := range due {
			worth, sure := worthAt(e.contract, c.closeOf(ctx, e.contract, known))
			if sure || forgotten(e.contract.Expiration, day) {
				errs = append(errs, c.settleOnPaper(ctx, e, worth))
			}
			last = e
		}
		page = len(due)
	}
	return errors.Join(errs...)
}

// lastClose is an underlying's close on the last day of some contracts.
type lastClose struct {
	underlying string
	day        exchange.Date
}

// closeOf asks for each close once; zero is one that nobody tells.
func (c *Copier) closeOf(ctx context.Context, contract exchange.Contract, known map[lastClose]money.Price) money.Price {
	at := lastClose{contract.Underlying, contract.Expiration}
	if price, asked := known[at]; asked || contract.Adjusted() {
		return price
	}
	price, err := c.market.DayClose(ctx, at.underlying, at.day)
	if err != nil {
		price = money.Price{}
	}
	known[at] = price
	return price
}

// expiredOnPaper reads a page of them (index paper_holdings_expiring). What nobody can
// tell the worth of yet does not keep the others.
func (c *Copier) expiredOnPaper(ctx context.Context, day exchange.Date, after expiredPaper) ([]expiredPaper, error) {
	rows, err := c.db.Pool().Query(ctx, `
		select subscription_id, user_id, symbol, underlying, multiplier from paper_holdings
		where bought > sold and expiration < $1 and (expiration, subscription_id, symbol) > ($2, $3, $4)
		order by expiration, subscription_id, symbol limit $5`, day, after.contract.Expiration, after.subscription, after.contract.Symbol, paperSettleSlice)
	if err != nil {
		return nil, fmt.Errorf("read what expired on paper: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (e expiredPaper, err error) {
		var symbol, underlying string
		var multiplier int
		if err = row.Scan(&e.subscription, &e.user, &symbol, &underlying, &multiplier); err != nil {
			return e, err
		}
		e.contract, err = exchange.ParseSymbol(symbol)
		e.contract.Underlying, e.contract.Multiplier = underlying, multiplier
		return e, err
	})
}

// worthAt is what a contract is worth per share when its underlying closes at a
// price; not sure without one.
func worthAt(c exchange.Contract, close money.Price) (worth money.Price, sure bool) {
	if !close.IsPositive() {
		return worth, false
	}
	in := close.Sub(c.Strike)
	if c.Type == exchange.Put {
		in = in.Neg()
	}
	return money.Price{Decimal: decimal.Max(in, decimal.Zero)}, true
}

// forgotten says whether what expired has had its trading days to be known.
func forgotten(expired, day exchange.Date) bool {
	passed := 0
	for d := expired.AddDays(1); !day.Before(d) && passed < paperSettleDays; d = d.AddDays(1) {
		if exchange.IsTradingDay(d) {
			passed++
		}
	}
	return passed >= paperSettleDays
}

func (c *Copier) settleOnPaper(ctx context.Context, e expiredPaper, worth money.Price) error {
	err := c.db.AsSystem(ctx, "copier", func(ctx context.Context, tx pgx.Tx) error {
		var held int
		err := tx.QueryRow(ctx, `
			select bought - sold from paper_holdings where subscription_id = $1 and symbol = $2 for no key update`,
			e.subscription, e.contract.Symbol).Scan(&held)
		if err != nil || held == 0 { // another process was here
			return err
		}
		f := paperFill{
			subscription: e.subscription, user: e.user, contract: e.contract, kind: paperSettle, quantity: held, price: worth, day: c.clock.Today(),
		}
		made, err := f.book(ctx, tx)
		if err != nil {
			return err
		}
		result := money.Amount{Decimal: made}
		return c.alerts.Notify(ctx, tx, alerts.Notification{
			UserID: e.user, Type: alerts.CopyTradeExecuted, Title: fmt.Sprintf("Paper: %d %s expired", held, e.contract.Display()),
			Body:  fmt.Sprintf("Settled at %s on paper: %s. Nothing was traded for you.", worth.Display(), result.Signed()),
			Brief: "Settled on paper", URL: "/copy", SubjectKey: "paper " + e.subscription.String() + " " + e.contract.Symbol, LearntAt: c.now(),
		})
	})
	if err != nil {
		return fmt.Errorf("settle %s on paper: %w", e.contract.Symbol, err)
	}
	return nil
}
