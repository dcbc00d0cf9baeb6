package copytrade

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/billing"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
)

// Subscription is one follower copying one trader.
type Subscription struct {
	ID         uuid.UUID `json:"id"`
	TraderID   uuid.UUID `json:"traderId"`
	Trader     string    `json:"trader"` // username
	FollowerID uuid.UUID `json:"subscriberId"`
	Settings   Settings  `json:"settings"`
	Status     string    `json:"status"`
	CreatedAt  time.Time `json:"createdAt"`

	Unmanaged *Unmanaged     `json:"unmanaged"` // why not all of the trader's reaches the copies; nil while it does
	MutedOn   *exchange.Date `json:"mutedOn"`   // the New York day without their buys; nil: none
}

const subscriptionColumns = `s.id, s.trader_id, t.username, s.follower_id, s.auto_execute, s.paper, s.max_position_size, s.max_daily_trades,
	s.scaling_mode, s.scaling_value, s.max_slippage_percent, s.max_delay_seconds, s.max_spread_percent, s.same_contract,
	s.order_type, s.account_id, s.allowed_underlyings, s.denied_underlyings, s.option_types, s.min_days_to_expiration, s.max_days_to_expiration,
	s.max_premium_per_trade, s.max_open_positions, s.max_exposure, s.daily_loss_stop, s.stop_loss_percent, s.take_profit_percent,
	s.close_on_expiry_at, s.status, s.created_at, s.unmanaged, s.muted_on`

func scanSubscription(row pgx.CollectableRow) (Subscription, error) {
	s := Subscription{Settings: Defaults()}
	v := &s.Settings
	err := row.Scan(&s.ID, &s.TraderID, &s.Trader, &s.FollowerID, v.AutoExecute, v.Paper, v.MaxPositionSize, v.MaxDailyTrades,
		&v.Scaling.Mode, &v.Scaling.Value, v.MaxSlippagePercent, v.MaxDelaySeconds, v.MaxSpreadPercent, v.SameContract,
		v.OrderType, &v.AccountID, v.AllowedUnderlyings, v.DeniedUnderlyings, v.OptionTypes, &v.MinDaysToExpiration.Value, &v.MaxDaysToExpiration.Value,
		&v.MaxPremiumPerTrade.Value, &v.MaxOpenPositions.Value, &v.MaxExposure.Value, &v.DailyLossStop.Value, &v.StopLossPercent.Value,
		&v.TakeProfitPercent.Value, &v.CloseOnExpiryAt.Value, &s.Status, &s.CreatedAt, &s.Unmanaged, &s.MutedOn)
	s.CreatedAt = s.CreatedAt.UTC()
	return s, err
}

// Key is what makes a request repeatable: the client's key and the body it came with.
type Key struct {
	Text string
	Body []byte
}

// Subscribe starts copying a trader, by id or username. The answer is the
// subscription in the shape of the API, the same for a repeated key.
func (c *Copier) Subscribe(ctx context.Context, follower uuid.UUID, key Key, trader string, given Settings) (json.RawMessage, bool, error) {
	k := postgres.RequestKey{User: follower, Route: "POST /api/copy-trading/subscribe", Key: key.Text, Body: key.Body}
	answer, err := c.db.Once(ctx, k, func(ctx context.Context, tx pgx.Tx) (postgres.Answer, error) {
		s, err := c.subscribe(ctx, tx, follower, trader, given)
		if err != nil {
			return postgres.Answer{}, err
		}
		body, err := json.Marshal(s)
		return postgres.Answer{Status: 201, Body: body}, err
	}, postgres.Across("the trader is told"))
	return answer.Body, answer.Replayed, err
}

