package risk

import (
	"context"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/postgres"
)

// While an instance with another protocol runs, copied entries stop and nothing else;
// one that ended, fell silent or speaks ours stops nothing.
func TestMixedProtocolsStopCopiedEntries(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Defaults())
	leader := d.trader()
	for _, c := range []struct {
		protocol int
		silence  string
		stops    bool
	}{
		{Protocol, "0", false}, {Protocol + 1, "0", true}, {Protocol + 1, "30 seconds", false}, {Protocol + 2, "10 seconds", true},
	} {
		d.exec(`delete from instances`)
		d.exec(`insert into instances (id, version, protocol, seen_at) values (gen_random_uuid(), 'other', $1, clock_timestamp() - $2::interval)`, c.protocol, c.silence)
		for _, trade := range []Trade{{Entry: true}, {}, {Entry: true, LeaderID: &leader}, {LeaderID: &leader}} {
			want := ""
			if c.stops && trade.copiedEntry() {
				want = "mixed_versions"
			}
			trade.UserID, trade.AccountID, trade.Broker, trade.Underlying = d.user, uuid.New(), "ALPACA", "AAPL"
			if got := d.in(func(ctx context.Context, tx pgx.Tx) error { return d.ask(ctx, tx, trade) }); got != want {
				t.Errorf("beside protocol %d, silent for %s: %+v gives %q, want %q", c.protocol, c.silence, trade, got, want)
			}
		}
	}
}

// A claim whose process was cut off holds the switches until the database ends it; who halts
// waits for that, longer than for any other lock, and for no lock after it.
func TestAHaltOutlastsAClaimThatWasCutOff(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Defaults())
	claim, err := d.db.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = claim.Rollback(context.Background()) }()
	batch := &pgx.Batch{}
	postgres.QueueLockShared(batch, switchLock)
	if err := claim.SendBatch(t.Context(), batch).Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := claim.Exec(t.Context(), `set local idle_in_transaction_session_timeout = '2500ms'`); err != nil { // lock_timeout is 2s
		t.Fatal(err)
	}
	halting, err := d.db.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = halting.Rollback(context.Background()) }()
	if err := d.Turn(t.Context(), halting, Halt{Scope: "platform", Stops: "all", Reason: "x", Cause: ByOperator}, nil); err != nil {
		t.Error(err)
	}
	var lock, statement string
	err = halting.QueryRow(t.Context(), `select current_setting('lock_timeout'), current_setting('statement_timeout')`).Scan(&lock, &statement)
	if err != nil || lock != "2s" || statement != "1min" { // as pgtest opened the session
		t.Errorf("then a lock is waited for %s, a statement %s, %v", lock, statement, err)
	}
}

// Each halt stops what it names and nothing else (R1).
func TestAHaltStopsWhatItNames(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Defaults())
	account, leader := uuid.New(), d.trader()
	trades := map[string]Trade{
		"entry": {Entry: true}, "exit": {}, "copied entry": {Entry: true, LeaderID: &leader}, "copied exit": {LeaderID: &leader},
	}
	all, entries, copies := "entry exit copied entry copied exit", "entry copied entry", "copied entry"
	for _, c := range []struct {
		halt  Halt
		stops string
	}{
		{Halt{Scope: "platform", Stops: "all"}, all},
		{Halt{Scope: "platform", Stops: "entries"}, entries},
		{Halt{Scope: "platform", Stops: "copies"}, copies},
		{Halt{Scope: "broker", Key: "ALPACA", Stops: "all"}, all},
		{Halt{Scope: "broker", Key: "WEBULL", Stops: "all"}, ""},
		{Halt{Scope: "underlying", Key: "AAPL", Stops: "entries"}, entries},
		{Halt{Scope: "underlying", Key: "TSLA", Stops: "all"}, ""},
		{Halt{Scope: "user", Key: d.user.String(), Stops: "all"}, all},
		{Halt{Scope: "user", Key: uuid.NewString(), Stops: "all"}, ""},
		{Halt{Scope: "user", Key: leader.String(), Stops: "all"}, copies},
		{Halt{Scope: "user", Key: leader.String(), Stops: "entries"}, copies},
		{Halt{Scope: "account", Key: account.String(), Stops: "copies"}, copies},
		{Halt{Scope: "leader", Key: leader.String(), Stops: "all"}, "copied entry copied exit"},
		{Halt{Scope: "leader", Key: uuid.NewString(), Stops: "all"}, ""},
		{Halt{Scope: Publishing, Key: leader.String(), Stops: "copies"}, copies},
		{Halt{Scope: Publishing, Key: uuid.NewString(), Stops: "copies"}, ""},
	} {
		c.halt.Cause = ByOperator
		d.in(func(ctx context.Context, tx pgx.Tx) error { return d.Turn(ctx, tx, c.halt, nil) })
		got := ""
		for _, name := range []string{"entry", "exit", "copied entry", "copied exit"} {
			trade := trades[name]
			trade.UserID, trade.AccountID, trade.Broker, trade.Underlying = d.user, account, "ALPACA", "AAPL"
			code := d.in(func(ctx context.Context, tx pgx.Tx) error { return d.ask(ctx, tx, trade) })
			if code != "" && code != map[bool]string{true: "trader_stopped", false: "trading_halted"}[c.halt.Scope == Publishing || c.halt.Scope == "user" && c.halt.Key == leader.String()] {
				t.Errorf("%+v refuses with %s", c.halt, code)
			}
			if code != "" {
				got = join(got, name)
			}
		}
		if got != c.stops {
			t.Errorf("%+v stops %q, want %q", c.halt, got, c.stops)
		}
		d.in(func(ctx context.Context, tx pgx.Tx) error { return d.resumed(ctx, tx, c.halt) })
	}
	if halts, err := d.Halts(t.Context(), d.user); err != nil || len(halts) != 0 {
		t.Errorf("resumed, yet %v (%v)", halts, err)
	}
}

