package record

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

	// bringMost bounds what one transaction adds for a position; the rest comes with the next.
	bringMost = 200
)

// trade is a position as its trader's record sees it.
type trade struct {
	trader         uuid.UUID
	symbol, status string
	multiplier     int
	bought, sold   int // contracts, whatever became known of them by whatever way
	realized       decimal.Decimal
	outcome        *string
	paper          bool
	id             *uuid.UUID // the alert that opened it; nil: nothing of it was published
	known          bool       // it is on the record
	told           *string    // the result that was told last
	toldRealized   decimal.Decimal
	published      ledger
	fills          []fill
	changes        []adjustment
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
}

type adjustment struct {
	id       uuid.UUID
	kind     string
	symbol   string
	quantity int
}

// Bring adds to a trader's record what happened to one of their positions since it was
// brought last, and gives the head; it is zero when nothing of the position was published.
// The caller holds the position's lock, which keeps two from telling the same. The trader's
// head is locked after it and before the account's looks, by everybody: fills of one trader
// in two accounts take turns here. Foreign tables: positions, accounts, alerts,
// fills, position_adjustments.
func Bring(ctx context.Context, tx pgx.Tx, position uuid.UUID, now time.Time) (Hash, error) {
	t, err := readTrade(ctx, tx, position)
	if err != nil {
		return Hash{}, fmt.Errorf("read position %s for the record: %w", position, err)
	}
	if t.id == nil {
		return Hash{}, nil
	}
	news := t.news(now)
	if len(news) == 0 {
		return Hash{}, nil
	}
	head, err := add(ctx, tx, t.trader, news, now)
	if err != nil {
		return Hash{}, fmt.Errorf("add position %s to the record: %w", position, err)
	}
	if err := t.keep(ctx, tx, position, news[len(news)-1].Entry, now); err != nil {
		return Hash{}, fmt.Errorf("keep what was told of position %s: %w", position, err)
	}
	return head, nil
}

// keep notes that a position is on the record, and what was told of its end.
func (t trade) keep(ctx context.Context, tx pgx.Tx, position uuid.UUID, last Entry, now time.Time) error {
	if t.known && last.Result == "" {
		return nil
	}
	_, err := tx.Exec(ctx, `
		insert into record_trades (position_id, trader_id, trade, result, realized, updated_at)
		values ($1, $2, $3, nullif($4, ''), coalesce(nullif($5, '')::numeric, 0), $6)
		on conflict (position_id) do update set result = excluded.result, realized = excluded.realized, updated_at = excluded.updated_at`,
		position, t.trader, *t.id, last.Result, last.Realized, now)
	return err
}

// ownFills are the fills f of a position $1 that its trader published: those of public
// alerts, and, of what was begun in public, every sale of their own.
const ownFills = `
	from fills f join orders o on o.id = f.order_id join alerts a on a.order_id = f.order_id
	where f.position_id = $1 and o.source in ('manual', 'detected') and (a.public or f.side = 'STC')`

// readTrade reads, in one trip, the position and what of it is not on the record.
func readTrade(ctx context.Context, tx pgx.Tx, position uuid.UUID) (t trade, err error) {
	b := &pgx.Batch{}
	b.Queue(`
		select p.user_id, p.symbol, p.status, p.multiplier, p.bought, p.sold, p.realized, p.outcome, c.paper, r.trade is not null, r.result, coalesce(r.realized, 0),
			coalesce(r.trade, (select a.id from fills f join alerts a on a.order_id = f.order_id
				where f.position_id = p.id and f.side = 'BTO' and a.public order by f.learnt_at, f.order_id limit 1))
		from positions p join accounts c on c.id = p.account_id left join record_trades r on r.position_id = p.id
		where p.id = $1`, position).QueryRow(func(row pgx.Row) error {
		return row.Scan(&t.trader, &t.symbol, &t.status, &t.multiplier, &t.bought, &t.sold, &t.realized, &t.outcome, &t.paper, &t.known, &t.told, &t.toldRealized, &t.id)
	})
	b.Queue(`
		select coalesce(sum(f.quantity) filter (where f.side = 'BTO'), 0)::int, coalesce(sum(f.quantity) filter (where f.side = 'STC'), 0)::int,
			coalesce(sum(f.notional) filter (where f.side = 'BTO'), 0), coalesce(sum(f.notional) filter (where f.side = 'STC'), 0)`+ownFills,
		position).QueryRow(func(row pgx.Row) error {
		return row.Scan(&t.published.bought, &t.published.sold, &t.published.paid, &t.published.received)
	})
	b.Queue(`
		select f.order_id, a.id, f.cum, f.quantity, f.side, f.notional, f.executed_at`+ownFills+`
		  and not exists (select from record_entries e where e.order_id = f.order_id and e.cum = f.cum)
		order by f.learnt_at, f.order_id, f.cum limit $2`, position, bringMost).Query(func(rows pgx.Rows) (err error) {
		t.fills, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (f fill, err error) {
			err = row.Scan(&f.order, &f.alert, &f.cum, &f.quantity, &f.side, &f.notional, &f.executed)
			return f, err
		})
		return err
	})
	b.Queue(`
		select d.id, d.kind, d.symbol, d.quantity from position_adjustments d join record_trades r on r.position_id = d.position_id
		where d.position_id = $1 and d.kind not in ('expired', 'exercised')
		  and d.learnt_at >= (select min(f.learnt_at)`+ownFills+`)
		  and not exists (select from record_entries e where e.adjustment_id = d.id)
		order by d.learnt_at, d.id limit $2`, position, bringMost).Query(func(rows pgx.Rows) (err error) {
		t.changes, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (a adjustment, err error) {
			err = row.Scan(&a.id, &a.kind, &a.symbol, &a.quantity)
			return a, err
		})
		return err
	})
	return t, tx.SendBatch(ctx, b).Close()
}

