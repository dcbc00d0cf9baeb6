package copytrade

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/risk"
)

// scanDryEvents puts orders in the order in which they were decided about, with the
// ends of their contracts that have passed.
func scanDryEvents(rows pgx.Rows, today exchange.Date) ([]dryEvent, error) {
	ends := map[uuid.UUID]dryEvent{}
	events, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e dryEvent, err error) {
		var symbol, underlying string
		var multiplier int
		var price decimal.Decimal
		var first, executed time.Time
		var o orders.Order
		var worthless bool
		if err = row.Scan(&e.order, &e.position, &e.buy, &symbol, &underlying, &multiplier, &e.cum, &price, &first, &executed, &o.FinishedAt, &e.signal, &worthless); err != nil {
			return e, err
		}
		e.contract, err = exchange.ParseSymbol(symbol)
		e.contract.Underlying, e.contract.Multiplier = underlying, multiplier
		e.price, e.at = money.Price{Decimal: price}, triggerOf(o, first)
		e.delay = e.at.Sub(executed)
		if e.contract.Expiration.Before(today) {
			end := e
			end.expires, end.worthless, end.signal, end.at = true, worthless, false, e.contract.Expiration.At(16, 0)
			ends[e.position] = end
		}
		return e, err
	})
	for _, end := range ends {
		events = append(events, end)
	}
	slices.SortStableFunc(events, func(a, b dryEvent) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.order.String(), b.order.String()))
	})
	return events, err
}

// settle decides about the signals until nothing changes: what a signal is decided
// from depends on what became of those before it, so each round settles one more of
// them at least, and where nothing depends on others two rounds are all.
func (d *dry) settle(ctx context.Context, tx pgx.Tx, c *Copier) error {
	d.follow(c)
	for range drySignals + 1 {
		before := d.facts
		if err := d.judge(ctx, tx, c); err != nil {
			return err
		}
		if d.follow(c); d.settled(before) {
			return nil
		}
	}
	return errors.New("a dry run does not come to rest")
}

func (d *dry) settled(before map[uuid.UUID]dryFacts) bool {
	for id, f := range d.facts {
		if !f.equal(before[id]) {
			return false
		}
	}
	return true
}

// judgeDry decides about all signals of a dry run at once.
const judgeDry = `
with candidate as (
	select g.*, g.delay_ms * interval '1 millisecond' as delay, round(g.delay_ms / 1000.0, 1) as delay_seconds, true as account_ready, false as closing, @power::numeric as buying_power, false as held, @most::int as most, 0 as copies_today, false as unpublished, false as gone, false as muted, null::numeric as total_most, null::numeric as total_exposed, @trades::int as max_daily_trades,
		@mode::text as scaling_mode, @scale::numeric as scaling_value, @size::int as max_position_size, @slippage::numeric as max_slippage_percent,
		@delay::int as max_delay_seconds, @same::text as same_contract, @allowed::text[] as allowed_underlyings, @denied::text[] as denied_underlyings,
		@types::text[] as option_types, @minDays::int as min_days_to_expiration, @maxDays::int as max_days_to_expiration,
		@premium::numeric as max_premium_per_trade, @open::int as max_open_positions, @exposure::numeric as max_exposure, @lossStop::numeric as daily_loss_stop
	from unnest(@ids::uuid[], @cums::int[], @prices::numeric[], @multipliers::int[], @underlyings::text[], @kinds::text[], @left::int[], @delays::bigint[],
		@sessions::boolean[], @flats::boolean[], @others::bigint[], @exposed::numeric[], @made::numeric[])
		g (id, cum, price, multiplier, underlying, option_type, days_left, delay_ms, session_open, flat, open_others, exposed, made)
), ` + judgeEntries + `
select id, reason, size, numbers from judged`

