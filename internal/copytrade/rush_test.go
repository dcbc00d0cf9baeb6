package copytrade

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/sandbox"
	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

var rushesFlag = flag.Int("rushes", 1, "how many rushes of orders there are, each from its own seed")

// In a rush all clocks are the bubble's: the program's, the broker's by what the
// program last showed it, and the database's, which reads a sequence that is turned
// every few milliseconds of the bubble's time. That stands still while anybody works.
const (
	rushClock = `
create schema sim;
create unlogged sequence sim.clock;
do $$ declare word text; begin
	perform setval('sim.clock', (extract(epoch from pg_catalog.now()) * 1000000)::bigint);
	foreach word in array array['now', 'clock_timestamp', 'statement_timestamp', 'transaction_timestamp'] loop
		execute format('create function sim.%I() returns timestamptz language plpgsql stable as %L', word, format(
			'begin return timestamptz %L + pg_sequence_last_value(%s::regclass) * interval %L; end', 'epoch', 'sim.clock'::regclass::oid, '1 microsecond'));
	end loop;
	execute format('alter database %I set search_path = public, sim, pg_catalog', current_database());
end $$;`
	clockStep  = 20 * time.Millisecond // how far the database's clock may be behind
	perMinute  = 60                    // requests, so that few orders are a rush
	rushPeople = 7
	rushSells  = 7 // of each
)

// rush is a floor in a bubble, and what two processes send from it.
type rush struct {
	*brokerFloor
	dice   *rand.Rand
	shown  atomic.Int64 // the bubble's time as the broker knows it, in microseconds
	clocks *pgxpool.Conn
	desks  []*orders.Desk
	calls  struct {
		sync.Mutex
		at []time.Time
	}
	orders []*rushOrder
}

// rushOrder is an order that comes at some time of the rush.
type rushOrder struct {
	id, signal, position uuid.UUID
	who                  follower
	side                 orders.Side
	after, within        time.Duration // when it comes, and how long it may wait then

	comes, before, claimed, sent time.Time // zero: it was not
	state                        string
}

func (o *rushOrder) String() string {
	return fmt.Sprintf("%s (copied: %v) of %s, came %s, claimed %s, sent %s, before %s, now %s", o.side, o.signal != uuid.Nil, o.who.account, hms(o.comes), hms(o.claimed), hms(o.sent), hms(o.before), o.state)
}

func hms(t time.Time) string { return t.UTC().Format("04:05.000") }

// now is the time, shown to the broker.
func (r *rush) now() time.Time {
	at := time.Now()
	r.shown.Store(at.UnixMicro())
	return at
}