func (c *Copier) subscribe(ctx context.Context, tx pgx.Tx, follower uuid.UUID, trader string, given Settings) (Subscription, error) {
	leader, err := findTrader(ctx, tx, trader)
	if err != nil {
		return Subscription{}, err
	}
	if leader == follower {
		return Subscription{}, fault.Field("username", "You cannot copy yourself.")
	}
	since, err := stoppedPublishing(ctx, tx, leader)
	if err != nil {
		return Subscription{}, err
	}
	if since != nil {
		return Subscription{}, fault.Conflict("invalid_state", "This trader has stopped publishing.")
	}
	settings := given.over(Defaults())
	if err := c.allowed(ctx, tx, follower, settings); err != nil {
		return Subscription{}, err
	}
	args := settings.args()
	args["follower"], args["trader"] = follower, leader
	var id uuid.UUID
	err = tx.QueryRow(ctx, `
		insert into subscriptions (follower_id, trader_id, account_id, auto_execute, paper, max_position_size, max_daily_trades, scaling_mode,
			scaling_value, max_slippage_percent, max_delay_seconds, max_spread_percent, same_contract, order_type, allowed_underlyings,
			denied_underlyings, option_types, min_days_to_expiration, max_days_to_expiration, max_premium_per_trade, max_open_positions, max_exposure,
			daily_loss_stop, stop_loss_percent, take_profit_percent, close_on_expiry_at)
		values (@follower, @trader, @account, @auto, @paper, @size, @trades, @mode, @scale, @slippage, @delay, @spread, @same, @kind, @allowed,
			@denied, @types, @minDays, @maxDays, @premium, @open, @exposure, @lossStop, @stopLoss, @takeProfit, @closeAt) returning id`, args).Scan(&id)
	if postgres.IsUnique(err, "subscriptions_one") {
		return Subscription{}, fault.Conflict("invalid_state", alreadyCopying(settings))
	}
	if err != nil {
		return Subscription{}, fmt.Errorf("subscribe: %w", err)
	}
	s, err := c.subscription(ctx, tx, follower, id, "")
	if err != nil {
		return Subscription{}, err
	}
	if *settings.Paper { // is the follower's own affair
		return s, nil
	}
	return s, c.tellTrader(ctx, tx, s)
}

func alreadyCopying(s Settings) string {
	if *s.Paper {
		return "You are already copying this trader on paper."
	}
	return "You are already copying this trader."
}

// findTrader reads the users table: a trader by id or username.
func findTrader(ctx context.Context, tx pgx.Tx, trader string) (uuid.UUID, error) {
	var named *uuid.UUID
	if id, err := uuid.Parse(trader); err == nil {
		named = &id
	}
	var id uuid.UUID
	err := tx.QueryRow(ctx, `
		select id from users where (id = $1 or username = lower($2)) and role in ('trader', 'admin') and status = 'active'`, named, trader).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return uuid.Nil, fault.NotFound()
	}
	return id, err
}

// allowed checks the settings, the account, the plan and the consent; paper needs
// neither of the last two.
func (c *Copier) allowed(ctx context.Context, tx pgx.Tx, follower uuid.UUID, s Settings) error {
	if err := s.Check(); err != nil {
		return err
	}
	if s.AccountID != nil {
		var listed bool
		err := tx.QueryRow(ctx, `select lists_orders from accounts where id = $1 and user_id = $2 and removed_at is null`, s.AccountID, follower).Scan(&listed)
		if errors.Is(err, pgx.ErrNoRows) {
			return fault.NotFound()
		}
		if err != nil {
			return err
		}
		if !listed {
			return fault.Field("accountId", reasons["no_order_lists"])
		}
	}
	if !*s.AutoExecute || *s.Paper {
		return nil
	}
	if err := c.gate.AllowsIn(ctx, tx, follower, billing.AutoCopy); err != nil {
		return err
	}
	given, err := consented(ctx, tx, follower)
	if err != nil {
		return err
	}
	if !given {
		return fault.Field("autoExecute", "Give your consent to automatic copying first.").With("consentVersion", ConsentVersion)
	}
	return nil
}

