package copytrade

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/risk"
)

// placeEntry buys for one follower, unless it is too late, the follower has
// stopped copying, or the leader has left. A refusal is the decision's end.
func (c *Copier) placeEntry(ctx context.Context, leader orders.Order, filled filledAt, d Decision) error {
	s, agreed, err := c.settingsOf(ctx, d)
	if err != nil {
		return err
	}
	if s.Status != "active" || d.Result == Queued && !agreed {
		return c.finish(ctx, d, ending{Skipped, "copying_stopped", ""})
	}
	if c.MutedNow(s) {
		return c.finish(ctx, d, ending{Skipped, "muted_today", ""})
	}
	before := sendBefore(filled, d, s)
	if !c.now().Before(before) {
		return c.finish(ctx, d, d.late())
	}
	limit := orders.EntryLimit(d.Contract, d.SourcePrice, s.Settings.MaxSlippagePercent.Decimal)
	order := orders.CopyOrder{
		UserID: d.FollowerID, AccountID: s.Settings.AccountID, LeaderID: d.TraderID, SubscriptionID: d.SubscriptionID, DecisionID: d.ID,
		Side: orders.BTO, Contract: d.Contract, Quantity: d.Quantity, Type: orders.Limit, Limit: &limit,
		SendBefore: before, DailyCap: *s.Settings.MaxDailyTrades,
	}
	if *s.Settings.OrderType == "market" {
		order.Type, order.Limit, order.Most = orders.Market, nil, &limit
	}
	order.MaxSpread = &s.Settings.MaxSpreadPercent.Decimal
	withinLoss := c.lossStop(ctx, s)
	still := func(ctx context.Context, tx pgx.Tx) error {
		if err := withoutOthers(ctx, tx, leader, s); err != nil {
			return err
		}
		if err := withinBounds(ctx, tx, leader, s, limit, d.Quantity); err != nil {
			return err
		}
		if err := c.withinTotal(ctx, tx, leader, s, limit, d.Quantity); err != nil {
			return err
		}
		if err := withinLoss(ctx, tx); err != nil {
			return err
		}
		return stillWanted(ctx, tx, leader, d)
	}
	if d.Paper {
		err = c.buyOnPaper(ctx, leader, d, order, still)
	} else {
		err = c.enter(ctx, order, func(ctx context.Context, tx pgx.Tx) error {
			if err := c.takeHand(ctx, tx); err != nil {
				return err
			}
			return still(ctx, tx)
		})
	}
	if code, words, compared, refused := refusal(err); refused {
		e := ending{Skipped, code, ""}
		if code == "spread_too_wide" || code == "max_slippage" { // how wide, and what was asked, is nowhere else
			e.words = words
		}
		return c.refuse(ctx, d, e, compared)
	}
	return err
}

// withoutOthers refuses what the follower holds or is buying from elsewhere: two traders'
// signals, and what a follower buys by themselves, may come before the first is held. The
// line of copies is held (takeHand), so of two copies one sees the other's order. A
// second account is refused whatever the follower says of such contracts: a leader's
// sell is repeated on one. Foreign tables: positions, orders.
func withoutOthers(ctx context.Context, tx pgx.Tx, leader orders.Order, s Subscription) error {
	var elsewhere, scattered bool
	err := tx.QueryRow(ctx, `select `+boughtElsewhere+`, `+heldScattered+` from subscriptions s join orders o on o.id = $2 where s.id = $1`,
		s.ID, leader.ID).Scan(&elsewhere, &scattered)
	if err != nil {
		return fmt.Errorf("read what the follower of %s holds: %w", s.ID, err)
	}
	if scattered || elsewhere && *s.Settings.SameContract == "skip" {
		return fault.Conflict("already_held", reasons["already_held"])
	}
	return nil
}

// accountOf is the account a, on which subscription s buys.
const accountOf = `a.user_id = s.follower_id and a.removed_at is null and case when s.account_id is null then a.selected else a.id = s.account_id end`

// boughtElsewhere is whether the follower of s holds the contract of order o from
// elsewhere, or is buying it (indexes positions_one_open, orders_position, paper_holdings_open).
const boughtElsewhere = `case when s.paper then exists (
		select from paper_holdings h where h.user_id = s.follower_id and h.symbol = o.symbol and h.bought > h.sold and h.subscription_id <> s.id)
	else exists (
		select from accounts a join positions p on p.account_id = a.id and p.symbol = o.symbol and p.status = 'open'
		left join copy_holdings h on h.position_id = p.id and h.subscription_id = s.id
		where ` + accountOf + ` and (p.bought - p.sold > coalesce(h.bought - h.sold, 0) or exists (
			select from orders e where e.position_id = p.id and e.side = 'BTO' and ` + exitsLive + ` and e.subscription_id is distinct from s.id))) end`

// heldScattered is whether s holds copies of the contract of order o on another account
// than the one it buys on.
const heldScattered = `(not s.paper and exists (
		select from copy_holdings h join positions p on p.id = h.position_id
		where h.subscription_id = s.id and h.bought > h.sold and p.symbol = o.symbol and p.status = 'open'
			and not exists (select from accounts a where a.id = p.account_id and ` + accountOf + `)))`

