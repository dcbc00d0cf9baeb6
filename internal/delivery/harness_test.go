package delivery_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/discord"
	"github.com/alertsify/alertsify/internal/email"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/getstream"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/sandbox"
	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/telegram"
	"github.com/alertsify/alertsify/internal/webhook"
	"github.com/alertsify/alertsify/internal/webpush"
)

// clock is the time of everybody in a test: ours and the other side's.
type clock struct {
	runs bool // by itself, as any clock

	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	if c.runs {
		return time.Now().UTC()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// street is a database, our side of the road, and the sandbox on the other.
type street struct {
	testing.TB
	ctx      context.Context
	clock    *clock
	db       *postgres.DB
	ring     *secret.Ring
	keys     webpush.Keys
	announce *alerts.Announcer
	links    *email.Links
	post     *delivery.Post
	base     string
	api      *http.Client
	spoken   spoken
}

func open(t testing.TB) *street {
	t.Helper()
	return openAt(t, &clock{t: time.Now().UTC().Truncate(time.Microsecond)})
}

func openAt(t testing.TB, c *clock) *street {
	t.Helper()
	s := &street{TB: t, ctx: t.Context(), clock: c, db: pgtest.New(t), api: &http.Client{Timeout: 10 * time.Second}}
	s.startSandbox()
	ring, err := secret.ParseRing(secret.NewKey("k1"))
	s.must(err)
	s.ring = ring
	public, private, err := webpush.GenerateKeys()
	s.must(err)
	s.keys, err = webpush.ParseKeys(public, private)
	s.must(err)
	s.announce = alerts.New(alerts.Options{DB: s.db, AppURL: "https://app.example", Now: s.clock.now})
	s.links = email.NewLinks("https://app.example", secret.New("a secret of the test's own"))
	s.post = s.newPost()
	return s
}

func (s *street) startSandbox() {
	world, err := sandbox.Open(sandbox.Options{Now: s.clock.now})
	s.must(err)
	s.base = world.URL()
	served := make(chan error, 1)
	go func() { served <- world.Serve(context.Background()) }()
	s.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := world.Close(ctx); err != nil {
			s.Errorf("close sandbox: %v", err)
		}
		<-served
	})
}

// newPost is another process on the same street.
func (s *street) newPost() *delivery.Post { return s.postWith(func(*delivery.Options) {}) }

func (s *street) postWith(change func(*delivery.Options)) *delivery.Post {
	s.Helper()
	host := strings.TrimPrefix(s.base, "http://")
	client := httpio.NewEgress(httpio.EgressOptions{AllowLoopback: []string{host}})
	s.Cleanup(client.CloseIdleConnections)
	push, err := webpush.New(webpush.ClientOptions{
		Subject: "mailto:ops@alertsify.example", Keys: s.keys, ExtraHosts: []string{host}, HTTP: client, Now: s.clock.now,
	})
	s.must(err)
	feed, err := getstream.New(getstream.Options{
		Key: sandbox.GetStreamKey, Secret: secret.New(sandbox.GetStreamSecret), BaseURL: s.base + "/getstream", HTTP: client, Now: s.clock.now,
	})
	s.must(err)
	mails := email.New(email.Options{
		BaseURL: s.base + "/resend", Key: secret.New(sandbox.ResendKey), From: "Alertsify <alerts@" + sandbox.ResendDomain + ">",
		ReplyTo: "Support <support@" + sandbox.ResendDomain + ">", UserAgent: "Alertsify/test", HTTP: client, Now: s.clock.now,
	})
	bot := telegram.New(telegram.Options{BaseURL: s.base + "/telegram", Token: secret.New(sandbox.TelegramToken), HTTP: client})
	receivers := webhook.New(webhook.Options{HTTP: client, AllowLoopback: []string{host}, UserAgent: "Alertsify/test", Now: s.clock.now})
	o := delivery.Options{
		Hooks:    delivery.NewHooks(receivers, s.clock.now),
		Telegram: delivery.NewTelegram(bot, "https://app.example", s.spoken.allow),
		Email:    delivery.NewEmail(mails, s.links, s.db, s.clock.now),
		DB:       s.db, Ring: s.ring, Compose: s.announce.Compose, Gather: s.announce.Gather, Tell: s.announce.TellLost, Unsubscribe: s.announce.Unsubscribe,
		Limits:  map[string]delivery.Limit{}, // lifted, but where a test is about them
		Manners: alerts.Manners(func() exchange.Date { return exchange.TradingDay(s.clock.now()) }),
		Discord: delivery.NewDiscord(s.discord(client)), Push: delivery.NewWebPush(push, []string{host}, s.clock.now), Feed: delivery.NewFeed(feed),
		Now: s.clock.now, Jitter: func(d time.Duration) time.Duration { return d }, Poll: 20 * time.Millisecond,
	}
	change(&o)
	return delivery.New(o)
}

func (s *street) discord(client *http.Client) *discord.Client {
	return discord.New(discord.Options{
		BaseURL: s.base + "/discord", UserAgent: "DiscordBot (https://alertsify.example, test)", HTTP: client,
		Now: s.clock.now, Jitter: func() time.Duration { return 0 },
	})
}

