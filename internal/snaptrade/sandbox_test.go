package snaptrade_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/sandbox"
	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// opening is when the sandbox of these tests begins: a Wednesday morning in New York.
var opening = time.Date(2026, 11, 18, 15, 0, 0, 0, time.UTC)

// contract expires on the next standard monthly expiration that is at least 30 days
// after the opening, by whatever calendar the tests run.
var contract = "AAPL  " + exchange.Monthly(exchange.TradingDay(opening), 30).At(12, 0).Format("060102") + "C00200000"

// played is our client against the sandbox, which shares no signing, parsing or
// canonical form with it.
type played struct {
	*snaptrade.Client
	t       *testing.T
	base    string
	user    snaptrade.User
	account string
	events  chan snaptrade.Event
}

func play(t *testing.T) *played {
	t.Helper()
	// It ticks on: the market is open.
	started := time.Now()
	now := func() time.Time { return opening.Add(time.Since(started)) }
	p := &played{t: t, events: make(chan snaptrade.Event, 100)}
	door := httptest.NewServer(http.HandlerFunc(p.hook))
	t.Cleanup(door.Close)
	world, err := sandbox.Open(sandbox.Options{
		ClientID: "ALERTSIFY-TEST", ConsumerKey: "ck_test_3f9c1a77", WebhookURL: door.URL, Seed: 7, Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- world.Serve(context.Background()) }()
	p.base = world.URL()
	p.Client, err = snaptrade.New(snaptrade.Config{
		BaseURL: p.base + "/snaptrade", ClientID: "ALERTSIFY-TEST",
		ConsumerKeys: []secret.Text{secret.New("ck_test_3f9c1a77")}, Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Close()
		if err := world.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return p
}

func (p *played) hook(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	event, verdict := p.VerifyWebhook(r.Header.Get("Signature"), body)
	if err != nil || verdict != snaptrade.OK {
		p.t.Errorf("webhook: %s, %v: %s", verdict, err, body)
	}
	p.events <- event
	w.WriteHeader(http.StatusOK)
}

// connect registers a user and links an account, as far as our client can, and
// lets the sandbox play the person in the portal.
func (p *played) connect() {
	p.t.Helper()
	var err error
	if p.user, err = p.RegisterUser(p.t.Context(), "0b0c1a77-0000-4000-8000-000000001001"); err != nil {
		p.t.Fatal(err)
	}
	if link, err := p.Login(p.t.Context(), p.user, snaptrade.Portal{Broker: "ALPACA-PAPER"}); err != nil || link.URL.IsZero() {
		p.t.Fatal(err)
	}
	var made struct{ Data struct{ Accounts []string } }
	p.control("/connect", `{"user":"`+p.user.ID+`","broker":"ALPACA-PAPER"}`, &made)
	p.account = made.Data.Accounts[0]
	p.control("/market", `{"symbol":"`+contract+`","bid":"3.40","ask":"3.50","frozen":true}`, nil)
}

func (p *played) control(path, body string, into any) {
	p.t.Helper()
	resp, err := http.Post(p.base+"/_sandbox"+path, "application/json", strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		p.t.Fatalf("%s: %d %s %v", path, resp.StatusCode, raw, err)
	}
	if into != nil {
		if err := json.Unmarshal(raw, into); err != nil {
			p.t.Fatal(err)
		}
	}
}

func order(action snaptrade.Action, units int, limit string) snaptrade.OptionOrder {
	price := decimal.RequireFromString(limit)
	return snaptrade.OptionOrder{
		Symbol: contract, Action: action, Units: units, Type: snaptrade.TypeLimit, LimitPrice: &price, TimeInForce: snaptrade.Day,
	}
}

func TestAgainstTheSandboxAConnectionIsMadeAndRead(t *testing.T) {
	t.Parallel()
	p := play(t)
	p.connect()
	ctx := t.Context()
	connections, err := p.Connections(ctx, p.user)
	if err != nil || len(connections) != 1 || !connections[0].CanTrade() {
		t.Fatalf("connections %+v %v", connections, err)
	}
	accounts, err := p.ConnectionAccounts(ctx, p.user, connections[0].ID)
	if err != nil || len(accounts) != 1 || accounts[0].ID != p.account || accounts[0].ConnectionID != connections[0].ID {
		t.Fatalf("accounts %+v %v", accounts, err)
	}
	if all, err := p.Accounts(ctx, p.user); err != nil || len(all) != 1 {
		t.Errorf("accounts %+v %v", all, err)
	}
	balances, err := p.Balances(ctx, p.user, p.account)
	if err != nil || len(balances) != 1 || !balances[0].BuyingPower.IsPositive() {
		t.Errorf("balances %+v %v", balances, err)
	}
	if brokerages, err := p.Brokerages(ctx); err != nil || len(brokerages) == 0 || brokerages[0].Slug == "" {
		t.Errorf("brokerages %+v %v", brokerages, err)
	}
	for event := range p.events {
		if event.Type == "CONNECTION_ADDED" {
			if event.UserID != p.user.ID || event.ConnectionID != connections[0].ID {
				t.Errorf("%+v", event)
			}
			break
		}
	}
}

func TestAgainstTheSandboxAnOrderLivesItsLife(t *testing.T) {
	t.Parallel()
	p := play(t)
	p.connect()
	ctx := t.Context()
	impact, err := p.OptionImpact(ctx, p.user, p.account, order(snaptrade.BuyToOpen, 2, "3.50"))
	if err != nil || impact.CashChange == nil {
		t.Errorf("impact %+v %v", impact, err)
	}
	bought, err := p.PlaceOption(ctx, p.user, p.account, order(snaptrade.BuyToOpen, 2, "3.50"))
	if err != nil || len(bought.Orders) != 1 {
		t.Fatalf("%+v %v", bought, err)
	}
	if o := bought.Orders[0]; o.Status != snaptrade.StatusFilled || o.Action != snaptrade.BuyToOpen || !o.Filled.Equal(decimal.NewFromInt(2)) || o.Symbol != contract {
		t.Errorf("bought %+v", o)
	}
	waiting, err := p.PlaceOption(ctx, p.user, p.account, order(snaptrade.SellToClose, 1, "9.00"))
	if err != nil {
		t.Fatal(err)
	}
	price := decimal.RequireFromString("8.50")
	replaced, err := p.ReplaceOption(ctx, p.user, p.account, snaptrade.Replacement{
		OrderID: waiting.OrderID, Symbol: contract, Action: snaptrade.SellToClose, Units: 1,
		Type: snaptrade.TypeLimit, LimitPrice: &price, TimeInForce: snaptrade.Day,
	})
	if err != nil || replaced.ID == "" || !replaced.LimitPrice.Equal(price) {
		t.Fatalf("%+v %v", replaced, err)
	}
	if err := p.CancelOrder(ctx, p.user, p.account, replaced.ID); err != nil {
		t.Fatal(err)
	}
	if o, err := p.OrderDetails(ctx, p.user, p.account, replaced.ID); err != nil || o.Status != snaptrade.StatusCancelled {
		t.Errorf("cancelled %+v %v", o, err)
	}
	recent, err := p.RecentOrders(ctx, p.user, p.account)
	if err != nil || len(recent.Orders) < 2 || recent.Unreadable != 0 {
		t.Errorf("recent %+v %v", recent, err)
	}
	positions, err := p.Positions(ctx, p.user, p.account)
	if err != nil || len(positions.Results) != 1 || !positions.Results[0].Units.Equal(decimal.NewFromInt(2)) || positions.AsOf.IsZero() {
		t.Errorf("positions %+v %v", positions, err)
	}
	if _, err := p.Client.OrderDetails(ctx, p.user, p.account, "never-seen"); snaptrade.StatusOf(err) != 404 || snaptrade.CodeOf(err) != "1011" {
		t.Errorf("unknown order: %v", err)
	}
}

// Whatever the sandbox does to a placement, it executes at most once, and we
// claim to know only what we know.
func TestAgainstTheSandboxNoFaultPlacesTwice(t *testing.T) {
	t.Parallel()
	for mode, c := range map[string]struct {
		fault  string
		want   snaptrade.Outcome
		placed int
	}{
		"accept_then_drop":    {`"mode":"accept_then_drop"`, snaptrade.Unknown, 1},
		"accept_then_error":   {`"mode":"accept_then_error"`, snaptrade.Unknown, 1},
		"accept_then_garbage": {`"mode":"accept_then_garbage"`, snaptrade.Unknown, 1},
		"drop_before":         {`"mode":"drop_before"`, snaptrade.Unknown, 0},
		"error":               {`"mode":"error"`, snaptrade.Unknown, 0},
		"error 400":           {`"mode":"error","status":400`, snaptrade.Refused, 0},
		"throttle":            {`"mode":"throttle"`, snaptrade.NotSent, 0},
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			p := play(t)
			p.connect()
			p.control("/faults", `{"target":"snaptrade","match":"trading/options","count":1,`+c.fault+`}`, nil)
			_, err := p.PlaceOption(t.Context(), p.user, p.account, order(snaptrade.BuyToOpen, 1, "3.00"))
			if err == nil || snaptrade.OutcomeOf(err) != c.want {
				t.Errorf("%v, want %s", err, c.want)
			}
			list, err := p.RecentOrders(t.Context(), p.user, p.account)
			if err != nil || len(list.Orders) != c.placed {
				t.Errorf("%d orders at the broker, want %d, %v", len(list.Orders), c.placed, err)
			}
		})
	}
}
