package risk

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
)

// owned changes one own limit ("" takes it away) and gives the code of the refusal,
// with "raised" before it where a fresh sign-in was asked for.
func (d *desk) owned(kind, value string, fresh bool) string {
	d.t.Helper()
	var to *money.Amount
	if value != "" {
		to = dollars(value)
	}
	raised := ""
	err := d.SetOwn(d.t.Context(), d.user, map[string]*money.Amount{kind: to}, func() error {
		raised = "raised "
		if fresh {
			return nil
		}
		return fault.ReauthRequired()
	})
	if err == nil {
		return raised + "ok"
	}
	if fault.CodeOf(err) == "internal" {
		d.t.Fatal(err)
	}
	return raised + fault.CodeOf(err)
}

func (d *desk) limit(kind string) string {
	d.t.Helper()
	list, err := d.UserLimits(d.t.Context(), d.user)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, l := range list {
		if l.Name == kind {
			return l.InForce.Decimal.String()
		}
	}
	return "none"
}

// Users lower their limits at once, raise them back after a fresh sign-in, and
// never above what an operator or the installation allows.
func TestUsersLowerAndOperatorsRaise(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Defaults())
	for _, step := range []struct {
		kind, value string
		fresh       bool
		want, after string
	}{
		{"manualPremium", "25000.01", true, "validation_failed", "25000"},
		{"manualPremium", "25000", false, "ok", "25000"},
		{"manualPremium", "500", false, "ok", "500"},
		{"manualPremium", "500.01", false, "raised reauth_required", "500"},
		{"manualPremium", "", false, "raised reauth_required", "500"},
		{"manualPremium", "600", true, "raised ok", "600"},
		{"manualPremium", "599.99", false, "ok", "599.99"},
		{"manualPremium", "-1", true, "validation_failed", "599.99"},
		{"manualPremium", "1.001", true, "validation_failed", "599.99"},
		{"manualContracts", "2.5", true, "validation_failed", "100"},
		{"manualContracts", "0", false, "ok", "0"},
		{"wishes", "1", true, "validation_failed", "none"},
		{"manualPremium", "", true, "raised ok", "25000"},
	} {
		if got := d.owned(step.kind, step.value, step.fresh); got != step.want || d.limit(step.kind) != step.after {
			t.Errorf("%s to %q: %s and then %s, want %s and %s", step.kind, step.value, got, d.limit(step.kind), step.want, step.after)
		}
	}
	grant := func(value *money.Amount, want string) {
		t.Helper()
		if err := d.Grant(t.Context(), nil, d.user, "manualPremium", value); err != nil {
			t.Fatal(err)
		}
		if got := d.limit("manualPremium"); got != want {
			t.Errorf("granted %v: %s in force, want %s", value, got, want)
		}
	}
	grant(dollars("40000"), "40000")
	if got := d.owned("manualPremium", "30000", false); got != "ok" {
		t.Errorf("lowering a raised one: %s", got)
	}
	grant(dollars("20000"), "20000") // an operator may lower too, and the lower one counts
	grant(dollars("40000"), "30000")
	grant(nil, "25000") // the own one is above it now
	if got := d.owned("manualPremium", "24000", false); got != "ok" {
		t.Errorf("lowering from there: %s", got)
	}
	if err := d.Grant(t.Context(), nil, d.user, "wishes", nil); !errors.Is(err, fault.Validation(nil)) {
		t.Errorf("an invented limit: %v", err)
	}
}

// The checks go by the user's own limits, read in their transaction.
func TestChecksGoByTheUsersLimits(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Defaults())
	d.owned("manualContracts", "4", false)
	d.owned("dayPremium", "1000", false)
	if err := d.Grant(t.Context(), nil, d.user, "copyContracts", dollars("20")); err != nil {
		t.Fatal(err)
	}
	d.in(func(ctx context.Context, tx pgx.Tx) error {
		rules, err := d.For(ctx, tx, Trade{UserID: d.user, Entry: true, Day: today})
		if err != nil {
			return err
		}
		if l := rules.Limits(); l.ManualContracts != 4 || l.CopyContracts != 20 || !l.DayPremium.Equal(money.MustAmount("1000").Decimal) || l.HardContracts != 500 {
			t.Errorf("%+v", l)
		}
		if code := fault.CodeOf(rules.UseDayPremium(ctx, tx, d.user, today, money.MustAmount("1000.01"), false)); code != "risk_daily_premium" {
			t.Errorf("a cent beyond the own limit of the day: %s", code)
		}
		return nil
	})
	if l := d.Limits(); l.ManualContracts != 100 {
		t.Error("one user's limits became everybody's")
	}
}