// Nothing is bought as a copy of who is no active trader, or for who is not active;
// sells of copies go on, and so does what the follower trades themselves.
func TestOnlyActiveTradersAreCopiedAndOnlyByActiveUsers(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Defaults())
	leader := d.trader()
	for _, c := range []struct{ change, back string }{
		{`update users set status = 'suspended' where id = $1`, `update users set status = 'active' where id = $1`},
		{`update users set status = 'deleted' where id = $1`, `update users set status = 'active' where id = $1`},
		{`update users set role = 'subscriber' where id = $1`, `update users set role = 'admin' where id = $1`},
		{`update users set status = 'suspended' where id <> $1`, `update users set status = 'active' where id <> $1`},
	} {
		asked := func() (codes [3]string) {
			for i, trade := range []Trade{{Entry: true, LeaderID: &leader}, {LeaderID: &leader}, {Entry: true}} {
				trade.UserID, trade.AccountID = d.user, uuid.New()
				codes[i] = d.in(func(ctx context.Context, tx pgx.Tx) error { return d.ask(ctx, tx, trade) })
			}
			return codes
		}
		d.exec(c.change, leader)
		if got := asked(); got != [3]string{"trader_stopped"} {
			t.Errorf("%s: %q", c.change, got)
		}
		d.exec(c.back, leader)
		if got := asked(); got != [3]string{} {
			t.Errorf("%s: %q", c.back, got)
		}
	}
}

// ask is For, of which only the refusal counts.
func (d *desk) ask(ctx context.Context, tx pgx.Tx, t Trade) error {
	t.Day = today
	_, err := d.For(ctx, tx, t)
	return err
}

func (d *desk) resumed(ctx context.Context, tx pgx.Tx, h Halt) error {
	_, err := d.Resume(ctx, tx, h.Scope, h.Key, nil, "")
	return err
}

func join(list, word string) string {
	if list == "" {
		return word
	}
	return list + " " + word
}

// INV-36: turning a switch waits for the claims that read it open, and what
// claims later sees it.
func TestNoClaimCommitsAfterASwitchReturned(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Defaults())
	trade := Trade{UserID: d.user, AccountID: uuid.New(), Entry: true}
	read, finish, turned := make(chan struct{}), make(chan struct{}), make(chan string, 1)
	claimed := make(chan string, 1)
	go func() {
		claimed <- d.in(func(ctx context.Context, tx pgx.Tx) error {
			if err := d.ask(ctx, tx, trade); err != nil {
				return err
			}
			close(read)
			<-finish
			return nil
		})
	}()
	select {
	case <-read:
	case code := <-claimed:
		t.Fatalf("the claim: %s", code)
	}
	go func() {
		turned <- d.in(func(ctx context.Context, tx pgx.Tx) error {
			return d.Turn(ctx, tx, Halt{Scope: "platform", Stops: "all", Cause: ByOperator}, nil)
		})
	}()
	d.waitForWaiter()
	select {
	case <-turned:
		t.Fatal("the switch turned while a claim was under way")
	default:
	}
	close(finish)
	if code := <-claimed; code != "" {
		t.Errorf("the claim under way: %s", code)
	}
	if code := <-turned; code != "" {
		t.Errorf("turning the switch: %s", code)
	}
	if code := d.in(func(ctx context.Context, tx pgx.Tx) error { return d.ask(ctx, tx, trade) }); code != "trading_halted" {
		t.Errorf("after the switch returned a claim gets %q", code)
	}
}

// waitForWaiter returns when a transaction waits for an advisory lock.
func (d *desk) waitForWaiter() {
	d.t.Helper()
	for waiting := false; !waiting; {
		err := d.db.Pool().QueryRow(d.t.Context(), `
			select exists (select from pg_locks where locktype = 'advisory' and not granted
				and database = (select oid from pg_database where datname = current_database()))`).Scan(&waiting)
		if err != nil {
			d.t.Fatal(err)
		}
	}
}

// In a person's own transaction stand the switches that may concern them, and nobody
// else's own stop nor what a breaker turned for somebody else's account.
func TestOthersStopsAreNobodysBusiness(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Defaults())
	mine, trader := d.account(), d.trader()
	other := one[uuid.UUID](d, `
		with c as (insert into connections (user_id, authorization_id, broker_slug, institution, trading, status)
			values ($1, gen_random_uuid()::text, 'ALPACA', 'Alpaca', true, 'ok') returning id)
		insert into accounts (user_id, connection_id, broker_account_id, institution, can_trade)
		select $1, id, gen_random_uuid()::text, 'Alpaca', true from c returning id`, trader)
	for scope, keys := range map[string][]string{
		"platform": {""}, "underlying": {"AAPL"}, "leader": {trader.String()}, "publishing": {trader.String()},
		"self": {d.user.String(), trader.String()}, "account": {mine.String(), other.String()},
	} {
		for _, key := range keys {
			d.exec(`insert into trading_switches (scope, key, stops, reason, cause) values ($1, $2, 'all', 'A test.', 'operator')`, scope, key)
		}
	}
	var seen []string
	err := d.db.As(t.Context(), d.user, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select scope || ' ' || key from trading_switches order by 1`)
		if err != nil {
			return err
		}
		seen, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	want := []string{"account " + mine.String(), "leader " + trader.String(), "platform ", "publishing " + trader.String(), "self " + d.user.String(), "underlying AAPL"}
	if err != nil || !slices.Equal(seen, want) {
		t.Errorf("seen: %q, %v; want %q", seen, err, want)
	}
}
