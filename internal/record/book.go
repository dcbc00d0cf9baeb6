package record

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
)

const (
	// written is how instants stand in an entry.
	written = "2006-01-02T15:04:05.000000Z"

	// pageOf is how many entries are read at once for a file.
	pageOf = 1000

	// bringMost bounds what one transaction adds; the rest comes with the next.
	bringMost = 200
)

// trade is a position as its trader's record sees it.
type trade struct {
	position, trader uuid.UUID
	symbol, status   string
	multiplier       int
	bought, sold     int // contracts, whatever became known of them by whatever way
	realized         decimal.Decimal
	cost             decimal.Decimal // of all that was bought
	outcome          *string
	closed           *time.Time
	paper            bool
	id               *uuid.UUID // the alert that opened it; nil: nothing of it was published
	known            bool       // it is on the record
	told             *string    // the result that was told last
	toldRealized     decimal.Decimal
	published        ledger
	fills            []fill
	changes          []adjustment
}

// ledger is what a trade's published fills came to, in dollars, fees left out.
type ledger struct {
	bought, sold   int
	paid, received decimal.Decimal
}

type fill struct {
	order, alert  uuid.UUID
	cum, quantity int
	side          string
	notional      decimal.Decimal
	executed      *time.Time
	learnt        time.Time
}

type adjustment struct {
	id       uuid.UUID
	kind     string
	symbol   string
	quantity int
	learnt   time.Time
}

// Bring adds to a trader's record what happened to one of their positions since it was
// brought last, and gives the head; it is zero when nothing of the position was published.
// The caller holds the position's lock, which keeps two from telling the same. The trader's
// head is locked after it and before the account's looks, by everybody: fills of one trader
// in two accounts take turns here. Foreign tables: positions, accounts, alerts,
// fills, position_adjustments.
func Bring(ctx context.Context, tx pgx.Tx, position uuid.UUID, now time.Time) (Hash, error) {
	head, _, err := bring(ctx, tx, []uuid.UUID{position}, now)
	return head, err
}

// bring is Bring for some positions of one trader, whose locks the caller holds, and says how
// many entries it added. Where that is bringMost there may be more to bring.
func bring(ctx context.Context, tx pgx.Tx, positions []uuid.UUID, now time.Time) (head Hash, added int, err error) {
	trades, err := readTrades(ctx, tx, positions)
	if err != nil {
		return Hash{}, 0, fmt.Errorf("read positions %s for the record: %w", positions, err)
	}
	list := newsOf(trades)
	if len(list) == 0 {
		return Hash{}, 0, nil
	}
	if head, err = add(ctx, tx, list[0].of.trader, list, now); err != nil {
		return Hash{}, 0, fmt.Errorf("add positions %s to the record: %w", positions, err)
	}
	if err := keep(ctx, tx, list, now); err != nil {
		return Hash{}, 0, fmt.Errorf("keep what was told of positions %s: %w", positions, err)
	}
	return head, len(list), nil
}

