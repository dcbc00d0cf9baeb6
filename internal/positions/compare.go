package positions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
)

// settledAfter is how long a difference from the broker has to stay the same
// before it counts, by the times its readings are of: brokers' holdings lag, and
// orders placed in their own apps are listed up to minutes late.
const settledAfter = 3 * time.Minute

// fewerThere is the review of a position whose contracts the broker has not all got.
const fewerThere = "the broker holds fewer contracts than are held here"

// explainedFor is how long sells that still work may be what is missing at the
// broker: until then a fill of theirs may be on its way to us.
const explainedFor = 15 * time.Minute

// Reading is what the broker says an account holds of options.
type Reading struct {
	AccountID, UserID uuid.UUID
	AsOf              time.Time // when it was true
	Held              []Held
	Complete          bool // else a contract that is not among them may be held all the same
}

// Held is what the broker holds of one contract. Average is what one share cost,
// nil when the broker does not say.
type Held struct {
	Contract exchange.Contract
	Quantity int
	Average  *decimal.Decimal // paid per share, where the broker says
	Price    *decimal.Decimal // last, per share, where the broker says
}

func (r Reading) of(symbol string) Held {
	for _, h := range r.Held {
		if h.Contract.Symbol == symbol {
			return h
		}
	}
	return Held{}
}

// difference is a contract of which the broker and we count differently.
type difference struct {
	Symbol       string
	Ours, Theirs int
	Since        time.Time // as of the first reading that said so
	held         Held      // the broker's words
	reading      *Reading
}

// Missing is how many contracts the broker has less than we have.
func (d difference) Missing() int { return d.Ours - d.Theirs }

// mayFill: it is too young for a working sell not to be what explains it.
func (d difference) mayFill() bool { return d.reading.AsOf.Sub(d.Since) < explainedFor }

func (d difference) settled() bool { return d.reading.AsOf.Sub(d.Since) >= settledAfter }

// Left is how many differences a comparison left as they are: too young to count;
// and those that orders may still explain, or that the reading is no newer than.
type Left struct{ Unsettled, Waiting int }

// Compare holds a reading against what we have, and books what differs and has
// stayed so: renamed contracts first, then what came and left. told is called in
// the transaction of each change. What the reading says of prices is kept.
func (b *Book) Compare(ctx context.Context, r Reading, today exchange.Date, told func(context.Context, pgx.Tx, Resolved) error) (left Left, err error) {
	if err := b.notePrices(ctx, r); err != nil {
		return left, err
	}
	var all []difference
	err = b.db.AsSystem(ctx, "holdings", func(ctx context.Context, tx pgx.Tx) (err error) {
		all, left, err = note(ctx, tx, r, today)
		return err
	})
	if err != nil || len(all) == 0 {
		return left, err
	}
	each := func(resolve func(context.Context, pgx.Tx) (Resolved, error)) error {
		return b.db.AsSystem(ctx, "holdings", func(ctx context.Context, tx pgx.Tx) error {
			done, err := resolve(ctx, tx)
			if err != nil {
				return err
			}
			if done.Kind == "" {
				left.Waiting++
				if !done.EndSells {
					return nil
				}
			}
			return told(ctx, tx, done)
		})
	}
	var errs []error
	pairs, rest := renamings(all)
	for _, pair := range pairs {
		errs = append(errs, each(func(ctx context.Context, tx pgx.Tx) (Resolved, error) {
			done, is, err := rename(ctx, tx, pair)
			if !is {
				rest = append(rest, pair.Out, pair.In)
			}
			return done, err
		}))
	}
	for _, d := range rest {
		errs = append(errs, each(func(ctx context.Context, tx pgx.Tx) (Resolved, error) { return resolve(ctx, tx, d) }))
	}
	return left, errors.Join(errs...)
}

