package positions

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
)

// renaming is a contract that is gone at the broker and another one that looks
// like it under a new name: after a split, or a new root.
type renaming struct{ Out, In difference }

// renamings pairs settled differences that look like renamed contracts, and
// returns the others too. What fits more than one way is none.
func renamings(all []difference) (pairs []renaming, rest []difference) {
	var candidates []renaming
	uses := map[string]int{}
	for _, out := range all {
		for _, in := range all {
			if renamed(out, in) {
				candidates = append(candidates, renaming{out, in})
				uses[out.Symbol]++
				uses[in.Symbol]++
			}
		}
	}
	paired := map[string]bool{}
	for _, c := range candidates {
		if uses[c.Out.Symbol] == 1 && uses[c.In.Symbol] == 1 {
			pairs = append(pairs, c)
			paired[c.Out.Symbol], paired[c.In.Symbol] = true, true
		}
	}
	for _, d := range all {
		if !paired[d.Symbol] {
			rest = append(rest, d)
		}
	}
	return pairs, rest
}

// renamed: everything in one contract is gone, and as much came in another of the
// same type and expiration: the same strike under another root, or a strike and
// quantity that a split explains.
func renamed(out, in difference) bool {
	if out.Ours == 0 || out.Theirs != 0 || in.Ours != 0 || in.Theirs == 0 {
		return false
	}
	was, ok := contractOf(out.Symbol)
	is := in.held.Contract
	if !ok || was.Type != is.Type || was.Expiration != is.Expiration {
		return false
	}
	if was.Strike.Equal(is.Strike) && out.Ours == in.Theirs {
		return true
	}
	return was.Underlying == is.Underlying && wholeRatio(out.Ours, in.Theirs) && splitStrike(was, is, out.Ours, in.Theirs)
}

func wholeRatio(a, b int) bool { return a != b && (a%b == 0 || b%a == 0) }

// splitStrike: strikes are divided as quantities are multiplied, to the cent.
func splitStrike(was, is exchange.Contract, before, after int) bool {
	exact := was.Strike.Mul(decimal.NewFromInt(int64(before))).Div(decimal.NewFromInt(int64(after)))
	return exact.Sub(is.Strike).Abs().LessThanOrEqual(decimal.New(1, -2))
}

// rename moves a position to its contract's new name: the old quantity out, the
// new one in, at the same cost, on the same row with its history and its copied
// parts. Nothing is realised. When it is none after all, both differences are
// left to be resolved each by itself: is is false.
func rename(ctx context.Context, tx pgx.Tx, r renaming) (done Resolved, is bool, err error) {
	p, found, err := lockOpen(ctx, tx, r.Out.reading.AccountID, r.Out.Symbol)
	if err != nil || !found || p.Held() != r.Out.Ours {
		return Resolved{}, true, err // somebody changed it: the next reading decides
	}
	if !r.plausible(p) {
		return Resolved{}, false, nil
	}
	for _, d := range []difference{r.Out, r.In} {
		o, err := ordersIn(ctx, tx, d.reading.AccountID, d.Symbol)
		switch {
		case err != nil || o.unresolved+o.buying > 0:
			return Resolved{}, true, err
		case !o.changedAt.Before(d.Since):
			return Resolved{}, true, restart(ctx, tx, d)
		case o.selling > 0: // a sell of the old name sells nothing any more
			done, err = withhold(ctx, tx, p, r.Out, true)
			return done, true, err
		}
	}
	done, err = r.book(ctx, tx, p)
	return done, true, err
}

// plausible: the broker's cost of the new contracts is ours of the old ones, to
// two percent. Where it does not say, only the same underlying is believed.
func (r renaming) plausible(p Position) bool {
	average := r.In.held.Average
	if average == nil {
		return p.Contract.Underlying == r.In.held.Contract.Underlying
	}
	theirs := dollars(average.Mul(decimal.NewFromInt(int64(r.In.Theirs))), r.In.held.Contract.Multiplier)
	return theirs.Sub(p.Ledger.RemainingCost).Abs().LessThanOrEqual(p.Ledger.RemainingCost.Mul(decimal.New(2, -2)))
}

func (r renaming) book(ctx context.Context, tx pgx.Tx, p Position) (Resolved, error) {
	out, in := p.Held(), r.In.Theirs
	cost, asOf := p.Ledger.RemainingCost, r.In.reading.AsOf
	evidence := map[string]any{"from": r.Out.Symbol, "to": r.In.Symbol}
	if err := adjust(ctx, tx, p, change{kind: RenameOut, symbol: p.Contract.Symbol, quantity: -out, cost: cost.Neg(), asOf: asOf, evidence: evidence}); err != nil {
		return Resolved{}, err
	}
	if err := adjust(ctx, tx, p, change{kind: RenameIn, symbol: r.In.Symbol, quantity: in, cost: cost, asOf: asOf, evidence: evidence}); err != nil {
		return Resolved{}, err
	}
	if err := scaleHoldings(ctx, tx, p, in, out); err != nil {
		return Resolved{}, err
	}
	p.Ledger.Bought += in - out
	p.Missing, p.Contract = 0, r.In.held.Contract
	if err := save(ctx, tx, p); err != nil {
		return Resolved{}, err
	}
	c := p.Contract
	_, err := tx.Exec(ctx, `
		update positions set symbol = $2, underlying = $3, strike = $4, expiration = $5, multiplier = $6,
			review_reason = nullif(review_reason, $7) where id = $1`,
		p.ID, c.Symbol, c.Underlying, c.Strike, c.Expiration, c.Multiplier, fewerThere)
	if err != nil {
		return Resolved{}, fmt.Errorf("rename position %s to %s: %w", p.ID, c.Symbol, err)
	}
	if err := forget(ctx, tx, p.AccountID, r.Out.Symbol, r.In.Symbol); err != nil {
		return Resolved{}, err
	}
	return settled(ctx, tx, Resolved{Position: p, Kind: RenameIn, Quantity: in}, asOf)
}

// scaleHoldings keeps each copied part its share of the position. What a split
// leaves of a contract is nobody's copy.
func scaleHoldings(ctx context.Context, tx pgx.Tx, p Position, in, out int) error {
	held, err := Holdings(ctx, tx, p.ID)
	if err != nil || in == out {
		return err
	}
	for _, h := range held {
		l := h.Ledger
		l.Bought += l.Held()*in/out - l.Held()
		if l.Held() == 0 {
			l.RemainingCost = decimal.Zero
		}
		if err := saveHolding(ctx, tx, h, l); err != nil {
			return err
		}
	}
	return nil
}