// keep notes which positions are on the record, and what was told of their ends: the last
// entry of each says it. That is what counts on boards and profiles from now on.
func keep(ctx context.Context, tx pgx.Tx, list []addition, now time.Time) error {
	last := map[uuid.UUID]Entry{}
	var told []*trade
	for _, a := range list {
		if _, seen := last[a.of.position]; !seen {
			told = append(told, a.of)
		}
		last[a.of.position] = a.Entry
	}
	var positions, trades []uuid.UUID
	var results, amounts, costs []string
	var paper []bool
	var finished []time.Time
	for _, t := range told {
		if e := last[t.position]; !t.known || e.Result != "" {
			positions, trades = append(positions, t.position), append(trades, *t.id)
			results, amounts = append(results, e.Result), append(amounts, e.Realized)
			paper, costs, finished = append(paper, t.paper), append(costs, t.publishedCost().String()), append(finished, t.finished(now))
		}
	}
	if len(positions) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `
		with told as (
			insert into record_trades (position_id, trader_id, trade, result, realized, updated_at)
			select v.position, $1, v.trade, nullif(v.result, ''), coalesce(nullif(v.realized, '')::numeric, 0), $2
			from unnest($3::uuid[], $4::uuid[], $5::text[], $6::text[]) v(position, trade, result, realized)
			on conflict (position_id) do update set result = excluded.result, realized = excluded.realized, updated_at = excluded.updated_at
			returning position_id, trader_id, result, realized)
		insert into published_results (position_id, trader_id, paper, result, realized, cost, finished_at)
		select t.position_id, t.trader_id, v.paper, nullif(t.result, 'unknown'), t.realized, v.cost::numeric, v.finished
		from told t join unnest($3::uuid[], $7::boolean[], $8::text[], $9::timestamptz[]) v(position, paper, cost, finished) on v.position = t.position_id
		where t.result is not null
		on conflict (position_id) do update set result = excluded.result, realized = excluded.realized, cost = excluded.cost, finished_at = excluded.finished_at`,
		told[0].trader, now, positions, trades, results, amounts, paper, costs, finished)
	return err
}

// publishedCost is what the published contracts cost, in dollars: with its fees where the
// position held no others, as result has it.
func (t *trade) publishedCost() decimal.Decimal {
	if t.published.bought == t.bought {
		return t.cost
	}
	return t.published.paid.Mul(decimal.NewFromInt(int64(t.multiplier)))
}

// finished is when a trade ended: now, where its position does not say.
func (t *trade) finished(now time.Time) time.Time {
	if t.closed != nil {
		return *t.closed
	}
	return now
}

// ownFills are the fills f of positions $1 that their trader published: those of public
// alerts, and, of what was begun in public, every sale of their own.
const ownFills = `
	from fills f join orders o on o.id = f.order_id join alerts a on a.order_id = f.order_id
	where f.position_id = any($1) and o.source in ('manual', 'detected') and (a.public or f.side = 'STC')`

// begun is the first public buy of a position d, as a column of what follows it.
const begun = `
	from fills f join alerts a on a.order_id = f.order_id
	where f.position_id = d.position_id and f.side = 'BTO' and a.public order by f.learnt_at, f.order_id limit 1`

