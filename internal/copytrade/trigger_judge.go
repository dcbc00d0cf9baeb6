package copytrade

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/orders"
)

const (
	triggersWithin = 15 * time.Minute // from the trigger; later a sale is only offered
	triggerSlice   = 2000             // holdings judged in one statement; rule 8.3 gives it two seconds
)

// TriggerJob places the exits of what was reached.
type TriggerJob struct{}

// Kind names the job for the queue.
func (TriggerJob) Kind() string { return "copy_triggers" }

// InsertOpts puts it beside exits, with their workers.
func (TriggerJob) InsertOpts() river.InsertOpts { return river.InsertOpts{Queue: orders.ExitQueue} }

// freeCopied is what copy holding h has beyond the live sells of its subscription.
const freeCopied = `h.bought - h.sold - coalesce((select sum(e.quantity - e.cum) from orders e
	where e.position_id = h.position_id and e.subscription_id = h.subscription_id and e.side = 'STC' and ` + exitsLive + `), 0)::int`

// costEach is what the contracts of holding h on position p cost, per share.
const costEach = `h.remaining_cost / ((h.bought - h.sold) * p.multiplier)`

// paperCostEach is costEach of holding h on paper.
const paperCostEach = `h.remaining_cost / ((h.bought - h.sold) * h.multiplier)`

// notReached is how many copied contracts of row r a bound of its kind has not been
// reached for: those that were bought since it was last, as far as they are free. A row
// without a position is held on paper (indexes copy_triggers_once, copy_triggers_paper_once).
const notReached = `least(r.free, r.bought - coalesce(case when r.position_id is null then (select max(g.bought) from copy_triggers g
		where g.subscription_id = r.subscription_id and g.position_id is null and g.symbol = r.symbol and g.kind = r.kind)
	else (select max(g.bought) from copy_triggers g
		where g.subscription_id = r.subscription_id and g.position_id = r.position_id and g.kind = r.kind) end, 0)) as held`

// oneTrigger is what one trigger covers of held contracts, no more than its one order may
// sell (R4, @hard), and the contracts bought up to which it does: the rest is judged again.
const oneTrigger = `least(held, @hard), bought - greatest(held - @hard, 0)`

// reachedBounds writes a trigger for each holding of the contracts quoted whose
// follower's stop-loss or take-profit the mark has reached, once for each copied
// contract and kind. What is being sold already is left to that. A follower who stopped
// copying has no such bounds any more. What is held on paper is all free: nothing of
// it is on its way (index paper_holdings_open_symbol). Foreign tables: positions (index
// positions_open_symbol), copy_holdings, orders.
const reachedBounds = `
with quoted as (
	select * from unnest(@symbols::text[], @marks::numeric[], @bids::numeric[]) q (symbol, mark, bid)
), holding as (
	select s.id as subscription_id, p.id as position_id, h.user_id, s.trader_id, p.symbol, q.mark, q.bid, ` + costEach + ` as cost_each,
		s.stop_loss_percent, s.take_profit_percent, h.bought, h.sold, ` + freeCopied + ` as free
	from quoted q
	join positions p on p.symbol = q.symbol and p.status = 'open'
	join copy_holdings h on h.position_id = p.id and h.bought > h.sold
	join subscriptions s on s.id = h.subscription_id and s.status <> 'cancelled'
	where s.stop_loss_percent is not null or s.take_profit_percent is not null
	union all
	select s.id, null, h.user_id, s.trader_id, h.symbol, q.mark, q.bid, ` + paperCostEach + `,
		s.stop_loss_percent, s.take_profit_percent, h.bought, h.sold, h.bought - h.sold
	from quoted q
	join paper_holdings h on h.symbol = q.symbol and h.bought > h.sold
	join subscriptions s on s.id = h.subscription_id and s.status <> 'cancelled'
	where s.stop_loss_percent is not null or s.take_profit_percent is not null
), reached as (
	select *, case when mark <= cost_each * (1 - stop_loss_percent / 100) then 'stop_loss'
		when mark >= cost_each * (1 + take_profit_percent / 100) then 'take_profit' end as kind
	from holding where free > 0
), anew as (
	select r.*, ` + notReached + ` from reached r where r.kind is not null
), made as (
	insert into copy_triggers (subscription_id, position_id, user_id, trader_id, kind, symbol, held, bought, percent, cost_each, mark, price, triggered_at, send_before, numbers)
	select subscription_id, position_id, user_id, trader_id, kind, symbol, ` + oneTrigger + `,
		case kind when 'stop_loss' then stop_loss_percent else take_profit_percent end, cost_each, mark, bid, @now, @before,
		jsonb_strip_nulls(jsonb_build_object('copied', bought - sold, 'free', free, 'mark', round(mark, 4)::text, 'bid', round(bid, 4)::text, 'costPerShare', round(cost_each, 4)::text,
			'stopLossPercent', stop_loss_percent::text, 'takeProfitPercent', take_profit_percent::text))
	from anew where held > 0
	order by subscription_id, position_id, symbol limit @slice
	on conflict do nothing
	returning *
)` + readTriggers