// note compares a reading with the open positions in contracts that expire after
// today: what becomes of the others is for the settlement. It remembers what
// differs, forgets what no longer does, and returns the differences that have
// stayed the same for long enough to be looked into. Nothing is missing of what does
// not differ.
func note(ctx context.Context, tx pgx.Tx, r Reading, today exchange.Date) (settled []difference, left Left, err error) {
	symbols, quantities := make([]string, 0, len(r.Held)), make([]int, 0, len(r.Held))
	for _, h := range r.Held {
		if today.Before(h.Contract.Expiration) && h.Quantity > 0 {
			symbols, quantities = append(symbols, h.Contract.Symbol), append(quantities, h.Quantity)
		}
	}
	rows, err := tx.Query(ctx, `
		with theirs as (
			select * from unnest($4::text[], $5::int[]) as t (symbol, held)
		), ours as (
			select symbol, bought - sold as held from positions
			where account_id = $1 and status = 'open' and bought > sold and expiration > $6
		), differs as (
			select coalesce(o.symbol, t.symbol) as symbol, coalesce(o.held, 0) as ours, coalesce(t.held, 0) as theirs
			from ours o full join theirs t on t.symbol = o.symbol
			where coalesce(o.held, 0) <> coalesce(t.held, 0) and ($7 or t.symbol is not null)
		), gone as (
			delete from position_differences g where account_id = $1 and as_of < $3 and ($7 or symbol in (select symbol from theirs))
			  and not exists (select 1 from differs d where d.symbol = g.symbol)
		), found as (
			select id from positions p where account_id = $1 and status = 'open' and (missing > 0 or review_reason = $8)
			  and ($7 or symbol in (select symbol from theirs)) and symbol not in (select symbol from differs)
			  and not exists (select 1 from position_differences g where g.account_id = $1 and g.symbol = p.symbol and g.as_of >= $3)
			order by id for no key update
		), whole as (
			update positions set missing = 0, updated_at = now(), review_reason = nullif(review_reason, $8) where id in (select id from found)
		)
		insert into position_differences as d (account_id, symbol, user_id, ours, theirs, since, as_of)
		select $1, symbol, $2, ours, theirs, $3, $3 from differs order by symbol
		on conflict (account_id, symbol) do update set
			since = case when (d.ours, d.theirs) = (excluded.ours, excluded.theirs) then d.since else excluded.since end,
			ours = excluded.ours, theirs = excluded.theirs, as_of = excluded.as_of
		where d.as_of < excluded.as_of
		returning symbol, ours, theirs, since`,
		r.AccountID, r.UserID, r.AsOf, symbols, quantities, today, r.Complete, fewerThere)
	if err != nil {
		return nil, Left{}, fmt.Errorf("compare holdings of account %s: %w", r.AccountID, err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d difference, err error) {
		err = row.Scan(&d.Symbol, &d.Ours, &d.Theirs, &d.Since)
		d.held, d.reading = r.of(d.Symbol), &r
		return d, err
	})
	if err != nil {
		return nil, Left{}, fmt.Errorf("compare holdings of account %s: %w", r.AccountID, err)
	}
	for _, d := range all {
		if d.settled() {
			settled = append(settled, d)
		}
	}
	left.Unsettled = len(all) - len(settled)
	left.Waiting, err = noNewer(ctx, tx, r, len(all))
	return settled, left, err
}

// noNewer is how many differences a reading could say nothing new about: they were
// noted as of a time that is no older. noted were written as of this one.
func noNewer(ctx context.Context, tx pgx.Tx, r Reading, noted int) (n int, err error) {
	err = tx.QueryRow(ctx, `select count(*) from position_differences where account_id = $1 and as_of >= $2`, r.AccountID, r.AsOf).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count the differences of account %s: %w", r.AccountID, err)
	}
	return n - noted, nil
}

// ordersOf is what the orders in one contract say about a difference.
type ordersOf struct {
	unresolved, buying, selling int
	changedAt                   time.Time
}

// ordersIn reads them under the lock of the contract's position. What becomes of an
// order that is being replaced is not known. Foreign tables: orders, order_changes.
func ordersIn(ctx context.Context, tx pgx.Tx, account uuid.UUID, symbol string) (o ordersOf, err error) {
	err = tx.QueryRow(ctx, `
		select count(*) filter (where state in ('queued', 'submitting', 'unknown')
		           or state = 'not_placed' and created_at > now() - interval '1 day'
		           or exists (select 1 from order_changes c where c.order_id = o.id and c.state in ('queued', 'submitting', 'unknown'))),
		       count(*) filter (where state in ('accepted', 'partial') and side = 'BTO'),
		       coalesce(sum(quantity - cum) filter (where state in ('accepted', 'partial') and side = 'STC'), 0),
		       coalesce(max(updated_at), to_timestamp(0))
		from orders o where account_id = $1 and symbol = $2`, account, symbol).Scan(&o.unresolved, &o.buying, &o.selling, &o.changedAt)
	if err != nil {
		return ordersOf{}, fmt.Errorf("read the orders in %s: %w", symbol, err)
	}
	return o, nil
}