// readTrades reads, in one trip, positions of one trader and what of them is not on the
// record, the oldest bringMost of it.
func readTrades(ctx context.Context, tx pgx.Tx, positions []uuid.UUID) ([]*trade, error) {
	var list []*trade
	of := make(map[uuid.UUID]*trade, len(positions))
	b := &pgx.Batch{}
	b.Queue(`
		select d.position_id, p.user_id, p.symbol, p.status, p.multiplier, p.bought, p.sold, p.realized, p.cost_bought, p.outcome, p.closed_at, c.paper,
			r.trade is not null, r.result, coalesce(r.realized, 0), coalesce(r.trade, (select a.id `+begun+`))
		from unnest($1::uuid[]) d(position_id) join positions p on p.id = d.position_id join accounts c on c.id = p.account_id
			left join record_trades r on r.position_id = p.id`, positions).Query(func(rows pgx.Rows) (err error) {
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (*trade, error) {
			t := &trade{}
			err := row.Scan(&t.position, &t.trader, &t.symbol, &t.status, &t.multiplier, &t.bought, &t.sold, &t.realized, &t.cost, &t.outcome, &t.closed, &t.paper,
				&t.known, &t.told, &t.toldRealized, &t.id)
			of[t.position] = t
			return t, err
		})
		return err
	})
	b.Queue(`
		select f.position_id, coalesce(sum(f.quantity) filter (where f.side = 'BTO'), 0)::int, coalesce(sum(f.quantity) filter (where f.side = 'STC'), 0)::int,
			coalesce(sum(f.notional) filter (where f.side = 'BTO'), 0), coalesce(sum(f.notional) filter (where f.side = 'STC'), 0)`+ownFills+`
		group by f.position_id`, positions).Query(func(rows pgx.Rows) error {
		var position uuid.UUID
		var l ledger
		_, err := pgx.ForEachRow(rows, []any{&position, &l.bought, &l.sold, &l.paid, &l.received}, func() error {
			of[position].published = l
			return nil
		})
		return err
	})
	b.Queue(`
		select f.position_id, f.order_id, a.id, f.cum, f.quantity, f.side, f.notional, f.executed_at, f.learnt_at`+ownFills+`
		  and not exists (select from record_entries e where e.order_id = f.order_id and e.cum = f.cum)
		order by f.learnt_at, f.order_id, f.cum limit $2`, positions, bringMost).Query(func(rows pgx.Rows) error {
		var position uuid.UUID
		var f fill
		_, err := pgx.ForEachRow(rows, []any{&position, &f.order, &f.alert, &f.cum, &f.quantity, &f.side, &f.notional, &f.executed, &f.learnt}, func() error {
			of[position].fills = append(of[position].fills, f)
			return nil
		})
		return err
	})
	b.Queue(`
		select d.position_id, d.id, d.kind, d.symbol, d.quantity, d.learnt_at from position_adjustments d
		where d.position_id = any($1) and d.kind not in ('expired', 'exercised')
		  and d.learnt_at >= (select f.learnt_at `+begun+`)
		  and not exists (select from record_entries e where e.adjustment_id = d.id)
		order by d.learnt_at, d.id limit $2`, positions, bringMost).Query(func(rows pgx.Rows) error {
		var position uuid.UUID
		var a adjustment
		_, err := pgx.ForEachRow(rows, []any{&position, &a.id, &a.kind, &a.symbol, &a.quantity, &a.learnt}, func() error {
			of[position].changes = append(of[position].changes, a)
			return nil
		})
		return err
	})
	return list, tx.SendBatch(ctx, b).Close()
}

// addition is an entry, and the row that it is about.
type addition struct {
	Entry

	of                *trade
	when              time.Time
	order, adjustment *uuid.UUID
	cum               *int
}

// newsOf are the entries that the record lacks of some trades, in the order in which things
// happened. Ends are told only when everything before them is.
func newsOf(trades []*trade) (list []addition) {
	for _, t := range trades {
		if t.id != nil {
			list = append(list, t.news()...)
		}
	}
	slices.SortStableFunc(list, func(a, b addition) int { return a.when.Compare(b.when) })
	if len(list) >= bringMost {
		return list[:bringMost]
	}
	for _, t := range trades {
		if t.id == nil {
			continue
		}
		if end, ended := t.ending(); ended {
			list = append(list, end)
		}
	}
	slices.SortStableFunc(list, func(a, b addition) int { return a.when.Compare(b.when) })
	return list
}

// entry is what every entry about the trade begins with; when it is written is for add to say.
func (t *trade) entry() Entry { return Entry{Trade: t.id.String(), Symbol: t.symbol, Paper: t.paper} }

// news are the entries that the record lacks of a trade, but for its end.
func (t *trade) news() (list []addition) {
	for _, f := range t.fills {
		e := t.entry()
		e.Kind, e.Alert, e.Side, e.Quantity = Fill, f.alert.String(), f.side, f.quantity
		e.Price = f.notional.Div(decimal.NewFromInt(int64(f.quantity))).RoundBank(8).String()
		if f.executed != nil {
			e.Executed = f.executed.UTC().Format(written)
		}
		list = append(list, addition{Entry: e, of: t, when: f.learnt, order: &f.order, cum: &f.cum})
	}
	for _, a := range t.changes {
		e := t.entry()
		e.Kind, e.Reason, e.Symbol, e.Quantity = Correction, a.kind, a.symbol, a.quantity
		list = append(list, addition{Entry: e, of: t, when: a.learnt, adjustment: &a.id})
	}
	return list
}