// withinBounds holds a subscription to its open positions and its exposure once
// more, in the transaction that writes the order: signals of one trader that fill
// together were each decided about without the others. The subscription's row is
// locked, so that one of them sees what the other wrote.
func withinBounds(ctx context.Context, tx pgx.Tx, leader orders.Order, s Subscription, limit money.Price, quantity int) error {
	if s.Settings.MaxOpenPositions.Value == nil && s.Settings.MaxExposure.Value == nil {
		return nil
	}
	if _, err := tx.Exec(ctx, `select from subscriptions where id = $1 for no key update`, s.ID); err != nil {
		return fmt.Errorf("lock subscription %s: %w", s.ID, err)
	}
	var full, dear bool
	var others int
	var exposed decimal.Decimal
	cost := limit.Cost(quantity, leader.Contract.Multiplier)
	err := tx.QueryRow(ctx, `
		select coalesce(copies.others >= s.max_open_positions, false), coalesce(copies.cost + $3::numeric > s.max_exposure, false), copies.others, copies.cost
		from subscriptions s join orders o on o.id = $2 join lateral (`+copiesOpen+`) copies on true where s.id = $1`,
		s.ID, leader.ID, cost).Scan(&full, &dear, &others, &exposed)
	if err != nil {
		return fmt.Errorf("count the copies of subscription %s: %w", s.ID, err)
	}
	switch {
	case full:
		return fault.Conflict("max_open_positions", reasons["max_open_positions"]).
			With("openPositions", others).With("maxOpenPositions", s.Settings.MaxOpenPositions.Value)
	case dear:
		return fault.Conflict("max_exposure", reasons["max_exposure"]).
			With("needed", cost).With("exposure", money.Amount{Decimal: exposed}).With("maxExposure", s.Settings.MaxExposure.Value)
	}
	return nil
}

// withinTotal holds a follower to the dollars they allow in copies of all traders
// together, once more, in the transaction that writes the order. The limit's row is
// locked behind the subscription's, so that of copies of several traders one sees what
// the other wrote; who has set none has no row. Foreign table: risk_limits.
func (c *Copier) withinTotal(ctx context.Context, tx pgx.Tx, leader orders.Order, s Subscription, limit money.Price, quantity int) error {
	var most decimal.NullDecimal
	err := tx.QueryRow(ctx, `
		select least(own, granted) from risk_limits where user_id = $1 and kind = $2 for no key update`, s.FollowerID, risk.CopyExposure).Scan(&most)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && !most.Valid {
		return nil
	}
	if err != nil {
		return fmt.Errorf("lock the limit of all copies: %w", err)
	}
	var exposed decimal.Decimal
	if err := tx.QueryRow(ctx, `select total.cost from subscriptions s join lateral (`+allCopies+`) total on true where s.id = $1`, s.ID).Scan(&exposed); err != nil {
		return fmt.Errorf("count the copies of %s: %w", s.FollowerID, err)
	}
	cost := limit.Cost(quantity, leader.Contract.Multiplier)
	if exposed.Add(cost.Decimal).LessThanOrEqual(most.Decimal) {
		return nil
	}
	return fault.Conflict("max_exposure_total", reasons["max_exposure_total"]).
		With("needed", cost).With("totalExposure", money.Amount{Decimal: exposed}).With("maxTotalExposure", money.Amount{Decimal: most.Decimal})
}

// sendBefore is until when a copied entry may be sent: from the leader's fill,
// or, once approved, until what the approval wrote.
func sendBefore(filled filledAt, d Decision, s Subscription) time.Time {
	if d.Result == Approved {
		return d.ExpiresAt
	}
	return filled.executed.Add(time.Duration(*s.Settings.MaxDelaySeconds) * time.Second)
}

// settingsOf reads the subscription of a decision as it stands now, and whether
// it still trades without asking.
func (c *Copier) settingsOf(ctx context.Context, d Decision) (s Subscription, agreed bool, err error) {
	err = c.db.AsSystem(ctx, "copier", func(ctx context.Context, tx pgx.Tx) error {
		s, err = c.subscription(ctx, tx, d.FollowerID, d.SubscriptionID, "")
		if err != nil || !*s.Settings.AutoExecute {
			return err
		}
		if agreed = d.Paper; !agreed { // paper needs no consent
			agreed, err = consented(ctx, tx, d.FollowerID)
		}
		return err
	})
	if err != nil {
		return s, false, fmt.Errorf("read settings of decision %s: %w", d.ID, err)
	}
	return s, agreed, nil
}

// stillWanted locks the decision and looks, in the transaction that writes the
// order, whether nobody placed or ended it and the leader still holds: an order
// written before the leader was flat is there to be withdrawn, one after is not
// written (INV-23). Foreign table: positions.
func stillWanted(ctx context.Context, tx pgx.Tx, leader orders.Order, d Decision) error {
	var flat bool
	err := tx.QueryRow(ctx, `
		select true from copy_decisions
		where id = $1 and order_id is null and result = $2 for no key update skip locked`, d.ID, d.Result).Scan(&flat)
	if errors.Is(err, pgx.ErrNoRows) {
		return errTaken
	}
	if err != nil {
		return fmt.Errorf("lock decision %s: %w", d.ID, err)
	}
	if err := tx.QueryRow(ctx, `select bought = sold from positions where id = $1`, leader.PositionID).Scan(&flat); err != nil {
		return fmt.Errorf("read the leader's position: %w", err)
	}
	if flat {
		return fault.Conflict("leader_flat", reasons["leader_flat"])
	}
	return nil
}
