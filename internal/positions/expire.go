package positions

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
)

// notSaid is the review of a position whose end the broker does not tell.
const notSaid = "the broker does not say what became of it at its expiration"

// Ending is what the broker says became of contracts that are past their
// expiration. Proceeds are what the exercised ones brought, nil when it does not say.
// Elsewhere were sold on the last day where we could not see it. Unlinked: the broker
// cannot be asked any more; what expired did so by the market's word, and of Elsewhere
// nobody knows anything.
type Ending struct {
	Expired, Exercised, Elsewhere int

	Proceeds *decimal.Decimal
	AsOf     time.Time
	Day      exchange.Date // the trading day its result counts for
	Unlinked bool
	Evidence map[string]any
}

// Expiring are an account's positions whose contracts expired before a day and
// whose end is not known yet, oldest first: those that hold some, and those that only
// an order stands on.
func (b *Book) Expiring(ctx context.Context, account uuid.UUID, before exchange.Date) (list []Position, err error) {
	err = b.db.AsSystem(ctx, "settlement", func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			select `+columns+from+`
			where p.account_id = $1 and p.status in ('open', 'expiry_pending') and p.expiration < $2
			order by p.expiration, p.id limit 500`, account, before)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, scan)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list expired positions of account %s: %w", account, err)
	}
	return list, nil
}

// Sold is how many contracts have left an account's positions in a contract, by
// whatever way.
func (b *Book) Sold(ctx context.Context, account uuid.UUID, symbol string) (n int, err error) {
	err = b.db.AsSystem(ctx, "settlement", func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `select coalesce(sum(sold), 0) from positions where account_id = $1 and symbol = $2`, account, symbol).Scan(&n)
	})
	if err != nil {
		return 0, fmt.Errorf("count what was sold of %s: %w", symbol, err)
	}
	return n, nil
}

// Pend marks a position whose contract is past its expiration: nobody can sell it
// any more, and it counts nowhere until the broker says what became of it. One
// that an order still lives on is left alone: ready is false. Foreign table: orders.
func Pend(ctx context.Context, tx pgx.Tx, id uuid.UUID) (p Position, ready bool, err error) {
	if p, err = Lock(ctx, tx, id); err != nil {
		return Position{}, false, err
	}
	var live bool
	err = tx.QueryRow(ctx, `
		select exists (select 1 from orders where position_id = $1 and state in ('queued', 'submitting', 'unknown', 'accepted', 'partial'))`, id).Scan(&live)
	if err != nil {
		return Position{}, false, fmt.Errorf("read the orders of position %s: %w", id, err)
	}
	if live || p.Held() == 0 || p.Status != Open {
		return p, !live && p.Status == ExpiryPending, nil
	}
	p.Status, p.Missing = ExpiryPending, 0
	return p, true, save(ctx, tx, p)
}

// Undecided asks an operator to look at a pending position that the broker says
// nothing of. It reports whether nobody was asked before.
func Undecided(ctx context.Context, tx pgx.Tx, id uuid.UUID) (first bool, err error) {
	tag, err := tx.Exec(ctx, `
		update positions set review_reason = $2, updated_at = now()
		where id = $1 and status = 'expiry_pending' and review_reason is null`, id, notSaid)
	if err != nil {
		return false, fmt.Errorf("ask about position %s: %w", id, err)
	}
	return tag.RowsAffected() == 1, nil
}

// End books what became of all that a pending position holds: what expired left
// for nothing, a loss of its cost; what was exercised for its settlement; what was
// sold elsewhere for nobody knows what.
func End(ctx context.Context, tx pgx.Tx, id uuid.UUID, e Ending) (Resolved, error) {
	p, err := Lock(ctx, tx, id)
	if err != nil || p.Status != ExpiryPending || p.Held() == 0 || p.Held() != e.Expired+e.Exercised+e.Elsewhere {
		return Resolved{}, err
	}
	if p.Review != nil && *p.Review == notSaid {
		p.Review = nil
	}
	kind, quantity := Expired, p.Held()
	if e.Elsewhere > 0 {
		if e.Elsewhere == quantity {
			kind = External
		} else {
			quantity -= e.Elsewhere
		}
		review := leftReview(e.Elsewhere)
		if e.Unlinked {
			review = unlinkedReview(e.Elsewhere)
		}
		p.Review = &review
		p, err = leave(ctx, tx, p, e.Elsewhere, change{kind: External, asOf: e.AsOf, evidence: e.Evidence})
		if err != nil {
			return Resolved{}, err
		}
	}
	if e.Exercised > 0 {
		kind, p.Status = Exercised, EndExercised
		if e.Proceeds == nil {
			review := fmt.Sprintf("%d contracts were exercised; their settlement is not reported and not in the result", e.Exercised)
			p.Review = &review
		}
		p, err = leave(ctx, tx, p, e.Exercised, change{kind: Exercised, proceeds: e.Proceeds, day: e.Day, asOf: e.AsOf, evidence: e.Evidence})
		if err != nil {
			return Resolved{}, err
		}
	}
	if e.Expired > 0 {
		nothing := decimal.Zero
		if e.Exercised == 0 {
			p.Status = EndExpired
		}
		p, err = leave(ctx, tx, p, e.Expired, change{kind: Expired, proceeds: &nothing, day: e.Day, asOf: e.AsOf, evidence: e.Evidence})
		if err != nil {
			return Resolved{}, err
		}
	}
	if err := forget(ctx, tx, p.AccountID, p.Contract.Symbol); err != nil {
		return Resolved{}, err
	}
	return settled(ctx, tx, Resolved{Position: p, Kind: kind, Quantity: -quantity, Unlinked: e.Unlinked}, e.AsOf)
}

func unlinkedReview(n int) string {
	return fmt.Sprintf("its account is not linked any more: what became of %d contracts at their expiration is not known and not in the result", n)
}