// openRush makes everything that must not belong to the bubble: connections, people,
// what they hold, and what they are about to trade.
func openRush(t *testing.T, seed uint64) *rush {
	t.Helper()
	r := &rush{dice: rand.New(rand.NewPCG(seed, 3))}
	r.now()
	world, err := sandbox.Open(sandbox.Options{
		ClientID: "test", ConsumerKey: "ck", AlpacaKey: "AK", AlpacaSecret: "AS", Seed: 5, Stepped: true, RatePerMinute: 1_000_000,
		Now: func() time.Time { return time.UnixMicro(r.shown.Load()) },
	})
	if err != nil {
		t.Fatal(err)
	}
	wire := httptest.NewServer(world.Handler())
	wire.Config.SetKeepAlivesEnabled(false) // a connection that waits for its next request would stop the bubble's time
	t.Cleanup(func() {
		wire.Close()
		if err := world.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	address := pgtest.URL(t)
	if _, err := pgtest.Open(t, address).Pool().Exec(t.Context(), rushClock, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	parts, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	query := parts.Query()
	query.Set("pool_health_check_period", "24h") // nobody from outside touches the bubble's connections
	parts.RawQuery = query.Encode()
	pool := func() *postgres.DB { // whose bells, rung in the bubble, cannot be waited for out here
		db, err := postgres.Open(t.Context(), postgres.Options{URL: parts.String(), MaxConns: 6, AppName: "test"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(db.Pool().Close)
		return db
	}
	db, other := pool(), pool()
	client := func(budget *snaptrade.Budget) *snaptrade.Client {
		c, err := snaptrade.New(snaptrade.Config{
			BaseURL: wire.URL + "/snaptrade", ClientID: "test", ConsumerKeys: []secret.Text{secret.New("ck")}, Budget: budget, Now: r.now,
			Observe: func(snaptrade.Call) { r.called() },
		})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	before := client(nil) // whoever moves in
	f := openOn(t, db, market.Options{
		BaseURL: wire.URL + "/alpaca", Key: "AK", Secret: secret.New("AS"),
		HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, Now: r.now, Hurry: true,
	}, before, 0)
	r.brokerFloor = &brokerFloor{exchangeFloor: &exchangeFloor{f, wire.URL}, world: world, homes: map[uuid.UUID]string{}}
	r.moveIn()
	for _, db := range []*postgres.DB{db, other} {
		r.desks = append(r.desks, f.deskOf(db, client(snaptrade.NewBudget(db.Pool(), perMinute))))
		r.warm(db)
	}
	before.Close() // its connections are not the bubble's
	r.exec(`delete from snaptrade_budget_calls`)
	r.calls.at = nil
	clocks, err := pgtest.Open(t, parts.String()).Pool().Acquire(t.Context())
	r.must(err)
	t.Cleanup(clocks.Release)
	r.clocks = clocks
	return r
}

// warm makes every connection of a pool, so that none is made in the bubble.
func (r *rush) warm(db *postgres.DB) {
	r.Helper()
	var conns []*pgxpool.Conn
	for range db.Pool().Config().MaxConns {
		conn, err := db.Pool().Acquire(r.ctx)
		r.must(err)
		conns = append(conns, conn)
	}
	for _, conn := range conns {
		conn.Release()
	}
}

// moveIn gives ava three signals, and everybody an account, a decision about each of
// them and contracts to sell.
func (r *rush) moveIn() {
	r.Helper()
	r.pin("3.40", "3.50")
	r.joins(r.trader)
	signals := []uuid.UUID{r.leads(orders.BTO, 4, 4, orders.Filled), r.leads(orders.BTO, 4, 4, orders.Filled), r.leads(orders.BTO, 4, 4, orders.Filled)}
	for i := range rushPeople {
		w := r.brokerFloor.follower(name(i))
		r.unlimited(w.id)
		r.inTheApp(w.id, "BTO", rushSells)
		position := r.hold(w.id, w.account, rushSells)
		r.exec(`update positions set sell_reserved = bought where id = $1`, position)
		r.exec(`insert into account_looks (account_id, user_id) values ($1, $2)`, w.account, w.id)
		for range rushSells {
			r.plans(&rushOrder{who: w, side: orders.STC, position: position}, 120)
		}
		for range 3 {
			r.plans(&rushOrder{who: w, side: orders.BTO, position: position}, 30)
		}
		for _, signal := range signals {
			r.plans(&rushOrder{who: w, side: orders.BTO, position: position, signal: signal}, 60)
		}
	}
	r.must(r.world.Step())
	r.exec(`delete from river_job`)
}

// plans lets an order come at any time of the first half minute, or with many others
// in one second of it.
func (r *rush) plans(o *rushOrder, most int) {
	o.after, o.within = time.Duration(r.dice.Int64N(int64(30*time.Second))), time.Duration(5+r.dice.IntN(most-4))*time.Second
	if r.dice.IntN(2) == 0 {
		o.after = 10*time.Second + time.Duration(r.dice.Int64N(int64(time.Second)))
	}
	r.orders = append(r.orders, o)
}

func (r *rush) called() {
	r.calls.Lock()
	defer r.calls.Unlock()
	r.calls.at = append(r.calls.at, time.Now())
}

// enters writes a queued order, as its T1 would.
func (r *rush) enters(ctx context.Context, o *rushOrder) error {
	o.comes = time.Now()
	o.before = o.comes.Add(o.within)
	source, limit := "manual", "3.50"
	if o.side == orders.STC {
		limit = "3.15"
	}
	var subscription, decision *uuid.UUID
	if o.signal != uuid.Nil {
		source, subscription = "copy", &o.who.subscription
		err := r.db.Pool().QueryRow(ctx, `
			insert into copy_decisions (subscription_id, user_id, trader_id, leader_order_id, side, symbol, source_quantity, source_price, quantity, result, place, place_of, expires_at)
			values ($1, $2, $3, $4, 'BTO', $5, 4, 3.5, 1, 'queued', 1, 1, $6) returning id`, o.who.subscription, o.who.id, r.trader, o.signal, symbol, o.before).Scan(&decision)
		if err != nil {
			return err
		}
	}
	return r.db.Pool().QueryRow(ctx, `
		insert into orders (user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type, limit_price, time_in_force,
			source, state, send_before, trading_day, subscription_id, decision_id, created_at)
		values ($1, $2, $3, $4, $5, 'AAPL', 100, 1, 'Limit', $6::numeric, 'Day', $7, 'queued', $8, $9, $10, $11, $12) returning id`,
		o.who.id, o.who.account, o.position, o.side, symbol, limit, source, o.before, r.clock.Today(), subscription, decision, o.comes).Scan(&o.id)
}

// live lets every order come when it comes, and its job do what the queue's would,
// now in one process and now in the other.
func (r *rush) live(ctx context.Context) {
	var all, keepers sync.WaitGroup
	over := make(chan struct{})
	keep := func(every time.Duration, do func() error) {
		keepers.Go(func() {
			for {
				select {
				case <-over:
					return
				case <-time.After(every):
				}
				if err := do(); err != nil {
					r.Error(err)
				}
			}
		})
	}
	keep(clockStep, func() error {
		_, err := r.clocks.Exec(ctx, `select setval('sim.clock', $1)`, time.Now().UnixMicro())
		return err
	})
	keep(5*time.Second, func() error { return r.desks[0].Sweep(ctx) })
	for i, o := range r.orders {
		all.Go(func() {
			time.Sleep(o.after)
			if err := r.enters(ctx, o); err != nil {
				r.Error(err)
				return
			}
			for turn := i; o.state != "sent"; turn++ {
				r.sends(ctx, r.desks[turn%2], o)
			}
		})
	}
	all.Wait()
	close(over)
	keepers.Wait()
	r.copier.market.Close() // it waits for what was begun in here
}

// sends is one try of an order's job; what was sent back or waits is tried again.
func (r *rush) sends(ctx context.Context, desk *orders.Desk, o *rushOrder) {
	err := desk.Send(ctx, o.id)
	var again orders.Again
	switch {
	case errors.As(err, &again):
		time.Sleep(again.After)
		return
	case err != nil:
		r.Errorf("%s: %v", o, err)
	}
	var queued bool
	if err := r.db.Pool().QueryRow(ctx, `select state = 'queued' from orders where id = $1`, o.id).Scan(&queued); err != nil {
		r.Error(err)
	}
	if !queued {
		o.state = "sent"
		return
	}
	time.Sleep(time.Second)
}

// read tells when each order was claimed and when the broker had it.
func (r *rush) read() {
	r.Helper()
	placed := map[string]time.Time{}
	for _, row := range r.world.Book() {
		placed[row.BrokerOrderID] = row.PlacedAt
	}
	for _, o := range r.orders {
		var claimed *time.Time
		var broker *string
		r.must(r.db.Pool().QueryRow(r.ctx, `select state || coalesce(' ' || reason, ''), sent_at, broker_order_id from orders where id = $1`, o.id).Scan(&o.state, &claimed, &broker))
		if claimed != nil {
			o.claimed = *claimed
		}
		if broker != nil {
			o.sent = placed[*broker]
		}
	}
}

// More orders than the budget has requests for, of many accounts, in two processes:
// no minute has more than it may, no account two orders within a second, nothing is
// sent after its time, no entry is claimed while an exit of its account waits, none
// holds its account for longer than a moment, and none is sent while a claimed exit
// waits for its request.
func TestExitsGoFirstThroughARush(t *testing.T) {
	t.Parallel()
	for seed := range uint64(*rushesFlag) {
		seed++
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			r := openRush(t, seed)
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(time.UnixMicro(r.shown.Load()))) // from the bubble's year to ours
				r.live(t.Context())
			})
			r.read()
			r.judgeCalls()
			r.judgeAccounts()
			r.judgeTimes()
		})
	}
}

func (r *rush) judgeCalls() {
	r.Helper()
	at := r.calls.at
	slices.SortFunc(at, time.Time.Compare)
	for i := range at {
		if i >= perMinute && at[i].Sub(at[i-perMinute]) < time.Minute {
			r.Fatalf("%d requests in the minute to %s", perMinute+1, hms(at[i]))
		}
	}
}

func (r *rush) judgeAccounts() {
	r.Helper()
	last := map[uuid.UUID]*rushOrder{}
	for _, o := range slices.SortedFunc(slices.Values(r.orders), func(a, b *rushOrder) int { return a.sent.Compare(b.sent) }) {
		if before := last[o.who.account]; before != nil && o.sent.Sub(before.sent) < time.Second-2*clockStep && !o.sent.IsZero() {
			r.Errorf("within a second:\n\t%s\n\t%s", before, o)
		}
		if !o.sent.IsZero() {
			last[o.who.account] = o
		}
	}
}

func (r *rush) judgeTimes() {
	r.Helper()
	sent, held := map[string]int{}, time.Duration(0)
	for _, o := range r.orders {
		kind := fmt.Sprint(o.side, " copied ", o.signal != uuid.Nil)
		switch {
		case o.sent.IsZero():
			sent[kind+" "+o.state]++
			continue
		case o.sent.After(o.before):
			r.Errorf("sent after its time: %s", o)
		}
		sent[kind]++
		if o.side == orders.STC {
			held = max(held, o.sent.Sub(o.comes))
			continue
		}
		if hold := o.sent.Sub(o.claimed); hold > time.Second+2*clockStep {
			r.Errorf("held its account for %s: %s", hold, o)
		}
		for _, exit := range r.orders {
			if exit.side == orders.STC && exit.overtaken(o) {
				r.Errorf("an exit waited:\n\t%s\nfor an entry:\n\t%s", exit, o)
			}
		}
	}
	r.Logf("%v; %d requests; an exit waited up to %s", sent, len(r.calls.at), held)
	for _, kind := range []string{"STC copied false", "BTO copied false", "BTO copied true"} {
		if sent[kind] == 0 {
			r.Errorf("no %s was sent", kind)
		}
	}
}

// overtaken says that an entry was claimed on the exit's account while the exit waited
// to be, or sent anywhere while the exit was claimed and waited for its request.
func (o *rushOrder) overtaken(entry *rushOrder) bool {
	const late = 2 * clockStep
	waits := func(from, to, at time.Time) bool {
		return from.Before(at.Add(-late)) && (to.IsZero() && o.before.After(at.Add(late)) || to.After(at.Add(late)))
	}
	return o.who.account == entry.who.account && waits(o.comes, o.claimed, entry.claimed) ||
		!o.claimed.IsZero() && waits(o.claimed, o.sent, entry.sent)
}
