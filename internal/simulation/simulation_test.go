package simulation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/redis"
	"github.com/alertsify/alertsify/internal/sandbox"
	"github.com/alertsify/alertsify/internal/secret"
)

// simulation is one world from its seed: the program's rooms on a database of
// their own, the sandbox's broker, people who trade, and one thread of events in
// virtual time. What happens while a request is on the wire happens inside it, so
// that several processes are played without a second goroutine that decides
// anything: the same seed is the same history.
type simulation struct {
	t      *testing.T
	ctx    context.Context
	seed   int64
	want   int // lives
	dice   dice
	random io.Reader // what the program draws
	time   *clock
	agenda

	db       *postgres.DB
	observer *pgx.Conn // sees what the program committed, outside its pool
	cache    *redis.Client
	world    *sandbox.World
	wire     *httptest.Server
	engine   *engine
	ring     *secret.Ring
	market   *exchange.Clock
	people   []*person
	ids      int

	watch    watch
	check    invariants
	referee  referee
	sight    sight
	pressed  []pressed // kill switches
	tally    tally
	depth    int  // events inside requests inside events
	closing  bool // nobody begins anything new
	calm     bool // nothing fails any more
	broken   error
	warnings warnings
	trace    trace
	sabotage sabotage
	script   *script // a tale's; nil: everything is left to chance
	began    time.Time
}

// begin raises a world on a trading day of its own, in a copy of a database.
func begin(t *testing.T, empty string, seed int64, want int) *simulation {
	t.Helper()
	s := &simulation{t: t, ctx: t.Context(), seed: seed, want: want, dice: newDice(seed), random: newRandom(seed)}
	start := s.openingBell()
	url := pgtest.CopyURL(t, empty)
	s.must(s.once(url, settings+fmt.Sprintf(ownTime, seed, start.UnixMicro())))
	s.observer = s.connect(url) // by now the settings are the database's
	timeIsVirtual(s.ctx, t, s.observer, start)
	s.time, s.began = &clock{database: s.observer, at: start}, start
	s.market = exchange.NewClock(s.time.Now)
	s.db = pgtest.Open(t, url)
	s.openSandbox()
	s.openEngine()
	s.settle()
	s.must(s.check.prepare(s))
	return s
}

// emptyWorld is a database with our clock and all tables: migrating takes longer than
// some worlds live, so it is done once for all of a test's.
func emptyWorld(t *testing.T) string {
	t.Helper()
	s := &simulation{t: t, ctx: t.Context()}
	url := pgtest.EmptyURL(t)
	s.must(s.once(url, virtualTime+settings))
	s.must(postgres.Migrate(s.ctx, url))
	s.must(s.once(url, seenByTime))
	return url
}

// once runs statements on a connection that ends with them.
func (s *simulation) once(url, sql string) error {
	conn, err := pgx.Connect(s.ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(s.ctx, sql, pgx.QueryExecModeSimpleProtocol)
	return errors.Join(err, conn.Close(s.ctx))
}

// openingBell is some moment in the session of some trading day of 2028, the last
// year of the calendar: summer and winter, half days, the evening before a holiday.
func (s *simulation) openingBell() time.Time {
	for {
		day := exchange.MustDate("2028-01-03").AddDays(s.dice.IntN(300))
		if session, open := exchange.SessionOf(day, ""); open {
			return session.Open.Add(s.dice.between(0, session.Close.Sub(session.Open))).Truncate(time.Second).UTC()
		}
	}
}

func (s *simulation) connect(url string) *pgx.Conn {
	s.t.Helper()
	conn, err := pgx.Connect(s.ctx, url)
	s.must(err)
	s.t.Cleanup(func() { conn.Close(context.WithoutCancel(s.ctx)) })
	return conn
}

func (s *simulation) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// exec runs statements of the simulation's own.
func (s *simulation) exec(sql string) error {
	_, err := s.observer.Exec(s.ctx, sql, pgx.QueryExecModeSimpleProtocol)
	return err
}

func (s *simulation) openSandbox() {
	s.t.Helper()
	world, err := sandbox.Open(sandbox.Options{
		ClientID: clientID, ConsumerKey: consumerKey, Seed: s.seed, Stepped: true, RatePerMinute: 1_000_000, Now: s.time.Now,
	})
	s.must(err)
	s.world = world
	s.wire = httptest.NewServer(s.onTheWire(world.Handler()))
	s.wire.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // dropped answers are meant
	s.t.Cleanup(func() {
		s.wire.Close()
		if err := world.Close(context.WithoutCancel(s.ctx)); err != nil {
			s.t.Errorf("close the sandbox: %v", err)
		}
	})
	s.control("/_sandbox/clock", map[string]any{"now": s.time.Now()})
	s.control("/_sandbox/webhooks", map[string]any{"tradeUpdates": true, "holdings": true})
}

// newID is the next id of an order: random to look at, and the seed's.
func (s *simulation) newID() uuid.UUID {
	s.time.Now() // what happened on the wire is seen here
	s.ids++
	return uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "%d order %d", s.seed, s.ids))
}

