package copytrade

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/live"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/postgres"
)

const (
	decideSlice = 10_000 // followers decided about in one transaction (rule 8.3), or fewer where that takes too long
	tellSlice   = 5000   // followers told in one
	// Set-wise work has its own time, and memory enough to keep a slice out of files.
	decideTime    = `set_config('statement_timeout', '2s', true), set_config('work_mem', '32MB', true)`
	setDecideTime = `select ` + decideTime
)

// signal is an order of a leader as its followers' line sees it.
type signal struct {
	Seed                string
	PlaceOf, PaperOf    int // followers in line, and in that of those on paper
	Placed, PaperPlaced int // how many of each were decided about
	LastKey             string
	leader              orders.Order
	filled              filledAt
	trigger             time.Time
	slice               int     // how many are decided about at once
	unpublished         bool    // the trader has stopped publishing, or may not be copied
	calls               []int32 // when the budget lets copied entries out, in ms from now; nil: any time
	promised            int     // how many of them are promised to others
	marked              []string
	marks               []decimal.Decimal // of the marked contracts, for the day's results
}

// fanOut makes one decision for each follower of the trigger, a slice of them in
// each transaction; a second run goes on behind the last one. A slice that a busy
// database does not manage in its time is halved. The asked are told in the
// transaction of their decision.
func (c *Copier) fanOut(ctx context.Context, o orders.Order, filled filledAt, trigger time.Time) error {
	in, err := c.openSignal(ctx, o, trigger)
	if err != nil || !in.open {
		return err
	}
	s := signal{leader: o, filled: filled, trigger: trigger, slice: c.slice}
	if o.Side == orders.BTO {
		s.marked, s.marks = c.marksOf(ctx, o.UserID, nil)
		if s.unpublished, err = notCopied(ctx, c.db.Pool(), o.UserID); err != nil { // later, each copy's own transactions see it
			return err
		}
	}
	for done := false; !done; {
		if s.calls, s.promised, err = c.calls(ctx, s, in); err != nil {
			return err
		}
		err = c.db.AsSystem(ctx, "copier", func(ctx context.Context, tx pgx.Tx) (err error) {
			done, err = c.decideSlice(ctx, tx, s)
			return err
		})
		if postgres.IsTimeout(err) && s.slice > 1 {
			done, s.slice = false, s.slice/2
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// queue is who stands in a signal's line.
type queue struct {
	open     bool // somebody is left to decide about
	of       int
	patience int // the longest that one of them lets a copy wait, in seconds
}

// openSignal draws the seed of a signal's line and counts who stands in it, once for
// both, and tells whether anybody is left to decide about. A row of another run that
// this statement cannot see yet counts as open: whoever decides asks under its lock.
func (c *Copier) openSignal(ctx context.Context, o orders.Order, trigger time.Time) (q queue, err error) {
	seed, err := c.drawSeed()
	if err != nil {
		return queue{}, err
	}
	err = c.db.Pool().QueryRow(ctx, `
		with waiting as (
			select (count(*) filter (where not s.paper))::int as real, (count(*) filter (where s.paper))::int as paper, coalesce(max(s.max_delay_seconds), 0) as patience
			from `+activeAtTrigger+` s
		), opened as (
			insert into copy_signals (leader_order_id, trader_id, seed, place_of, paper_place_of)
			select @order::uuid, @trader::uuid, @seed, real, paper from waiting on conflict do nothing
		)
		select coalesce((select g.decided_at is null from copy_signals g where g.leader_order_id = @order), true), real + paper, patience from waiting`,
		pgx.NamedArgs{"order": o.ID, "trader": o.UserID, "seed": seed, "trigger": trigger}).Scan(&q.open, &q.of, &q.patience)
	if err != nil {
		return queue{}, fmt.Errorf("open the signal of order %s: %w", o.ID, err)
	}
	return q, nil
}

// drawSeed is sixteen random bytes in hex: drawn after the fill, so that nobody can
// choose an order or a subscription by the place it would get.
func (c *Copier) drawSeed() (string, error) {
	seed := make([]byte, 16)
	_, err := io.ReadFull(c.random, seed)
	return hex.EncodeToString(seed), err
}

// calls are when the request budget lets further copied entries out, in ms from
// now: enough for one slice behind those that are promised a call already. Nil is a
// program without a budget.
func (c *Copier) calls(ctx context.Context, s signal, in queue) (calls []int32, promised int, err error) {
	if c.forecast == nil || s.leader.Side == orders.STC {
		return nil, 0, nil
	}
	return c.free(ctx, time.Duration(in.patience)*time.Second, 2*min(in.of, s.slice))
}

// free forecasts calls within a time, at most most of them behind those that are
// promised to others already.
func (c *Copier) free(ctx context.Context, within time.Duration, most int) (calls []int32, promised int, err error) {
	if err := c.db.Pool().QueryRow(ctx, promisedCalls, c.rules.Limits().BalanceFresh().Seconds()).Scan(&promised); err != nil {
		return nil, 0, fmt.Errorf("count the calls promised to copies: %w", err)
	}
	forecast, err := c.forecast(ctx, within, most+promised)
	if err != nil {
		return nil, 0, err
	}
	calls = make([]int32, len(forecast))
	for i, d := range forecast {
		calls[i] = int32(d.Milliseconds())
	}
	return calls, promised, nil
}

// promisedCalls counts the calls that copied entries in line still need: those
// without an order one for it, and one more where the balance is not fresh ($1
// seconds) by then; the others one (indexes copy_decisions_open,
// orders_copies_in_hand). Foreign tables: orders, accounts.
const promisedCalls = `select ((select count(*) + count(*) filter (where coalesce(a.balance_at, '-infinity') + make_interval(secs => $1)
			<= greatest(c.due_at, clock_timestamp()))
		from copy_decisions c join subscriptions s on s.id = c.subscription_id
		left join accounts a on a.user_id = c.user_id and a.removed_at is null
			and case when s.account_id is null then a.selected else a.id = s.account_id end
		where c.result in ('queued', 'approved') and c.side = 'BTO' and not c.paper and c.order_id is null and c.expires_at > clock_timestamp())
	+ (select count(*) from orders where source = 'copy' and side = 'BTO' and state in ('queued', 'submitting')))::int`

// decideSlice decides about the next followers in line. The signal's row is held,
// so that two runs at once do one after the other what is left. Foreign table: users.
func (c *Copier) decideSlice(ctx context.Context, tx pgx.Tx, s signal) (done bool, err error) {
	var trader string
	err = tx.QueryRow(ctx, `
		select seed, place_of, paper_place_of, placed, paper_placed, last_key,
			(select username from users where id = trader_id), `+decideTime+`
		from copy_signals where leader_order_id = $1 and decided_at is null for no key update`, s.leader.ID).
		Scan(&s.Seed, &s.PlaceOf, &s.PaperOf, &s.Placed, &s.PaperPlaced, &s.LastKey, &trader, nil, nil)
	if errors.Is(err, pgx.ErrNoRows) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("lock the signal of order %s: %w", s.leader.ID, err)
	}
	statement := c.entries()
	if s.leader.Side == orders.STC {
		statement = fanOutExits
	}
	var real, paper, left int
	var last *string
	var terms string
	args, err := c.sliceArgs(s)
	if err != nil {
		return false, err
	}
	if err := tx.QueryRow(ctx, inSlice(statement, s.slice, s.LastKey == ""), args).Scan(&real, &paper, &last, &left, &terms); err != nil {
		return false, fmt.Errorf("decide: %w", err)
	}
	c.crash("C11")
	if err := c.ask(ctx, tx, s.leader, firstAsked, madeNow, pgx.NamedArgs{"terms": terms, "trader": trader}); err != nil {
		return false, err
	}
	done = left <= s.slice
	_, err = tx.Exec(ctx, `
		update copy_signals set placed = placed + $2, paper_placed = paper_placed + $3, last_key = coalesce($4, last_key),
			decided_at = case when $5 then clock_timestamp() end
		where leader_order_id = $1`, s.leader.ID, real, paper, last, done)
	if err != nil {
		return false, fmt.Errorf("note how far order %s was decided about: %w", s.leader.ID, err)
	}
	return done, nil
}

func (c *Copier) sliceArgs(s signal) (pgx.NamedArgs, error) {
	ids, err := uuid.NewRandomFromReader(c.random)
	if err != nil {
		return nil, fmt.Errorf("draw ids of decisions: %w", err)
	}
	args := c.fanOutArgs(s.leader, s.filled, s.trigger)
	args["seed"], args["lastKey"] = s.Seed, s.LastKey
	args["placed"], args["placeOf"], args["paperPlaced"], args["paperOf"] = s.Placed, s.PlaceOf, s.PaperPlaced, s.PaperOf
	args["marked"], args["marks"], args["unpublished"] = s.marked, s.marks, s.unpublished
	args["calls"], args["skip"], args["balanceAge"] = s.calls, s.promised, c.rules.Limits().BalanceFresh().Milliseconds()
	args["ids"] = ids.String()[:24]
	return args, nil
}

// tell shows what was decided on the followers' open pages, after it was decided:
// it takes as long, and nothing hangs on it. The sweep does it for a process that
// died before.
func (c *Copier) tell(ctx context.Context, leader orders.Order) error {
	var places int
	err := c.db.Pool().QueryRow(ctx, `
		select greatest(place_of, paper_place_of) from copy_signals where leader_order_id = $1 and decided_at is not null and told_at is null`,
		leader.ID).Scan(&places)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	for from := 0; err == nil && from < places; from += tellSlice {
		err = c.db.AsSystem(ctx, "copier", func(ctx context.Context, tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, setDecideTime); err != nil {
				return err
			}
			slice := pgx.NamedArgs{"from": from, "to": from + tellSlice}
			const those = `c.place > @from and c.place <= @to`
			return errors.Join(publishDecided(ctx, tx, leader.ID, those, slice), c.show(ctx, tx, leader, those, slice))
		})
	}
	if err == nil {
		_, err = c.db.Pool().Exec(ctx, `update copy_signals set told_at = clock_timestamp() where leader_order_id = $1`, leader.ID)
	}
	if err != nil {
		return fmt.Errorf("tell of the decisions about order %s: %w", leader.ID, err)
	}
	return nil
}

// publishDecided shows decisions of an order that meet a condition on their
// followers' pages, without reading them; what has filled meanwhile has told of
// itself. What all have in common comes from one of them, so that the shape of the
// API stands in one place.
func publishDecided(ctx context.Context, tx pgx.Tx, order uuid.UUID, condition string, args pgx.NamedArgs) error {
	named := pgx.NamedArgs{"reasons": reasons, "order": order}
	maps.Copy(named, args)
	one, err := collect(tx.Query(ctx, `select `+decisionColumns+decisionFrom+` where c.leader_order_id = @order and `+condition+` limit 1`, named))
	if err != nil || len(one) == 0 {
		return err
	}
	shape, err := json.Marshal(one[0])
	if err != nil {
		return fmt.Errorf("write a decision: %w", err)
	}
	named["shape"] = string(shape)
	return live.PublishQuery(ctx, tx, "decision", `
		select c.user_id, (@shape::jsonb - 'reasonText') || case when c.reason is null then '{}' else
				jsonb_build_object('reasonText', coalesce(@reasons::jsonb ->> c.reason, c.reason) || coalesce(' (' || nullif(c.numbers ->> 'words', '') || ')', '')) end ||
			jsonb_build_object('id', c.id, 'subscriptionId', c.subscription_id, 'paper', c.paper, 'quantity', c.quantity, 'result', c.result,
				'reason', c.reason, 'numbers', c.numbers, 'orderId', c.order_id, 'place', c.place, 'placeOf', c.place_of, 'sentAfterMs', `+sentAfter+`,
				'averagePrice', null, 'slippagePercent', null,
				'expiresAt', to_char(c.expires_at at time zone 'utc', `+isoTime+`), 'createdAt', to_char(c.decided_at at time zone 'utc', `+isoTime+`))
		from copy_decisions c join orders l on l.id = c.leader_order_id where c.leader_order_id = @order and c.result <> 'executed' and `+condition, named)
}