func (d *dry) judge(ctx context.Context, tx pgx.Tx, c *Copier) error {
	rows, err := tx.Query(ctx, judgeDry, d.args(c))
	if err != nil {
		return fmt.Errorf("decide about signals: %w", err)
	}
	d.judged = map[uuid.UUID]dryJudgement{}
	var id uuid.UUID
	var j dryJudgement
	var numbers json.RawMessage
	_, err = pgx.ForEachRow(rows, []any{&id, &j.reason, &j.size, &numbers}, func() error {
		j.numbers = slices.Clone(numbers)
		d.judged[id] = j
		return nil
	})
	if err != nil {
		return fmt.Errorf("decide about signals: %w", err)
	}
	return nil
}

func (d *dry) args(c *Copier) pgx.NamedArgs {
	args := d.settings.args()
	var ids []uuid.UUID
	var cums, multipliers, left, others []int
	var prices, exposed, made []decimal.Decimal
	var underlyings, kinds []string
	var delays []int64
	var sessions, flats []bool
	for _, e := range d.events {
		if !e.signal {
			continue
		}
		f := d.facts[e.order]
		day := exchange.TradingDay(e.at.Add(c.clock.State().Offset))
		ids, cums, multipliers = append(ids, e.order), append(cums, e.cum), append(multipliers, e.contract.Multiplier)
		left, others, prices = append(left, day.DaysUntil(e.contract.Expiration)), append(others, f.others), append(prices, e.price.Decimal)
		exposed, made = append(exposed, f.exposed), append(made, f.made)
		underlyings, kinds = append(underlyings, e.contract.Underlying), append(kinds, string(e.contract.Type))
		delays = append(delays, e.delay.Milliseconds())
		sessions, flats = append(sessions, c.clock.OpenAt(e.contract.Underlying, e.at)), append(flats, f.flat)
	}
	args["ids"], args["cums"], args["prices"], args["multipliers"], args["underlyings"], args["kinds"] = ids, cums, prices, multipliers, underlyings, kinds
	args["left"], args["delays"], args["sessions"], args["flats"], args["others"], args["exposed"], args["made"] = left, delays, sessions, flats, others, exposed, made
	args["power"], args["most"] = d.power, d.rules.Limits().CopyContracts
	return args
}

// follow goes through the events with what was decided so far: it buys what was
// copied at the trader's price, sells as the trader's exits would have been
// followed, and notes from what facts each signal is decided.
func (d *dry) follow(c *Copier) {
	d.facts, d.lots = map[uuid.UUID]dryFacts{}, nil
	theirs := map[uuid.UUID]int{}                 // contracts the trader holds, by position
	copies := map[exchange.Date]int{}             // of a day
	madeOn := map[exchange.Date]decimal.Decimal{} // dollars realised on a day
	for _, e := range d.events {
		day := exchange.TradingDay(e.at.Add(c.clock.State().Offset))
		switch {
		case e.expires:
			d.expire(e)
		case !e.buy:
			madeOn[day] = madeOn[day].Add(d.sell(e, theirs[e.position]))
			theirs[e.position] -= e.cum
		default:
			if theirs[e.position] += e.cum; e.signal {
				d.facts[e.order] = d.factsAt(e, theirs[e.position] <= 0, madeOn[day])
				if d.buy(e, copies[day]) {
					copies[day]++
				}
			}
		}
	}
}

// factsAt are the facts of a signal: what would be held when it is decided about.
func (d *dry) factsAt(e dryEvent, flat bool, made decimal.Decimal) dryFacts {
	f := dryFacts{flat: flat, made: made}
	seen := map[string]bool{e.contract.Symbol: true}
	for _, l := range d.lots {
		if l.held() == 0 {
			continue
		}
		f.exposed = f.exposed.Add(l.cost(l.held()))
		if !seen[l.event.contract.Symbol] {
			f.others++
		}
		seen[l.event.contract.Symbol] = true
	}
	return f
}