// in plans something after a while.
func (s *simulation) in(wait time.Duration, name string, do func() error) {
	s.plan(s.time.Now().Add(wait), name, do)
}

// run lives until enough orders have ended, then lets everything come to rest.
func (s *simulation) run() error {
	s.start()
	for s.broken == nil && !s.closing {
		s.step(s.far())
		s.closing = s.tally.lives+s.watch.alive >= s.want // those alive will end at rest
	}
	if s.broken == nil {
		s.fail(s.rest())
	}
	for _, state := range s.watch.states {
		s.tally.ended[state]++
	}
	return s.broken
}

func (s *simulation) far() time.Time { return s.time.Now().Add(24 * time.Hour) }

// step lets the next event due by a time happen; false when there is none.
func (s *simulation) step(by time.Time) bool {
	e, due := s.next(by)
	if !due || s.broken != nil {
		return false
	}
	// Nothing happens at exactly the same time.
	least := s.time.Now().Add(s.dice.between(time.Millisecond, 20*time.Millisecond))
	if e.name == "look" && e.at.Add(onTime).Before(least) {
		s.sight.kept("", least)
	}
	if e.at.Before(least) {
		e.at = least
	}
	s.time.to(e.at)
	s.trace.note(s.depth, e)
	s.fail(e.do())
	if s.depth == 0 && s.broken == nil {
		s.fail(s.check.step(s, e.name))
	}
	return true
}

// pass lets time go by, with whatever happens in it.
func (s *simulation) pass(d time.Duration) {
	until := s.time.Now().Add(d).Truncate(time.Microsecond) // as the database keeps it
	if s.depth < 3 {
		if d >= onTime { // what was committed before the request went out is seen by others meanwhile
			s.fail(s.observe(s.time.Now()))
		}
		s.depth++
		for s.step(until) {
			continue
		}
		s.depth--
	} else if d >= onTime { // the world stands still meanwhile: looks are late for that
		s.sight.kept("", until)
	}
	s.time.to(until)
}

// fail keeps the first thing that went wrong; nothing happens after it.
func (s *simulation) fail(err error) {
	if err != nil && s.broken == nil {
		s.broken = err
	}
}

// start plans what never ends.
func (s *simulation) start() {
	s.again("broker works", func() time.Duration { return s.dice.between(time.Second, 8*time.Second) }, func() error { return s.world.Step() })
	s.again("sweep", s.sweepPause, s.sweep)
	s.again("somebody trades", s.clickPause, s.somebodyTrades)
	if s.sabotage.unclaimed {
		s.in(time.Minute, "an unclaimed order is sent", s.sendUnclaimed)
	}
	s.again("a switch is pressed", s.pressPause, s.presses)
	s.again("operator resumes", func() time.Duration { return s.dice.between(time.Minute, 3*time.Minute) }, s.resume)
}

func (s *simulation) again(name string, pause func() time.Duration, do func() error) {
	s.in(s.slow(pause()), name, func() error {
		err := do()
		s.again(name, pause, do)
		return err
	})
}

// slow stretches a pause while the exchange is closed: a night has few events.
func (s *simulation) slow(d time.Duration) time.Duration {
	if s.market.Open("") || s.closing {
		return d
	}
	return 60 * d
}

func (s *simulation) sweepPause() time.Duration {
	if s.calm {
		return s.dice.between(20*time.Second, time.Minute)
	}
	return s.dice.between(3*time.Second, 20*time.Second)
}

// sweep is one round of what repairs: any process does it, none has to.
func (s *simulation) sweep() error {
	if s.sabotage.neverSweep {
		return nil
	}
	return notDeath(s.call("sweep", func(ctx context.Context) error {
		return errors.Join(s.engine.desk.Sweep(ctx), s.engine.copier.Sweep(ctx))
	}))
}