func (c *Copier) tellTrader(ctx context.Context, tx pgx.Tx, s Subscription) error {
	var follower string
	if err := tx.QueryRow(ctx, `select username from users where id = $1`, s.FollowerID).Scan(&follower); err != nil {
		return err
	}
	return c.alerts.Notify(ctx, tx, alerts.Notification{
		UserID: s.TraderID, Type: alerts.SubscriptionNew, Title: "@" + follower + " now copies you", URL: "/copy",
		SubjectKey: fmt.Sprintf("follower:%s:%s", s.FollowerID, c.clock.Today()), LearntAt: c.now(), // who comes and goes is told of once a day
	})
}

// locked ends a statement that reads a subscription in order to change it.
const locked = ` for no key update of s`

func (c *Copier) subscription(ctx context.Context, tx pgx.Tx, follower, id uuid.UUID, lock string) (Subscription, error) {
	rows, err := tx.Query(ctx, `
		select `+subscriptionColumns+` from subscriptions s join users t on t.id = s.trader_id
		where s.id = $1 and s.follower_id = $2`+lock, id, follower)
	if err != nil {
		return Subscription{}, err
	}
	s, err := pgx.CollectExactlyOneRow(rows, scanSubscription)
	if errors.Is(err, pgx.ErrNoRows) {
		return Subscription{}, fault.NotFound()
	}
	return s, err
}

// Subscription is one of the follower's own; somebody else's is not found.
func (c *Copier) Subscription(ctx context.Context, follower, id uuid.UUID) (s Subscription, err error) {
	err = c.db.As(ctx, follower, func(ctx context.Context, tx pgx.Tx) error {
		s, err = c.subscription(ctx, tx, follower, id, "")
		return err
	})
	return s, err
}