// buy copies a signal as it was judged, unless what is checked later refuses it.
func (d *dry) buy(e dryEvent, today int) bool {
	j, known := d.judged[e.order]
	if !known {
		return false
	}
	l := &dryLot{event: e, numbers: j.numbers}
	d.lots = append(d.lots, l)
	if j.reason != nil {
		l.reason = *j.reason
		return false
	}
	facts := risk.Facts{Entry: true, Copy: true, Contract: e.contract, Quantity: j.size}
	if *d.settings.OrderType == "market" {
		facts.Market = true
	} else {
		limit := orders.EntryLimit(e.contract, e.price, d.settings.MaxSlippagePercent.Decimal)
		facts.Limit = &limit
	}
	if err := d.rules.CheckSize(facts); err != nil {
		l.reason = fault.CodeOf(err)
		return false
	}
	if today >= *d.settings.MaxDailyTrades {
		l.reason = "risk_daily_copies"
		return false
	}
	l.quantity = j.size
	return true
}

// sell follows an exit of the trader's, who held so many contracts before it, with
// the oldest copies first, and says what that realised.
func (d *dry) sell(e dryEvent, theirs int) (made decimal.Decimal) {
	held := 0
	for _, l := range d.lots {
		if l.event.contract.Symbol == e.contract.Symbol {
			held += l.held()
		}
	}
	target := exitTarget(held, e.cum, theirs, e.cum >= theirs)
	for _, l := range d.lots {
		if l.event.contract.Symbol != e.contract.Symbol || target == 0 {
			continue
		}
		n := min(target, l.held())
		before := l.made()
		l.sell(n, e.price.Decimal)
		made, target = made.Add(l.made()).Sub(before), target-n
	}
	return made
}

// expire ends what is left of a contract: for nothing, or for what nobody knows.
func (d *dry) expire(e dryEvent) {
	for _, l := range d.lots {
		if l.event.position != e.position || l.held() == 0 {
			continue
		}
		l.unknown = !e.worthless
		l.sell(l.held(), decimal.Zero)
	}
}

func (d *dry) symbolsOpen() []string {
	open := map[string]bool{}
	for _, l := range d.lots {
		if l.held() > 0 {
			open[l.event.contract.Symbol] = true
		}
	}
	return slices.Sorted(maps.Keys(open))
}

// result tells the run, newest signal first.
func (d *dry) result(marks map[string]money.Price) DryRun {
	run := DryRun{Signals: make([]DrySignal, 0, len(d.lots)), Skipped: []DryReason{}}
	skipped := map[string]int{}
	openMade, marked := decimal.Zero, true
	for _, l := range slices.Backward(d.lots) {
		s := l.signal(marks)
		run.Signals = append(run.Signals, s)
		if s.Reason != nil {
			skipped[*s.Reason]++
			continue
		}
		run.Copied++
		run.Open.Contracts += l.held()
		if s.Made != nil {
			run.Made.Decimal = run.Made.Add(s.Made.Decimal)
		}
		switch {
		case s.OpenMade != nil:
			openMade = openMade.Add(s.OpenMade.Decimal)
		case l.held() > 0:
			marked = false
		}
	}
	if run.Open.Contracts > 0 && marked {
		run.Open.Made = &money.Amount{Decimal: openMade}
	}
	for reason, n := range skipped {
		run.Skipped = append(run.Skipped, DryReason{reason, reasons[reason], n})
	}
	slices.SortFunc(run.Skipped, func(a, b DryReason) int { return cmp.Or(b.Count-a.Count, cmp.Compare(a.Reason, b.Reason)) })
	return run
}

func (l *dryLot) signal(marks map[string]money.Price) DrySignal {
	e := l.event
	s := DrySignal{
		At: e.at.UTC(), Contract: e.contract, SourceQuantity: e.cum, SourcePrice: e.price, Quantity: l.quantity, Sold: l.sold, Numbers: l.numbers,
	}
	if l.reason != "" {
		s.Reason, s.ReasonText = &l.reason, reasons[l.reason]
	}
	if l.sold > 0 && !l.unknown {
		s.ExitPrice = &money.Price{Decimal: l.proceeds.DivRound(decimal.NewFromInt(int64(l.sold)), 4)}
		s.Made = &money.Amount{Decimal: l.made()}
	}
	if mark, known := marks[e.contract.Symbol]; known && l.held() > 0 {
		s.OpenMade = &money.Amount{Decimal: mark.Cost(l.held(), e.contract.Multiplier).Sub(l.cost(l.held()))}
	}
	return s
}