// addition is an entry, and the row that it is about.
type addition struct {
	Entry

	order, adjustment *uuid.UUID
	cum               *int
}

// news are the entries that the record lacks, in the order in which things happened. An end
// is told only after all of its fills.
func (t trade) news(now time.Time) (list []addition) {
	about := Entry{At: now.UTC().Format(written), Trade: t.id.String(), Symbol: t.symbol, Paper: t.paper}
	for _, f := range t.fills {
		e := about
		e.Kind, e.Alert, e.Side, e.Quantity = Fill, f.alert.String(), f.side, f.quantity
		e.Price = f.notional.Div(decimal.NewFromInt(int64(f.quantity))).RoundBank(8).String()
		if f.executed != nil {
			e.Executed = f.executed.UTC().Format(written)
		}
		list = append(list, addition{Entry: e, order: &f.order, cum: &f.cum})
	}
	for _, a := range t.changes {
		e := about
		e.Kind, e.Reason, e.Symbol, e.Quantity = Correction, a.kind, a.symbol, a.quantity
		list = append(list, addition{Entry: e, adjustment: &a.id})
	}
	if len(list) >= bringMost {
		return list
	}
	if end, ended := t.ending(about); ended {
		list = append(list, addition{Entry: end})
	}
	return list
}

// ending tells how the trade has ended, or what is true instead of what was told.
func (t trade) ending(e Entry) (Entry, bool) {
	switch t.status {
	case "closed":
		e.Kind = Close
	case "expired", "exercised":
		e.Kind, e.Reason = Expiry, t.status
	default:
		return Entry{}, false
	}
	result, realized := t.result()
	e.Bought, e.Sold, e.Result, e.Realized = t.published.bought, t.published.sold, result, realized.String()
	if t.told != nil {
		if *t.told == result && t.toldRealized.Equal(realized) {
			return Entry{}, false
		}
		e.Kind, e.Reason = Correction, "result"
	}
	return e, true
}

// result is what came of the published contracts. Where the position held no others it is
// the position's own, fees included. Where it did (copied ones, or such as were bought while
// not publishing) those are nobody's business: what was published is reckoned by itself, at
// what its fills paid and received.
func (t trade) result() (result string, realized decimal.Decimal) {
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
		e.At = now.UTC().Format(written)
		_, err = add(ctx, tx, trader, []addition{{Entry: e}}, now)
	}
	if err != nil {
		return fmt.Errorf("add a %s to the record: %w", e.Kind, err)
	}
	return nil
}

// add puts entries at the end of a trader's chain, whose head it locks.
func add(ctx context.Context, tx pgx.Tx, trader uuid.UUID, list []addition, now time.Time) (Hash, error) {
	first := genesis(trader)
	var seq int
	var stored []byte
	err := tx.QueryRow(ctx, `
		insert into record_heads (trader_id, entries, head, updated_at) values ($1, 0, $2, $3)
		on conflict (trader_id) do update set updated_at = excluded.updated_at
		returning entries, head`, trader, first[:], now).Scan(&seq, &stored)
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
		trader, seqs, texts, hashes, orders, cums, adjusted, now, seq, head[:])
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
		where u.username = lower($1) and u.status <> 'deleted'
		  and (h.trader_id is not null or u.role in ('trader', 'admin') and u.status = 'active')`, username).
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
