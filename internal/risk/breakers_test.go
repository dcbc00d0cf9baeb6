package risk

import (
	"context"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"
)

// account gives the user one more account to trade on.
func (d *desk) account() uuid.UUID {
	d.t.Helper()
	return one[uuid.UUID](d, `
		with c as (insert into connections (user_id, authorization_id, broker_slug, institution, trading, status)
			values ($1, gen_random_uuid()::text, 'ALPACA', 'Alpaca', true, 'ok') returning id)
		insert into accounts (user_id, connection_id, broker_account_id, institution, can_trade)
		select $1, id, gen_random_uuid()::text, 'Alpaca', true from c returning id`, d.user)
}

// sent writes orders that were sent some minutes ago, oldest first, as their
// outcomes say: "r" refused, "f" filled, "u" unknown, "a" unknown and then found.
func (d *desk) sent(account uuid.UUID, outcomes string, minutesAgo int) {
	d.t.Helper()
	for _, outcome := range outcomes {
		d.exec(`
			with p as (
				insert into positions (user_id, account_id, symbol, underlying, option_type, strike, expiration, multiplier, status, source)
				values ($1, $2, 'AAPL  270115C00200000', 'AAPL', 'call', 200, '2027-01-15', 100, 'void', 'manual') returning id
			), o as (
				insert into orders (user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type, limit_price,
					time_in_force, source, state, cum, send_before, trading_day, sent_at, created_at, finished_at)
				select $1, $2, id, 'BTO', 'AAPL  270115C00200000', 'AAPL', 100, 1, 'Limit', 3.5, 'Day', 'manual',
					case $3 when 'r' then 'rejected' when 'u' then 'unknown' else 'filled' end, case when $3 in ('f', 'a') then 1 else 0 end,
					now(), $4, clock_timestamp() - make_interval(mins => $5), clock_timestamp() - make_interval(mins => $5), now()
				from p returning *
			)
			insert into order_events (order_id, user_id, seq, at, actor, to_state, cum)
			select id, user_id, 1, sent_at, 'placer', case when $3 in ('u', 'a') then 'unknown' else state end, cum from o`,
			d.user, account, string(outcome), today, minutesAgo)
		// At most one order of an account, contract and side is unresolved.
		d.exec(`update orders set state = 'not_placed' where account_id = $1 and state = 'unknown'`, account)
	}
}

// trips looks for breakers and says which went off.
func (d *desk) trips(account *uuid.UUID) (scopes string) {
	d.t.Helper()
	err := d.TripBreakers(d.t.Context(), account, func(_ context.Context, _ pgx.Tx, t Trip) error {
		scopes = strings.TrimSpace(scopes + " " + t.Scope)
		if t.Scope == "account" && (t.Owner == nil || *t.Owner != d.user) {
			d.t.Errorf("%+v names another owner", t)
		}
		return nil
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return scopes
}

// R18: what turns copies off, and what does not.
func TestBreakersGoOff(t *testing.T) {
	t.Parallel()
	for outcomes, want := range map[string]string{
		"rrrr": "", "rrrrr": "account", "rrrrfr": "", "frrrrr": "account", "rrrur r": "account", "rruurr": "", "rrrrar": "",
		"uu": "", "uuu": "account", "aaa": "account", "ufufuf": "account",
		strings.Repeat("f", 19) + "u":  "",
		strings.Repeat("f", 18) + "uu": "platform",
		strings.Repeat("f", 19) + "uu": "",
	} {
		d := newDesk(t, Defaults())
		account := d.account()
		d.sent(account, strings.ReplaceAll(outcomes, " ", ""), 1)
		if got := d.trips(&account); got != want {
			t.Errorf("%s: %q went off, want %q", outcomes, got, want)
		}
		if got := d.trips(nil); got != "" {
			t.Errorf("%s: %q went off twice", outcomes, got)
		}
	}
}

// A breaker that went off is not turned again while trouble goes on: turning takes
// the lock that every claim shares, and whoever held it would keep this waiting.
func TestABreakerThatWentOffHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Defaults())
	account := d.account()
	d.sent(account, strings.Repeat("f", 18)+"uuu", 1)
	if got := d.trips(nil); got != "account platform" {
		t.Fatalf("%q went off", got)
	}
	claim, err := d.db.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = claim.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := d.For(t.Context(), claim, Trade{UserID: d.user, AccountID: account}); err != nil {
		t.Fatal(err)
	}
	d.sent(account, "u", 1)
	if got := d.trips(&account); got != "" {
		t.Errorf("%q went off again", got)
	}
	err = d.TripPace(t.Context(), func(context.Context, pgx.Tx, Trip) error {
		t.Error("the pace turned off what was off")
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestOldTroubleTripsNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Defaults())
	account := d.account()
	d.sent(d.account(), "uuu", 6)
	d.sent(account, "rrrr", 20)
	if got := d.trips(nil); got != "" {
		t.Errorf("%q went off", got)
	}
	d.sent(account, "r", 1) // the row of refusals goes on, however old it is
	if got := d.trips(nil); got != "account" {
		t.Errorf("%q went off, want the account's", got)
	}
}

// A breaker stops copied entries of its account and nothing else, until its owner
// or an operator resumes; what was before that counts no more.
func TestWhatABreakerStops(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Defaults())
	account, other := d.account(), d.account()
	d.sent(account, "rrrrr", 1)
	if got := d.trips(nil); got != "account" {
		t.Fatalf("%q went off", got)
	}
	leader := d.trader()
	for _, c := range []struct {
		trade Trade
		want  string
	}{
		{Trade{AccountID: account, LeaderID: &leader, Entry: true}, "risk_breaker"},
		{Trade{AccountID: account, LeaderID: &leader}, ""},
		{Trade{AccountID: account, Entry: true}, ""},
		{Trade{AccountID: other, LeaderID: &leader, Entry: true}, ""},
	} {
		c.trade.UserID = d.user
		if got := d.in(func(ctx context.Context, tx pgx.Tx) error { return d.ask(ctx, tx, c.trade) }); got != c.want {
			t.Errorf("%+v: %q, want %q", c.trade, got, c.want)
		}
	}
	if halts, err := d.Halts(t.Context(), d.user); err != nil || len(halts) != 1 || halts[0].Cause != ByBreaker {
		t.Errorf("the owner sees %+v (%v)", halts, err)
	}
	d.in(func(ctx context.Context, tx pgx.Tx) error { _, err := d.ResumeOwn(ctx, tx, d.user); return err })
	if got := d.trips(nil); got != "" {
		t.Errorf("%q went off again at once", got)
	}
	d.sent(account, "rrrr", 0)
	if got := d.trips(nil); got != "" {
		t.Errorf("%q went off after four", got)
	}
	if log := one[string](d, `select string_agg(act || ' ' || cause || ' ' || coalesce(by = $1, false), ', ' order by id) from halt_log`, d.user); log != "halted breaker false, resumed breaker true" {
		t.Errorf("the log says %s", log)
	}
}

