package copytrade

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
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
	out, err := c.offerOnPaper(ctx, orders.CopyOrder{
		UserID: s.FollowerID, LeaderID: s.TraderID, SubscriptionID: s.ID, Contract: h.Contract, Quantity: h.Quantity,
	})
	if err != nil {
		return err
	}
	return c.db.AsSystem(ctx, "copier", func(ctx context.Context, tx pgx.Tx) error {
		_, err := c.takeOffer(ctx, tx, out, nil)
		return err
	})
}

// paperOffer is a holding on paper that can be sold at the bid now.
type paperOffer struct {
	order orders.CopyOrder
	draft orders.Paper
	bid   money.Price
}

// offerOnPaper asks the market for the bid; while it is closed, and without a fresh
// bid, nothing can be sold.
func (c *Copier) offerOnPaper(ctx context.Context, order orders.CopyOrder) (out paperOffer, err error) {
	if !c.clock.Open(order.Contract.Underlying) {
		return out, fault.Risk("market_closed", order.Contract.Display()+": the market is closed.")
	}
	order.Side, order.Type = orders.STC, orders.Market
	draft, err := c.desk.DraftPaper(ctx, order)
	if err != nil {
		return out, err
	}
	bid, ok := draft.Fill()
	if !ok {
		return out, fault.Risk("no_quote", order.Contract.Display()+": there is no fresh bid to sell at.")
	}
	return paperOffer{order, draft, bid}, nil
}

// takeOffer sells what is left of the holding, at most the quantity offered where a
// trigger sells it, and says how many that were. The switches come first, then the
// holding: of two sells one sees the other.
func (c *Copier) takeOffer(ctx context.Context, tx pgx.Tx, out paperOffer, trigger *uuid.UUID) (sold int, err error) {
	o := out.order
	if err := c.desk.JudgePaper(ctx, tx, out.draft, out.bid.Cost(o.Quantity, o.Contract.Multiplier), decimal.Zero); err != nil {
		return 0, err
	}
	err = tx.QueryRow(ctx, `
		select bought - sold from paper_holdings where subscription_id = $1 and symbol = $2 for no key update`, o.SubscriptionID, o.Contract.Symbol).Scan(&sold)
	if err != nil {
		return 0, fmt.Errorf("lock a holding on paper: %w", err)
	}
	if trigger != nil {
		sold = min(sold, o.Quantity)
	}
	if sold == 0 { // sold meanwhile
		return 0, nil
	}
	f := paperFill{
		subscription: o.SubscriptionID, user: o.UserID, trigger: trigger, contract: o.Contract, kind: paperClose, quantity: sold, price: out.bid, day: c.clock.Today(),
	}
	_, err = f.book(ctx, tx)
	return sold, err
}

// sellTriggered sells on paper, at the bid there is, what a bound was reached for. What
// cannot be sold now waits, as an order would.
func (c *Copier) sellTriggered(ctx context.Context, t Trigger, quantity int) error {
	out, err := c.offerOnPaper(ctx, orders.CopyOrder{
		UserID: t.FollowerID, LeaderID: t.TraderID, SubscriptionID: t.SubscriptionID, Contract: t.Contract, Quantity: quantity,
	})
	if err == nil {
		err = c.sellTaken(ctx, t, out)
	}
	if code, _, compared, refused := refusal(err); refused {
		return c.triggerWaits(ctx, t, code, compared)
	}
	return err
}

// sellTaken books the sale with its trigger and the follower's message. The locks are
// those of enterTrigger: the subscription, then the trigger, of which one of two
// processes finds it taken, then the switches and what is held.
func (c *Copier) sellTaken(ctx context.Context, t Trigger, out paperOffer) error {
	err := c.db.AsSystem(ctx, "copier", func(ctx context.Context, tx pgx.Tx) error {
		if err := takeTrigger(ctx, tx, t); err != nil {
			return err
		}
		sold, err := c.takeOffer(ctx, tx, out, &t.ID)
		if err != nil {
			return err
		}
		if sold == 0 { // sold meanwhile: the next round ends the trigger
			return errTaken
		}
		_, err = tx.Exec(ctx, `
			update copy_triggers set state = 'sold', reason = null, numbers = numbers || jsonb_build_object('sold', $2::int, 'soldAt', $3::text), updated_at = now()
			where id = $1`, t.ID, sold, out.bid.String())
		if err != nil {
			return fmt.Errorf("end trigger %s: %w", t.ID, err)
		}
		return c.alerts.Notify(ctx, tx, c.soldOnPaper(t, sold, out.bid))
	})
	if errors.Is(err, errTaken) {
		return nil
	}
	c.desk.Refused(ctx, err)
	return err
}

// soldOnPaper is what became tells of an order, of a sale on paper.
func (c *Copier) soldOnPaper(t Trigger, sold int, at money.Price) alerts.Notification {
	return alerts.Notification{
		UserID: t.FollowerID, Type: alerts.CopyTradeExecuted, Title: t.onPaper(fmt.Sprintf("Sold %d %s", sold, t.Contract.Display())),
		Body:  fmt.Sprintf("%s: at %s, copied from @%s. Nothing was traded for you.", t.Kind.Words(), at.Display(), t.Trader),
		Brief: t.Kind.Words() + ", copied from @" + t.Trader, URL: t.page(), SubjectKey: "trigger:" + t.ID.String(), LearntAt: c.now(),
	}
}
