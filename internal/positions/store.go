package positions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
)

// columns are read by scan, in its order. Foreign table: users, for the copied trader's name.
const columns = `p.id, p.user_id, p.account_id, p.symbol, p.underlying, p.option_type, p.strike, p.expiration, p.multiplier,
	p.status, p.bought, p.sold, p.sell_reserved, p.cost_bought, p.remaining_cost, p.proceeds, p.realized, p.fees,
	p.source, u.username, p.review_reason, p.opened_at, p.closed_at, p.created_at, p.notes, p.tags,
	p.missing, p.unpriced, p.outcome`

const from = ` from positions p left join users u on u.id = p.copied_from `

func scan(row pgx.CollectableRow) (Position, error) {
	var p Position
	err := row.Scan(&p.ID, &p.UserID, &p.AccountID, &p.Contract.Symbol, &p.Contract.Underlying, &p.Contract.Type, &p.Contract.Strike,
		&p.Contract.Expiration, &p.Contract.Multiplier, &p.Status, &p.Ledger.Bought, &p.Ledger.Sold, &p.Reserved,
		&p.Ledger.CostBought, &p.Ledger.RemainingCost, &p.Ledger.Proceeds, &p.Ledger.Realized, &p.Ledger.Fees,
		&p.Source, &p.CopiedFrom, &p.Review, &p.OpenedAt, &p.ClosedAt, &p.CreatedAt, &p.Notes, &p.Tags,
		&p.Missing, &p.Unpriced, &p.Outcome)
	return p, err
}

func one(rows pgx.Rows, err error) (Position, error) {
	if err != nil {
		return Position{}, err
	}
	p, err := pgx.CollectExactlyOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		return Position{}, fault.NotFound()
	}
	return p, err
}

// Position is one of the user's own positions; somebody else's is not found. A
// void one is not found either: it never held anything.
func (b *Book) Position(ctx context.Context, user, id uuid.UUID) (p Position, err error) {
	err = b.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		p, err = one(tx.Query(ctx, `select `+columns+from+`where p.id = $1 and p.user_id = $2 and p.bought > 0`, id, user))
		return err
	})
	return p, err
}

// Query asks for a page of positions, newest first.
type Query struct {
	Status string // open (with what waits for its expiry to be settled), closed, all
	Limit  int    // 1 to 200
	Cursor *Cursor

	Account *uuid.UUID // only those on this account
	Copied  *bool      // only those that copy trading opened, or did not
	Trader  string     // only those copied from somebody of this username
}

// statuses are those of q.Status.
func (q Query) statuses() []Status {
	open, closed := []Status{Open, ExpiryPending}, []Status{Closed, EndExpired, EndExercised}
	switch q.Status {
	case "open":
		return open
	case "closed":
		return closed
	}
	return slices.Concat(open, closed)
}

// Cursor is the last row of the page before.
type Cursor struct {
	At time.Time
	ID uuid.UUID
}

// Positions lists the user's positions that ever held something. The second
// result is the cursor of the next page, nil on the last. Each status gives its newest
// (index positions_user), so that nobody reads and sorts all that somebody ever held.
func (b *Book) Positions(ctx context.Context, user uuid.UUID, q Query) (page []Position, next *Cursor, err error) {
	at, id := time.Now().Add(24*time.Hour), uuid.Max
	if q.Cursor != nil {
		at, id = q.Cursor.At, q.Cursor.ID
	}
	err = b.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			select `+columns+` from unnest($8::text[]) s(status)
			cross join lateral (
				select * from positions p
				where p.user_id = $1 and p.status = s.status and p.bought > 0 and (p.created_at, p.id) < ($2, $3)
				  and ($5::uuid is null or p.account_id = $5) and ($6::bool is null or (p.source = 'copy') = $6)
				  and ($7 = '' or p.copied_from = (select id from users where username = lower($7)))
				order by p.created_at desc, p.id desc limit $4) p
			left join users u on u.id = p.copied_from
			order by p.created_at desc, p.id desc
			limit $4`, user, at, id, q.Limit+1, q.Account, q.Copied, q.Trader, q.statuses())
		if err != nil {
			return err
		}
		page, err = pgx.CollectRows(rows, scan)
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("list positions: %w", err)
	}
	if len(page) > q.Limit {
		page = page[:q.Limit]
		last := page[len(page)-1]
		next = &Cursor{last.CreatedAt, last.ID}
	}
	return page, next, nil
}

// Lock takes the position's row for the rest of the transaction (FOR NO KEY
// UPDATE; position before holding before order, rule 8.2) and reads it.
func Lock(ctx context.Context, tx pgx.Tx, id uuid.UUID) (Position, error) {
	p, err := one(tx.Query(ctx, `select `+columns+from+`where p.id = $1 for no key update of p`, id))
	if err != nil {
		return Position{}, fmt.Errorf("lock position %s: %w", id, err)
	}
	return p, nil
}

// Own reads a user's own position as it stands; somebody else's is not found.
func Own(ctx context.Context, tx pgx.Tx, user, id uuid.UUID) (Position, error) {
	return one(tx.Query(ctx, `select `+columns+from+`where p.id = $1 and p.user_id = $2`, id, user))
}

// LockOwn is Lock for a user's own position; somebody else's is not found.
func LockOwn(ctx context.Context, tx pgx.Tx, user, id uuid.UUID) (Position, error) {
	return one(tx.Query(ctx, `select `+columns+from+`where p.id = $1 and p.user_id = $2 for no key update of p`, id, user))
}

// Opening is what a position is opened with.
type Opening struct {
	UserID, AccountID uuid.UUID
	Contract          exchange.Contract
	Source            string
	CopiedFrom        *uuid.UUID
}

// ForEntry finds the open position of the contract on the account, or opens
// one, and holds its lock for the rest of the transaction.
func ForEntry(ctx context.Context, tx pgx.Tx, o Opening) (p Position, err error) {
	b := &pgx.Batch{}
	QueueForEntry(b, o, func(found Position) error {
		p = found
		return nil
	})
	return p, tx.SendBatch(ctx, b).Close()
}

// QueueForEntry is ForEntry as the next statement of a batch.
func QueueForEntry(b *pgx.Batch, o Opening, then func(Position) error) {
	c := o.Contract
	b.Queue(`
		with p as (
			insert into positions (user_id, account_id, symbol, underlying, option_type, strike, expiration, multiplier, source, copied_from)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
			on conflict (account_id, symbol) where status = 'open' do update set updated_at = now() returning *)
		select `+columns+` from p left join users u on u.id = p.copied_from`,
		o.UserID, o.AccountID, c.Symbol, c.Underlying, c.Type, c.Strike, c.Expiration, c.Multiplier, o.Source, o.CopiedFrom).
		Query(func(rows pgx.Rows) error {
			p, err := one(rows, rows.Err())
			if err != nil {
				return fmt.Errorf("open position in %s: %w", c.Symbol, err)
			}
			return then(p)
		})
}