// The owner resumes neither an operator's halt of their account nor one of everybody.
func TestAnOwnerResumesOnlyTheirOwn(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Defaults())
	account := d.account().String()
	for _, h := range []Halt{
		{Scope: "account", Key: account, Stops: "all", Cause: ByOperator}, {Scope: "platform", Stops: "copies", Cause: ByBreaker},
		{Scope: Self, Key: d.user.String(), Stops: "entries", Cause: ByOwner}, {Scope: "account", Key: account, Stops: "copies", Cause: ByBreaker},
		{Scope: "account", Key: uuid.NewString(), Stops: "copies", Cause: ByBreaker},
	} {
		d.in(func(ctx context.Context, tx pgx.Tx) error { return d.Turn(ctx, tx, h, nil) })
	}
	d.in(func(ctx context.Context, tx pgx.Tx) error {
		n, err := d.ResumeOwn(ctx, tx, d.user)
		if n != 2 {
			t.Errorf("%d resumed, want 2", n)
		}
		return err
	})
	if left := one[int](d, `select count(*)::int from trading_switches where cause <> 'owner' and (scope, cause, key) <> ('account', 'breaker', $1)`, account); left != 3 {
		t.Errorf("%d are left", left)
	}
}

// R14: what copies made today and what is held of them gained, against the limit
// to the cent; only copied entries are stopped.
func TestTheDaysLossStopsCopies(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Defaults())
	leader := d.trader()
	for _, c := range []struct {
		made, gained string
		trade        Trade
		want         string
	}{
		{"-999.99", "0", Trade{Entry: true, LeaderID: &leader}, ""},
		{"-1000", "0", Trade{Entry: true, LeaderID: &leader}, "risk_loss_stop"},
		{"-600", "-400", Trade{Entry: true, LeaderID: &leader}, "risk_loss_stop"},
		{"-1500", "500.01", Trade{Entry: true, LeaderID: &leader}, ""},
		{"500", "-1500", Trade{Entry: true, LeaderID: &leader}, "risk_loss_stop"},
		{"-1000", "0", Trade{LeaderID: &leader}, ""},
		{"-1000", "0", Trade{Entry: true}, ""},
	} {
		d.exec(`insert into copy_results (user_id, trading_day, realized) values ($1, $2, $3), ($1, $2::date - 1, -5000)
			on conflict (user_id, trading_day) do update set realized = excluded.realized`, d.user, today, c.made)
		c.trade.UserID, c.trade.CopiesMade = d.user, decimal.RequireFromString(c.gained)
		if got := d.in(func(ctx context.Context, tx pgx.Tx) error { return d.ask(ctx, tx, c.trade) }); got != c.want {
			t.Errorf("made %s, gained %s, %+v: %q, want %q", c.made, c.gained, c.trade, got, c.want)
		}
	}
}
