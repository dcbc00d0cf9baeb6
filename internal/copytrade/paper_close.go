package copytrade

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/orders"
)

// closePaper sells what a subscription holds on paper at the bid, contract by
// contract, and says why others stay.
func (c *Copier) closePaper(ctx context.Context, s Subscription) (sold int, left []string, err error) {
	var held []PaperHolding
	err = c.db.As(ctx, s.FollowerID, func(ctx context.Context, tx pgx.Tx) error {
		held, err = readPaperHoldings(ctx, tx, s.FollowerID)
		return err
	})
	if err != nil {
		return 0, nil, fmt.Errorf("read what is held on paper: %w", err)
	}
	var errs []error
	for _, h := range held {
		if h.subscription != s.ID {
			continue
		}
		err := c.closeOnPaper(ctx, s, h)
		var refused *fault.Error
		switch {
		case err == nil:
			sold++
		case errors.As(err, &refused) && refused.Status < 500:
			left = append(left, refused.Public)
		default:
			errs = append(errs, fmt.Errorf("close %s on paper: %w", h.Contract.Symbol, err))
		}
	}
	return sold, left, errors.Join(errs...)
}

// closeOnPaper sells all of one holding at the bid, by the follower's own hand.
func (c *Copier) closeOnPaper(ctx context.Context, s Subscription, h PaperHolding) error {
	if !c.clock.Open(h.Contract.Underlying) {
		return fault.Risk("market_closed", h.Contract.Display()+": the market is closed.")
	}
	draft, err := c.desk.DraftPaper(ctx, orders.CopyOrder{
		UserID: s.FollowerID, LeaderID: s.TraderID, SubscriptionID: s.ID, Side: orders.STC, Contract: h.Contract, Quantity: h.Quantity, Type: orders.Market,
	})
	if err != nil {
		return err
	}
	bid, ok := draft.Fill()
	if !ok {
		return fault.Risk("no_quote", h.Contract.Display()+": there is no fresh bid to sell at.")
	}
	return c.db.AsSystem(ctx, "copier", func(ctx context.Context, tx pgx.Tx) error {
		if err := c.desk.JudgePaper(ctx, tx, draft, bid.Cost(h.Quantity, h.Contract.Multiplier), decimal.Zero); err != nil {
			return err
		}
		var quantity int
		err := tx.QueryRow(ctx, `
			select bought - sold from paper_holdings where subscription_id = $1 and symbol = $2 for no key update`, s.ID, h.Contract.Symbol).Scan(&quantity)
		if err != nil || quantity == 0 { // sold meanwhile
			return err
		}
		f := paperFill{
			subscription: s.ID, user: s.FollowerID, contract: h.Contract, kind: paperClose, quantity: quantity, price: bid, day: c.clock.Today(),
		}
		_, err = f.book(ctx, tx)
		return err
	})
}
