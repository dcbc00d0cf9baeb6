package positions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/exchange"
)

// Resolved is what came of a difference: an adjustment that was booked, or a
// position whose working sells have to end before one can be.
type Resolved struct {
	Position   Position
	Kind       Kind // "" when nothing was booked
	Quantity   int  // contracts that came or, negative, left
	EndSells   bool
	OpenedHere bool // the position was opened for contracts we never saw bought
	Unlinked   bool // its account cannot be asked any more
}

// resolve books a settled difference as an external adjustment, unless an order
// in the contract may still explain it or somebody changed the position since.
// Whatever it leaves waits for the next reading.
func resolve(ctx context.Context, tx pgx.Tx, d difference) (Resolved, error) {
	p, found, err := lockOpen(ctx, tx, d.reading.AccountID, d.Symbol)
	if err != nil || p.Held() != d.Ours {
		return Resolved{}, err
	}
	o, err := ordersIn(ctx, tx, d.reading.AccountID, d.Symbol)
	switch {
	case err != nil || o.unresolved > 0:
		return Resolved{}, err
	case !o.changedAt.Before(d.Since):
		return Resolved{}, restart(ctx, tx, d)
	case d.Missing() < 0 && o.buying > 0:
		return Resolved{}, nil
	case d.Missing() < 0:
		return d.arrived(ctx, tx, p, found)
	case o.selling > d.Theirs: // a sell that works may have filled just now: it is not ended for its own fill
		return withhold(ctx, tx, p, d, !d.mayFill())
	case o.selling > 0 && d.mayFill():
		return Resolved{}, nil
	}
	return d.left(ctx, tx, p)
}

// lockOpen finds the open position of a contract, if there is one, and locks it.
func lockOpen(ctx context.Context, tx pgx.Tx, account uuid.UUID, symbol string) (p Position, found bool, err error) {
	var id uuid.UUID
	err = tx.QueryRow(ctx, `select id from positions where account_id = $1 and symbol = $2 and status = 'open'`, account, symbol).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return Position{}, false, nil
	}
	if err != nil {
		return Position{}, false, fmt.Errorf("find the open position in %s: %w", symbol, err)
	}
	p, err = Lock(ctx, tx, id)
	return p, err == nil && p.Status == Open, err
}

// restart makes a difference settle anew: an order changed while it was watched.
func restart(ctx context.Context, tx pgx.Tx, d difference) error {
	_, err := tx.Exec(ctx, `update position_differences set since = as_of where account_id = $1 and symbol = $2`, d.reading.AccountID, d.Symbol)
	if err != nil {
		return fmt.Errorf("watch the difference in %s anew: %w", d.Symbol, err)
	}
	return nil
}

// withhold keeps what the broker has not got from being sold while sells of more than
// the broker holds still work on the position; end: they are asked to end.
func withhold(ctx context.Context, tx pgx.Tx, p Position, d difference, end bool) (Resolved, error) {
	review := fewerThere
	p.Missing, p.Review = d.Missing(), &review
	if err := save(ctx, tx, p); err != nil {
		return Resolved{}, err
	}
	return Resolved{Position: p, EndSells: end}, nil
}

// left books contracts that were sold where we could not see it. What they
// brought is not known: nothing is realised, and the result says so.
func (d difference) left(ctx context.Context, tx pgx.Tx, p Position) (Resolved, error) {
	n := d.Missing()
	review := leftReview(n)
	p.Review = &review
	p, err := leave(ctx, tx, p, n, d.external())
	if err != nil {
		return Resolved{}, err
	}
	return d.done(ctx, tx, Resolved{Position: p, Kind: External, Quantity: -n})
}

func leftReview(n int) string {
	return fmt.Sprintf("%d contracts left this account outside Alertsify; what they brought is not known and not in the result", n)
}

// arrived books contracts that we never saw bought, at the broker's average.
func (d difference) arrived(ctx context.Context, tx pgx.Tx, p Position, found bool) (Resolved, error) {
	var err error
	if !found {
		p, err = ForEntry(ctx, tx, Opening{
			UserID: d.reading.UserID, AccountID: d.reading.AccountID, Contract: d.held.Contract, Source: "detected",
		})
		if err != nil || p.Held() != 0 { // an entry opened it meanwhile
			return Resolved{}, err
		}
	}
	n := -d.Missing()
	if d.held.Average == nil {
		review := fmt.Sprintf("%d contracts came to this account outside Alertsify; what they cost is not known", n)
		p.Review = &review
	}
	if p, err = arrive(ctx, tx, p, n, d.held.Average, d.external()); err != nil {
		return Resolved{}, err
	}
	return d.done(ctx, tx, Resolved{Position: p, Kind: External, Quantity: n, OpenedHere: !found})
}

func (d difference) external() change {
	return change{kind: External, asOf: d.reading.AsOf, evidence: map[string]any{"ours": d.Ours, "theirs": d.Theirs, "since": d.Since}}
}

// done forgets a difference that was booked, and settles its position.
func (d difference) done(ctx context.Context, tx pgx.Tx, r Resolved) (Resolved, error) {
	if err := forget(ctx, tx, d.reading.AccountID, d.Symbol); err != nil {
		return Resolved{}, err
	}
	return settled(ctx, tx, r, d.reading.AsOf)
}

func forget(ctx context.Context, tx pgx.Tx, account uuid.UUID, symbols ...string) error {
	_, err := tx.Exec(ctx, `delete from position_differences where account_id = $1 and symbol = any($2)`, account, symbols)
	if err != nil {
		return fmt.Errorf("forget the differences in %v: %w", symbols, err)
	}
	return nil
}

// settled brings the position in line and reads it as it is then.
func settled(ctx context.Context, tx pgx.Tx, r Resolved, at time.Time) (Resolved, error) {
	if err := Settle(ctx, tx, r.Position.ID, at); err != nil {
		return Resolved{}, err
	}
	p, err := Lock(ctx, tx, r.Position.ID) // already held
	r.Position = p
	return r, err
}

// contractOf is the contract a symbol of ours names.
func contractOf(symbol string) (exchange.Contract, bool) {
	c, err := exchange.ParseSymbol(symbol)
	return c, err == nil
}