// Subscriptions lists whom a follower copies, newest first, at most 200.
func (c *Copier) Subscriptions(ctx context.Context, follower uuid.UUID) (list []Subscription, err error) {
	err = c.db.As(ctx, follower, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			select `+subscriptionColumns+` from subscriptions s join users t on t.id = s.trader_id
			where s.follower_id = $1 and s.status <> 'cancelled' order by s.created_at desc limit 200`, follower)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, scanSubscription)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list subscriptions: %w", err)
	}
	return list, nil
}

// Change is what a follower changes about a subscription. Status is active or paused.
type Change struct {
	Status   *string   `json:"status,omitempty"`
	Settings *Settings `json:"settings,omitempty"`
}

// Update changes settings or pauses and resumes. Trades of a pause are not copied
// afterwards. Pausing asks for nothing: neither plan nor consent may stand in its way.
// mayLoosen is asked when copying may do more than it does now, and its error is the
// answer.
func (c *Copier) Update(ctx context.Context, follower, id uuid.UUID, ch Change, mayLoosen func() error) (s Subscription, err error) {
	err = c.db.As(ctx, follower, func(ctx context.Context, tx pgx.Tx) error {
		s, err = c.update(ctx, tx, follower, id, ch, mayLoosen)
		return err
	})
	return s, err
}

func (c *Copier) update(ctx context.Context, tx pgx.Tx, follower, id uuid.UUID, ch Change, mayLoosen func() error) (s Subscription, err error) {
	if s, err = c.subscription(ctx, tx, follower, id, locked); err != nil {
		return s, err
	}
	if s.Status == "cancelled" {
		return s, fault.Conflict("invalid_state", "This subscription was cancelled.")
	}
	settings, status := s.Settings, s.Status
	if ch.Settings != nil {
		settings = ch.Settings.over(s.Settings)
	}
	if *settings.Paper != *s.Settings.Paper {
		return s, fault.Field("paper", "A subscription stays on paper, or real. Subscribe once more for the other; you may have both.")
	}
	if ch.Settings != nil && ch.Settings.Loosens(s.Settings) { // by the row that is held
		if err := mayLoosen(); err != nil {
			return s, err
		}
	}
	if ch.Status != nil {
		status = *ch.Status
	}
	if status != "active" && status != "paused" {
		return s, fault.Field("status", "active or paused.")
	}
	if ch.Settings != nil || status == "active" {
		if err := c.allowed(ctx, tx, follower, settings); err != nil {
			return s, err
		}
	}
	if err := save(ctx, tx, id, status, settings); err != nil {
		return s, err
	}
	return c.subscription(ctx, tx, follower, id, "")
}

// args are the settings as the statements that write them name them. Every one is set.
func (s Settings) args() pgx.NamedArgs {
	return pgx.NamedArgs{
		"account": s.AccountID, "auto": s.AutoExecute, "paper": s.Paper, "size": s.MaxPositionSize, "trades": s.MaxDailyTrades, "mode": s.Scaling.Mode,
		"scale": s.Scaling.Value, "slippage": s.MaxSlippagePercent, "delay": s.MaxDelaySeconds, "spread": s.MaxSpreadPercent,
		"same": s.SameContract, "kind": s.OrderType, "allowed": s.AllowedUnderlyings, "denied": s.DeniedUnderlyings, "types": s.OptionTypes,
		"minDays": s.MinDaysToExpiration.Value, "maxDays": s.MaxDaysToExpiration.Value, "premium": s.MaxPremiumPerTrade.Value,
		"open": s.MaxOpenPositions.Value, "exposure": s.MaxExposure.Value, "lossStop": s.DailyLossStop.Value,
		"stopLoss": s.StopLossPercent.Value, "takeProfit": s.TakeProfitPercent.Value, "closeAt": s.CloseOnExpiryAt.Value,
	}
}

// rests keeps until when subscription @id was active, where a statement that follows
// leaves it otherwise (@status). Its row is locked.
const rests = `with rests as (
			insert into subscription_periods (subscription_id, trader_id, began_at, ended_at)
			select id, trader_id, active_since, greatest(active_since, now()) from subscriptions where id = @id and status = 'active' and @status <> 'active')`

func save(ctx context.Context, tx pgx.Tx, id uuid.UUID, status string, v Settings) error {
	args := v.args()
	args["id"], args["status"] = id, status
	_, err := tx.Exec(ctx, rests+`
		update subscriptions set active_since = case when status <> 'active' and @status = 'active' then now() else active_since end,
			status = @status, account_id = @account, auto_execute = @auto, max_position_size = @size, max_daily_trades = @trades, scaling_mode = @mode,
			scaling_value = @scale, max_slippage_percent = @slippage, max_delay_seconds = @delay, max_spread_percent = @spread, same_contract = @same,
			order_type = @kind, allowed_underlyings = @allowed, denied_underlyings = @denied, option_types = @types, min_days_to_expiration = @minDays,
			max_days_to_expiration = @maxDays, max_premium_per_trade = @premium, max_open_positions = @open, max_exposure = @exposure, daily_loss_stop = @lossStop,
			stop_loss_percent = @stopLoss, take_profit_percent = @takeProfit, close_on_expiry_at = @closeAt, updated_at = now()
		where id = @id`, args)
	if err != nil {
		return fmt.Errorf("change subscription: %w", err)
	}
	return nil
}

// Unsubscribe ends a subscription. Open copies stay the follower's.
func (c *Copier) Unsubscribe(ctx context.Context, follower, id uuid.UUID) (s Subscription, err error) {
	err = c.db.As(ctx, follower, func(ctx context.Context, tx pgx.Tx) error {
		s, err = c.unsubscribe(ctx, tx, follower, id)
		return err
	})
	return s, err
}

func (c *Copier) unsubscribe(ctx context.Context, tx pgx.Tx, follower, id uuid.UUID) (Subscription, error) {
	if s, err := c.subscription(ctx, tx, follower, id, locked); err != nil {
		return s, err
	}
	_, err := tx.Exec(ctx, rests+` update subscriptions set status = @status, updated_at = now() where id = @id`,
		pgx.NamedArgs{"id": id, "status": "cancelled"})
	if err != nil {
		return Subscription{}, fmt.Errorf("unsubscribe: %w", err)
	}
	return c.subscription(ctx, tx, follower, id, "")
}
