package copytrade

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/redis"
	"github.com/alertsify/alertsify/internal/sandbox"
	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// brokerFloor is a floor whose orders go to the sandbox's broker over HTTP, and whose
// quotes are its market's. Nothing there happens by itself, and no webhook is sent:
// what becomes known here is what lists say.
type brokerFloor struct {
	*exchangeFloor
	world *sandbox.World
	homes map[uuid.UUID]string // a person's account at the broker
	again []bell               // what wants to be called again
}

// bell is a job of the program's queue.
type bell struct {
	Kind string
	Args json.RawMessage
}

// openBrokered is a floor on which ava has an account at the broker.
func openBrokered(t *testing.T) *brokerFloor {
	t.Helper()
	world, err := sandbox.Open(sandbox.Options{
		ClientID: "test", ConsumerKey: "ck", AlpacaKey: "AK", AlpacaSecret: "AS", Seed: 5, Stepped: true, RatePerMinute: 1_000_000,
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- world.Serve(context.Background()) }()
	cache, err := redis.Open(t.Context(), redis.Options{InProcess: true})
	if err != nil {
		t.Fatal(err)
	}
	config := snaptrade.Config{BaseURL: world.URL() + "/snaptrade", ClientID: "test", ConsumerKeys: []secret.Text{secret.New("ck")}}
	var client *snaptrade.Client
	t.Cleanup(func() {
		client.Close()
		if err := world.Close(context.Background()); err != nil {
			t.Error(err)
		}
		<-ended
		if err := cache.Close(); err != nil {
			t.Error(err)
		}
	})
	if client, err = snaptrade.New(config); err != nil {
		t.Fatal(err)
	}
	read := time.Now() // every quote is read anew, so that what a test sets counts at once
	f := openBroker(t, market.Options{
		BaseURL: world.URL() + "/alpaca", Key: "AK", Secret: secret.New("AS"), Cache: cache, HTTP: &http.Client{Timeout: 30 * time.Second},
		Now: func() time.Time { read = read.Add(2 * time.Second); return read }, Hurry: true,
	}, client)
	b := &brokerFloor{exchangeFloor: &exchangeFloor{f, world.URL()}, world: world, homes: map[uuid.UUID]string{}}
	b.joins(f.trader)
	return b
}

// joins connects a user's account at the broker, through the program's own doors.
func (f *brokerFloor) joins(user uuid.UUID) (account uuid.UUID) {
	f.Helper()
	_, err := f.accounts.Connect(f.ctx, user, "ALPACA-PAPER", "")
	f.must(err)
	f.control("/_sandbox/connect", map[string]any{"user": user.String(), "broker": "ALPACA-PAPER"})
	_, err = f.accounts.Refresh(f.ctx, user)
	f.must(err)
	list, err := f.accounts.List(f.ctx, user)
	f.must(err)
	f.homes[user] = list[0].BrokerAccountID
	return list[0].ID
}

func (f *brokerFloor) control(path string, body any) {
	f.Helper()
	text, err := json.Marshal(body)
	f.must(err)
	answer, err := http.Post(f.url+path, "application/json", bytes.NewReader(text))
	f.must(err)
	f.must(answer.Body.Close())
	if answer.StatusCode != http.StatusOK {
		f.Fatal(path, answer.Status)
	}
}

// follower is one with an account at the broker, who copies ava automatically.
func (f *brokerFloor) follower(name string) follower {
	f.Helper()
	w := follower{id: f.user(name, "subscriber")}
	w.account = f.joins(w.id)
	w.subscription = f.follows(w, f.trader)
	f.exec(`insert into consents (user_id, version) values ($1, $2)`, w.id, ConsentVersion)
	return w
}

func (f *brokerFloor) follows(w follower, trader uuid.UUID) (subscription uuid.UUID) {
	f.Helper()
	return read[uuid.UUID](f.floor, `
		insert into subscriptions (follower_id, trader_id, auto_execute, max_daily_trades, max_spread_percent, active_since)
		values ($1, $2, true, 100, 200, now() - interval '1 hour') returning id`, w.id, trader)
}

// trades places an order of somebody's by a line, and does what follows from it.
func (f *brokerFloor) trades(user uuid.UUID, line string) (order uuid.UUID) {
	f.Helper()
	order = f.places(user, line)
	f.works(nil)
	return order
}

func (f *brokerFloor) places(user uuid.UUID, line string) (order uuid.UUID) {
	f.Helper()
	f.exec(`delete from order_pace`)
	receipt, err := f.copier.desk.Place(f.ctx, user, orders.Key{Text: uuid.NewString(), Body: []byte(line)},
		orders.Request{Line: line, ConfirmDuplicate: true, ConfirmPrice: true})
	f.must(err)
	var placed struct{ ID uuid.UUID }
	f.must(json.Unmarshal(receipt.Order, &placed))
	return placed.ID
}

// inTheApp is a trade made in the broker's own app, at the market.
func (f *brokerFloor) inTheApp(user uuid.UUID, side string, quantity int64) {
	f.Helper()
	_, err := f.world.TradeInApp(f.homes[user], symbol, side, quantity, nil)
	f.must(err)
}

// lists reads every account's orders at the broker, and does what follows.
func (f *brokerFloor) lists() {
	f.Helper()
	f.exec(`insert into account_looks (account_id, user_id) select id, user_id from accounts on conflict do nothing`)
	f.exec(`update account_looks set next_look_at = now(), listed_at = now() - interval '1 minute'`)
	f.must(f.copier.desk.LookDue(f.ctx))
	f.works(nil)
}

// works does the jobs of the queue as the program does, and between is called before
// each; what wants to be called again finds that ten seconds have passed.
func (f *brokerFloor) works(between func()) {
	f.Helper()
	for range 30 {
		if !f.drain(between) && len(f.again) == 0 {
			return
		}
		f.lapse()
		waiting := f.again
		f.again = nil
		for _, b := range waiting {
			f.work(b, between)
		}
	}
	f.again = nil // a partial fill's ten seconds are the test's own matter
}

// drain works until nothing is left that has not been tried; false when there was nothing.
func (f *brokerFloor) drain(between func()) (any bool) {
	f.Helper()
	for {
		rows, err := f.db.Pool().Query(f.ctx, `
			with gone as (delete from river_job returning id, kind, args) select kind, args from gone order by id`)
		f.must(err)
		bells, err := pgx.CollectRows(rows, pgx.RowToStructByPos[bell])
		f.must(err)
		if len(bells) == 0 {
			return any
		}
		any = true
		for _, b := range bells {
			f.work(b, between)
		}
	}
}

func (f *brokerFloor) work(b bell, between func()) {
	f.Helper()
	if between != nil {
		between()
	}
	var about struct {
		OrderID       uuid.UUID `json:"order_id"`
		LeaderOrderID uuid.UUID `json:"leader_order_id"`
	}
	f.must(json.Unmarshal(b.Args, &about))
	var err error
	switch b.Kind {
	case "order_send":
		err = f.copier.desk.Send(f.ctx, about.OrderID)
	case "order_cancel":
		err = f.copier.desk.SendCancel(f.ctx, about.OrderID)
	case "order_changed":
		err = f.copier.OnOrder(f.ctx, about.OrderID)
	case "copy_execute":
		err = f.copier.Execute(f.ctx, about.LeaderOrderID)
	case "copy_triggers":
		err = f.copier.PlaceTriggered(f.ctx)
	default:
		f.Fatalf("nobody works jobs of kind %q", b.Kind)
	}
	var again orders.Again
	if errors.As(err, &again) {
		f.again = append(f.again, b)
		return
	}
	f.must(err)
}

// lapse lets the second between two orders of an account and the ten between two exits
// of a copy pass.
func (f *brokerFloor) lapse() {
	f.Helper()
	f.exec(`update account_looks set last_claim_at = last_claim_at - interval '1 second'`)
	f.passed()
}

// traded is what the broker's book has of somebody's, oldest first: "BUY 4 EXECUTED".
func (f *brokerFloor) traded(user uuid.UUID) string {
	f.Helper()
	var list []string
	for _, o := range f.world.Book() {
		if o.Account == f.homes[user] {
			side, _, _ := strings.Cut(o.Action, "_")
			list = append(list, side+" "+strconv.FormatInt(o.Filled, 10)+" "+o.Status)
		}
	}
	return strings.Join(list, ", ")
}