// readTriggers reads the triggers that a CTE named made has written.
const readTriggers = ` select ` + triggerColumns + ` from made g` + triggerJoins

// Judge holds quotes against the bounds of everybody who holds copies of the
// contracts: a row, a message and the bell of the exits are written together, in
// one statement for each slice of holdings. Quotes that are old, one-sided or from
// outside the session move nothing. It says how many were reached.
func (c *Copier) Judge(ctx context.Context, quotes []market.Quote) (reached int, err error) {
	var symbols []string
	var marks, bids []decimal.Decimal
	for _, q := range quotes {
		if c.judgeable(q) {
			symbols, marks, bids = append(symbols, q.Symbol), append(marks, q.Mark().Decimal), append(bids, q.Bid.Decimal)
		}
	}
	if len(symbols) == 0 {
		return 0, nil
	}
	args := pgx.NamedArgs{"symbols": symbols, "marks": marks, "bids": bids}
	return c.trigger(ctx, reachedBounds, args)
}

// judgeable reports whether copies may be sold because of a quote.
func (c *Copier) judgeable(q market.Quote) bool {
	return q.Bid != nil && q.Ask != nil && q.Fresh(c.clock.Now()) && c.clock.Open(underlyingOf(q.Symbol))
}

// underlyingOf is what a contract's session follows.
func underlyingOf(symbol string) string {
	contract, err := exchange.ParseSymbol(symbol)
	if err != nil {
		return ""
	}
	return contract.Underlying
}

// trigger runs a statement that writes triggers until it writes no full slice.
func (c *Copier) trigger(ctx context.Context, statement string, args pgx.NamedArgs) (reached int, err error) {
	now := c.now()
	args["now"], args["before"], args["slice"], args["hard"] = now, now.Add(triggersWithin), triggerSlice, c.rules.Limits().HardContracts
	for made := triggerSlice; made == triggerSlice; reached += made {
		err = c.db.AsSystem(ctx, "copier", func(ctx context.Context, tx pgx.Tx) error {
			made, err = c.triggerSome(ctx, tx, statement, args)
			return err
		})
		if err != nil {
			return reached, fmt.Errorf("judge what is held of copies: %w", err)
		}
	}
	return reached, nil
}

func (c *Copier) triggerSome(ctx context.Context, tx pgx.Tx, statement string, args pgx.NamedArgs) (int, error) {
	if _, err := tx.Exec(ctx, setDecideTime); err != nil {
		return 0, err
	}
	rows, err := tx.Query(ctx, statement, args)
	if err != nil {
		return 0, err
	}
	made, err := pgx.CollectRows(rows, scanTrigger)
	if err != nil || len(made) == 0 {
		return 0, err
	}
	told := make([]alerts.Notification, len(made))
	for i, t := range made {
		told[i] = c.reached(t)
		c.count(string(t.Kind))
	}
	if err := c.alerts.Notify(ctx, tx, told...); err != nil {
		return 0, err
	}
	if _, err := c.queue.InsertTx(ctx, tx, TriggerJob{}, nil); err != nil {
		return 0, fmt.Errorf("queue what was reached: %w", err)
	}
	return len(made), nil
}

// reached tells a follower that copies are being sold, and why.
func (c *Copier) reached(t Trigger) alerts.Notification {
	why := "it is their last day."
	if t.Percent.Valid {
		why = fmt.Sprintf("at %s they are %s%% %s the %s they cost.", t.Mark.Display(), money.Trim(t.change().Abs()), t.beside(), t.CostEach.Display())
	}
	return alerts.Notification{
		UserID: t.FollowerID, Type: alerts.CopyTradeClose, Title: t.onPaper(t.Kind.Words() + ": " + t.Contract.Display()),
		Body:  fmt.Sprintf("%d copied from @%s are being sold: %s", t.Held, t.Trader, why),
		Brief: "Copies from @" + t.Trader + " are being sold.", URL: t.page(),
		SubjectKey: "trigger:" + t.ID.String(), PositionID: t.PositionID, LearntAt: t.TriggeredAt, ValidUntil: &t.SendBefore,
	}
}

// onPaper says of a message when nothing is traded.
func (t Trigger) onPaper(title string) string {
	if t.Paper() {
		return "Paper: " + title
	}
	return title
}

// page is where the follower sees what the trigger is about.
func (t Trigger) page() string {
	if t.Paper() {
		return "/copy"
	}
	return "/positions/" + t.PositionID.String()
}

// change is how far the mark lies from the cost, in percent.
func (t Trigger) change() decimal.Decimal {
	return money.Percent(t.Mark.Sub(t.CostEach.Decimal), t.CostEach.Decimal).Decimal
}

func (t Trigger) beside() string {
	if t.Kind == StopLoss {
		return "below"
	}
	return "above"
}
