package risk

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
)

// UserLimit is one limit of a user, and where it comes from.
type UserLimit struct {
	Kind
	Usual     money.Amount  // the installation's
	Granted   *money.Amount // an operator's instead, and when it was set
	GrantedAt *time.Time
	Own       *money.Amount // the user's own, where it is lower
	InForce   money.Amount
}

// Ceiling is what a user may set at most.
func (l UserLimit) Ceiling() money.Amount { return inForce(nil, l.Granted, l.Usual) }

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// UserLimits lists a user's limits, in the order of Kinds.
func (r *Rules) UserLimits(ctx context.Context, user uuid.UUID) (list []UserLimit, err error) {
	err = r.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		list, err = r.userLimits(ctx, tx, user)
		return err
	})
	return list, err
}

func (r *Rules) userLimits(ctx context.Context, q querier, user uuid.UUID) ([]UserLimit, error) {
	rows, err := q.Query(ctx, `select kind, own, granted, granted_at from risk_limits where user_id = $1 order by kind limit 100`, user)
	if err != nil {
		return nil, fmt.Errorf("read limits: %w", err)
	}
	list := make([]UserLimit, len(Kinds))
	for i, k := range Kinds {
		usual := k.of(r.limits)
		list[i] = UserLimit{Kind: k, Usual: usual, InForce: usual}
	}
	var kind string
	var own, granted decimal.NullDecimal
	var at *time.Time
	_, err = pgx.ForEachRow(rows, []any{&kind, &own, &granted, &at}, func() error {
		for i := range list {
			if l := &list[i]; l.Name == kind {
				l.Own, l.Granted, l.GrantedAt = amount(own), amount(granted), at
				l.InForce = inForce(l.Own, l.Granted, l.Usual)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read limits: %w", err)
	}
	return list, nil
}

func amount(d decimal.NullDecimal) *money.Amount {
	if !d.Valid {
		return nil
	}
	return &money.Amount{Decimal: d.Decimal}
}

// SetOwn changes a user's own limits, by name; nil takes one away. None may lie
// above what an operator or the installation allows. mayRaise is asked when one of
// them rises, and its error is the answer.
func (r *Rules) SetOwn(ctx context.Context, user uuid.UUID, changes map[string]*money.Amount, mayRaise func() error) error {
	return r.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		list, err := r.lockLimits(ctx, tx, user)
		if err != nil {
			return err
		}
		wrong := map[string]string{}
		rises := false
		byName := map[string]UserLimit{}
		for _, l := range list {
			byName[l.Name] = l
		}
		for name, value := range changes {
			l, known := byName[name]
			if !known {
				wrong[name] = "There is no such limit."
				continue
			}
			if value != nil {
				l.check(wrong, *value)
			}
			rises = rises || inForce(value, l.Granted, l.Usual).GreaterThan(l.InForce.Decimal)
		}
		if len(wrong) > 0 {
			return fault.Validation(wrong)
		}
		if rises {
			if err := mayRaise(); err != nil {
				return err
			}
		}
		return writeLimits(ctx, tx, user, changes)
	})
}

// lockLimits reads a user's limits one change at a time: what a rise is measured
// by must not fall meanwhile. The user's row is held. Foreign table: users.
func (r *Rules) lockLimits(ctx context.Context, tx pgx.Tx, user uuid.UUID) ([]UserLimit, error) {
	if _, err := tx.Exec(ctx, `select from users where id = $1 for no key update`, user); err != nil {
		return nil, fmt.Errorf("lock limits: %w", err)
	}
	return r.userLimits(ctx, tx, user)
}

// check names what is wrong with a limit somebody wants for themselves.
func (l UserLimit) check(wrong map[string]string, value money.Amount) {
	l.Kind.check(wrong, value)
	if top := l.Ceiling(); value.GreaterThan(top.Decimal) {
		wrong[l.Name] = "At most " + l.Words(top) + "; only an operator raises that."
	}
}

func (k Kind) check(wrong map[string]string, value money.Amount) {
	switch {
	case value.IsNegative() || value.GreaterThan(decimal.NewFromInt(1_000_000_000)):
		wrong[k.Name] = "Between 0 and 1,000,000,000."
	case k.Whole && (!value.IsInteger() || value.GreaterThan(decimal.NewFromInt(int64(Defaults().HardContracts)))):
		wrong[k.Name] = "A whole number, at most 500."
	case !value.Equal(value.Truncate(2)):
		wrong[k.Name] = "At most 2 decimals."
	}
}

// Words are a limit's value for people: dollars, or contracts.
func (k Kind) Words(value money.Amount) string {
	switch {
	case k.Whole:
		return value.StringFixed(0) + " contracts"
	case !value.LessThan(NoLimit.Decimal):
		return "no limit"
	}
	return value.Display()
}

func writeLimits(ctx context.Context, tx pgx.Tx, user uuid.UUID, changes map[string]*money.Amount) error {
	var kinds []string
	var values []*decimal.Decimal
	for name, value := range changes {
		kinds = append(kinds, name)
		if value == nil {
			values = append(values, nil)
			continue
		}
		values = append(values, &value.Decimal)
	}
	_, err := tx.Exec(ctx, `
		insert into risk_limits (user_id, kind, own, own_at)
		select $1, kind, own, case when own is not null then now() end from unnest($2::text[], $3::numeric[]) q(kind, own)
		on conflict (user_id, kind) do update set own = excluded.own, own_at = excluded.own_at`, user, kinds, values)
	if err != nil {
		return fmt.Errorf("change limits: %w", err)
	}
	return nil
}

// Grant sets what an operator allows a user instead of the installation's limit;
// nil takes it back. by is nil from the command line.
func (r *Rules) Grant(ctx context.Context, by *uuid.UUID, user uuid.UUID, kind string, value *money.Amount) error {
	wrong := map[string]string{"kind": "There is no such limit."}
	for _, k := range Kinds {
		if k.Name == kind {
			delete(wrong, "kind")
			if value != nil {
				k.check(wrong, *value)
			}
		}
	}
	if len(wrong) > 0 {
		return fault.Validation(wrong)
	}
	return r.db.AsOperator(ctx, by, func(ctx context.Context, tx pgx.Tx) error {
		var granted *decimal.Decimal
		if value != nil {
			granted = &value.Decimal
		}
		_, err := tx.Exec(ctx, `
			insert into risk_limits (user_id, kind, granted, granted_at, granted_by) values ($1, $2, $3::numeric, case when $3 is not null then now() end, $4)
			on conflict (user_id, kind) do update
			set granted = excluded.granted, granted_at = excluded.granted_at, granted_by = excluded.granted_by`, user, kind, granted, by)
		if err != nil {
			return fmt.Errorf("grant a limit: %w", err)
		}
		return nil
	})
}