func (s *street) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// drain sends what is due now.
func (s *street) drain() {
	s.Helper()
	s.must(s.post.Drain(s.ctx))
}

func (s *street) inTx(fn func(ctx context.Context, tx pgx.Tx) error) {
	s.Helper()
	s.must(s.db.InTx(s.ctx, fn))
}

func (s *street) exec(sql string, args ...any) {
	s.Helper()
	_, err := s.db.Pool().Exec(s.ctx, sql, args...)
	s.must(err)
}

func scan[T any](s *street, sql string, args ...any) T {
	s.Helper()
	var v T
	s.must(s.db.Pool().QueryRow(s.ctx, sql, args...).Scan(&v))
	return v
}

func (s *street) user(name string) uuid.UUID {
	s.Helper()
	return scan[uuid.UUID](s, `insert into users (username, name, role) values ($1, initcap($1), 'trader') returning id`, name)
}

// holding is a trader with a position.
type holding struct {
	*street
	user, account, position uuid.UUID
	contract                exchange.Contract
}

func (s *street) holding(user uuid.UUID) *holding {
	s.Helper()
	contract, err := exchange.ParseSymbol("AAPL  270115C00200000")
	s.must(err)
	connection := scan[uuid.UUID](s, `
		insert into connections (user_id, authorization_id, broker_slug, institution, trading, status)
		values ($1, gen_random_uuid()::text, 'paper', 'Paper', true, 'ok') returning id`, user)
	account := scan[uuid.UUID](s, `
		insert into accounts (user_id, connection_id, broker_account_id, institution)
		values ($1, $2, gen_random_uuid()::text, 'Paper') returning id`, user, connection)
	position := scan[uuid.UUID](s, `
		insert into positions (user_id, account_id, symbol, underlying, option_type, strike, expiration, multiplier, source)
		values ($1, $2, $3, 'AAPL', 'call', 200, '2027-01-15', 100, 'manual') returning id`, user, account, contract.Symbol)
	return &holding{street: s, user: user, account: account, position: position, contract: contract}
}

// trade is an order of five contracts whose fills can be announced.
type trade struct {
	*holding
	alerts.Trade
}

func (h *holding) trade(side string) *trade {
	h.Helper()
	order := scan[uuid.UUID](h.street, `
		insert into orders (user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type,
		                    time_in_force, source, state, send_before, trading_day)
		values ($1, $2, $3, $4, $5, 'AAPL', 100, 5, 'Limit', 'Day', 'manual', 'accepted', now(), current_date) returning id`,
		h.user, h.account, h.position, side, h.contract.Symbol)
	t := alerts.Trade{
		OrderID: order, UserID: h.user, PositionID: h.position, Side: side, Contract: h.contract, Ordered: 5,
		Average: money.MustPrice("3.50"), Source: "manual", Public: true,
	}
	if side == "STC" {
		entry := money.MustPrice("3.50")
		t.Entry, t.Average = &entry, money.MustPrice("5.25")
	}
	return &trade{holding: h, Trade: t}
}

// fills announces that so many contracts have filled by now.
func (t *trade) fills(filled int) *trade {
	t.Helper()
	t.prepare(filled)
	t.inTx(func(ctx context.Context, tx pgx.Tx) error { return t.announce.Announce(ctx, tx, t.Trade) })
	return t
}

func (t *trade) prepare(filled int) {
	t.Filled, t.Revision, t.Ended = filled, t.Revision+1, filled == t.Ordered
	if t.LearntAt.IsZero() {
		now := t.clock.now()
		t.LearntAt, t.ExecutedAt = now, &now
	}
	if t.Entry != nil {
		cost := t.Entry.Cost(filled, 100)
		gain := money.Amount{Decimal: t.Average.Cost(filled, 100).Sub(cost.Decimal)}
		t.CostRemoved, t.Realized = &cost, &gain
	}
}

func (t *trade) alert() uuid.UUID {
	t.Helper()
	return scan[uuid.UUID](t.street, `select id from alerts where order_id = $1`, t.OrderID)
}

// row is a delivery as the database has it.
type row struct {
	ID                uuid.UUID
	Op, State         string
	Attempt, Claims   int
	PossibleDuplicate bool
	Revision          int
	LastError         *string
}

func (s *street) rows(channel string) []row {
	s.Helper()
	rows, err := s.db.Pool().Query(s.ctx, `
		select id, op, state, attempt, claims, possible_duplicate, revision, last_error
		from deliveries where channel = $1 order by seq`, channel)
	s.must(err)
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	s.must(err)
	return all
}

// states writes the deliveries of a channel as "create delivered, update pending".
func (s *street) states(channel string) string {
	s.Helper()
	var words []string
	for _, r := range s.rows(channel) {
		words = append(words, r.Op+" "+r.State)
	}
	return strings.Join(words, ", ")
}

func (s *street) wantStates(channel, want string) {
	s.Helper()
	if got := s.states(channel); got != want {
		s.Errorf("%s deliveries are %q, want %q", channel, got, want)
	}
}

// eventually waits for a condition that another goroutine brings about.
func (s *street) eventually(what string, ok func() bool) {
	s.Helper()
	deadline := time.After(60 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			s.Fatalf("not within 10 s: %s", what)
		case <-tick.C:
		}
	}
}