// ending tells how the trade has ended, or what is true instead of what was told: after all
// else that is told of it.
func (t *trade) ending() (end addition, ended bool) {
	e := t.entry()
	switch t.status {
	case "closed":
		e.Kind = Close
	case "expired", "exercised":
		e.Kind, e.Reason = Expiry, t.status
	default:
		return end, false
	}
	result, realized := t.result()
	e.Bought, e.Sold, e.Result, e.Realized = t.published.bought, t.published.sold, result, realized.String()
	if t.told != nil {
		if *t.told == result && t.toldRealized.Equal(realized) {
			return end, false
		}
		e.Kind, e.Reason = Correction, "result"
	}
	end = addition{Entry: e, of: t}
	if t.closed != nil {
		end.when = *t.closed
	}
	for _, f := range t.fills {
		end.when = later(end.when, f.learnt)
	}
	for _, a := range t.changes {
		end.when = later(end.when, a.learnt)
	}
	return end, true
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// result is what came of the published contracts. Where the position held no others it is
// the position's own, fees included. Where it did (copied ones, or such as were bought while
// not publishing) those are nobody's business: what was published is reckoned by itself, at
// what its fills paid and received.
func (t *trade) result() (result string, realized decimal.Decimal) {
	own := t.published
	if own.bought == t.bought {
		if t.outcome == nil {
			return Unknown, t.realized
		}
		return *t.outcome, t.realized
	}
	if own.sold < own.bought && t.status != "expired" {
		return Unknown, decimal.Zero // the rest left by a way that tells nothing of it alone
	}
	received := own.received
	if own.sold > own.bought { // some of what was sold was not published
		received = received.Mul(decimal.NewFromInt(int64(own.bought))).Div(decimal.NewFromInt(int64(own.sold)))
	}
	realized = received.Sub(own.paid).Mul(decimal.NewFromInt(int64(t.multiplier))).RoundBank(8)
	switch realized.Sign() {
	case 1:
		return Win, realized
	case -1:
		return Loss, realized
	}
	return Breakeven, realized
}

// Withdraw tells that a trader publishes nothing from now on; Resume that they do again.
// Where nothing was ever published there is nothing to tell.
func Withdraw(ctx context.Context, tx pgx.Tx, trader uuid.UUID, now time.Time) error {
	return tell(ctx, tx, trader, Entry{Kind: Withdrawal, Reason: "stopped_publishing"}, now)
}

// Resume is the end of a withdrawal.
func Resume(ctx context.Context, tx pgx.Tx, trader uuid.UUID, now time.Time) error {
	return tell(ctx, tx, trader, Entry{Kind: Return}, now)
}

func tell(ctx context.Context, tx pgx.Tx, trader uuid.UUID, e Entry, now time.Time) error {
	var begun bool
	err := tx.QueryRow(ctx, `select exists (select from record_heads where trader_id = $1)`, trader).Scan(&begun)
	if err == nil && begun {
		_, err = add(ctx, tx, trader, []addition{{Entry: e}}, now)
	}
	if err != nil {
		return fmt.Errorf("add a %s to the record: %w", e.Kind, err)
	}
	return nil
}

// add puts entries at the end of a trader's chain, whose head it locks. They are written now,
// or when the entry before them was: a clock behind another process's does not lead back.
func add(ctx context.Context, tx pgx.Tx, trader uuid.UUID, list []addition, now time.Time) (Hash, error) {
	first := genesis(trader)
	var seq int
	var stored []byte
	var at time.Time
	err := tx.QueryRow(ctx, `
		insert into record_heads (trader_id, entries, head, updated_at) values ($1, 0, $2, $3)
		on conflict (trader_id) do update set updated_at = greatest(record_heads.updated_at, excluded.updated_at)
		returning entries, head, updated_at`, trader, first[:], now).Scan(&seq, &stored, &at)
	if err != nil {
		return Hash{}, fmt.Errorf("lock the head: %w", err)
	}
	head := Hash(stored)
	var (
		seqs             []int
		texts            []string
		hashes           [][]byte
		orders, adjusted []*uuid.UUID
		cums             []*int
	)
	for _, a := range list {
		a.At = at.UTC().Format(written)
		text, err := json.Marshal(a.Entry)
		if err != nil {
			return Hash{}, err
		}
		seq++
		head = next(trader, head, seq, text)
		seqs, texts, hashes = append(seqs, seq), append(texts, string(text)), append(hashes, bytes.Clone(head[:]))
		orders, cums, adjusted = append(orders, a.order), append(cums, a.cum), append(adjusted, a.adjustment)
	}
	_, err = tx.Exec(ctx, `
		with added as (
			insert into record_entries (trader_id, seq, entry, hash, order_id, cum, adjustment_id, created_at)
			select $1, v.seq, v.entry, v.hash, v.order_id, v.cum, v.adjustment_id, $8
			from unnest($2::int[], $3::text[], $4::bytea[], $5::uuid[], $6::int[], $7::uuid[]) v(seq, entry, hash, order_id, cum, adjustment_id))
		update record_heads set entries = $9, head = $10 where trader_id = $1`,
		trader, seqs, texts, hashes, orders, cums, adjusted, at, seq, head[:])
	return head, err
}

// Book is where records are read.
type Book struct{ db *postgres.DB }

// New returns a Book.
func New(db *postgres.DB) *Book { return &Book{db} }

// Standing is how long a trader's record is, and its head.
type Standing struct {
	Trader   uuid.UUID
	Username string
	Entries  int
	Head     Hash
}

// Of is the standing of the record of somebody who publishes, or ever did, whatever became
// of their role; before the first alert it is the empty one. Everybody else is not found,
// nor is who has left. Foreign table: users.
func (b *Book) Of(ctx context.Context, username string) (s Standing, err error) {
	var head []byte
	err = b.db.Pool().QueryRow(ctx, `
		select u.id, u.username, coalesce(h.entries, 0), h.head from users u left join record_heads h on h.trader_id = u.id
		where u.username = lower($1) and u.status <> 'deleted' and (h.trader_id is not null or `+Trader+`)`, username).
		Scan(&s.Trader, &s.Username, &s.Entries, &head)
	if errors.Is(err, pgx.ErrNoRows) {
		return Standing{}, fault.NotFound()
	}
	if err != nil {
		return Standing{}, fmt.Errorf("read the head of a record: %w", err)
	}
	s.Head = genesis(s.Trader)
	if head != nil {
		s.Head = Hash(head)
	}
	return s, nil
}

// Write writes a record as it stood, page by page: JSON Lines that Verify reads. What is
// added meanwhile is not in it.
func (b *Book) Write(ctx context.Context, w io.Writer, s Standing) error {
	if _, err := io.WriteString(w, header(s.Trader, s.Entries, s.Head)); err != nil {
		return err
	}
	prev := genesis(s.Trader)
	for from := 0; from < s.Entries; from += pageOf {
		page, err := b.page(ctx, s, from)
		if err != nil {
			return fmt.Errorf("read a record from entry %d: %w", from+1, err)
		}
		for i, e := range page {
			if _, err := io.WriteString(w, line(from+i+1, prev, e.hash, e.text)); err != nil {
				return err
			}
			prev = e.hash
		}
	}
	return nil
}

type stored struct {
	text []byte
	hash Hash
}

func (b *Book) page(ctx context.Context, s Standing, from int) ([]stored, error) {
	rows, err := b.db.Pool().Query(ctx, `
		select entry, hash from record_entries where trader_id = $1 and seq > $2 and seq <= $3 order by seq limit $4`,
		s.Trader, from, s.Entries, pageOf)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (e stored, err error) {
		var text string
		var hash []byte
		err = row.Scan(&text, &hash)
		e.text, e.hash = []byte(text), Hash(hash)
		return e, err
	})
}
