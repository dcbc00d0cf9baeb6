package snaptrade

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// contractOrder is the reply example of contract §8.1.
const contractOrder = `{"brokerage_order_id":"124912433123","brokerage_group_order_id":null,"order_role":null,
 "status":"PENDING","universal_symbol":null,"option_symbol":{"id":"6d0c...","ticker":"SPXW  260925P05000000","option_type":"PUT",
 "strike_price":5000,"expiration_date":"2026-09-25","is_mini_option":false,"underlying_symbol":{"id":"0b7e...","symbol":"SPX",
 "raw_symbol":"SPX","description":"S&P 500 Index","currency":{"id":"87b2...","code":"USD","name":"US Dollar"}}},"action":"BUY_OPEN",
 "total_quantity":"2","open_quantity":"2","canceled_quantity":"0","filled_quantity":"0","execution_price":null,"limit_price":"1.25",
 "stop_price":null,"trailing_stop":null,"order_type":"Limit","time_in_force":"Day","time_placed":"2026-09-21T13:33:02.810000Z",
 "time_updated":null,"time_executed":null,"expiry_date":null}`

// Every call: where it goes, what it carries, and that its answer is understood.
func TestCallsGoWhereTheContractSays(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		answer string
		call   func(context.Context, *bench) (any, error)
		method string
		path   string
		query  string // beyond clientId, timestamp, userId, userSecret
		body   string
		want   string // of the result, printed
		noUser bool
	}{
		"register": {`{"userId":"u-7","userSecret":"s-7"}`, func(ctx context.Context, b *bench) (any, error) {
			u, err := b.RegisterUser(ctx, "u-7")
			return u.ID + " " + u.Secret.Reveal(), err
		}, "POST", "/snapTrade/registerUser", "", `{"userId":"u-7"}`, "u-7 s-7", true},
		"reset": {`{"userId":"u-1001","userSecret":"new"}`, func(ctx context.Context, b *bench) (any, error) {
			u, err := b.ResetUserSecret(ctx, b.user)
			return u.Secret.Reveal(), err
		}, "POST", "/snapTrade/resetUserSecret", "", `{"userId":"u-1001","userSecret":"` + canaryUser + `"}`, "new", true},
		"delete user": {`{"status":"deleted"}`, func(ctx context.Context, b *bench) (any, error) {
			return nil, b.DeleteUser(ctx, "u-7")
		}, "DELETE", "/snapTrade/deleteUser", "userId=u-7", "", "<nil>", true},
		"list users": {`["a","b"]`, func(ctx context.Context, b *bench) (any, error) {
			return b.ListUsers(ctx)
		}, "GET", "/snapTrade/listUsers", "", "", "[a b]", true},
		"online": {`{"version":1,"timestamp":"x","online":true}`, func(ctx context.Context, b *bench) (any, error) {
			return b.Online(ctx)
		}, "GET", "/", "", "", "true", true},
		"login": {`{"redirectURI":"https://p.example/x","sessionId":"s"}`, func(ctx context.Context, b *bench) (any, error) {
			l, err := b.Login(ctx, b.user, Portal{Broker: "ALPACA", RedirectTo: "https://a.example/cb?a=1&b=<x>", ImmediateRedirect: true})
			return l.URL.Reveal() + " " + l.SessionID, err
		}, "POST", "/snapTrade/login", "", `{"broker":"ALPACA","connectionType":"trade-if-available","customRedirect":"https://a.example/cb?a=1&b=<x>","immediateRedirect":true}`, "https://p.example/x s", false},
		"reconnect": {`{"redirectURI":"u"}`, func(ctx context.Context, b *bench) (any, error) {
			l, err := b.Login(ctx, b.user, Portal{Reconnect: "c-1"})
			return l.URL.Reveal(), err
		}, "POST", "/snapTrade/login", "", `{"connectionType":"trade","reconnect":"c-1"}`, "u", false},
		"brokerages": {`[{"id":"b","slug":"ALPACA","enabled":true,"allows_trading":null}]`, func(ctx context.Context, b *bench) (any, error) {
			l, err := b.Brokerages(ctx)
			return fmt.Sprint(l[0].Slug, l[0].Enabled, l[0].AllowsTrading), err
		}, "GET", "/brokerages", "", "", "ALPACAtrue false", true},
		"connections": {`[{"id":"c-1","type":"trade","disabled":false,"disabled_date":null,"created_date":"2026-01-02T03:04:05Z","brokerage":{"slug":"X"}}]`, func(ctx context.Context, b *bench) (any, error) {
			l, err := b.Connections(ctx, b.user)
			return fmt.Sprint(l[0].ID, " ", l[0].CanTrade(), l[0].Brokerage.Slug, l[0].CreatedAt.Year()), err
		}, "GET", "/authorizations", "", "", "c-1 trueX2026", false},
		"connection": {`{"id":"c-1","type":"read","disabled":true}`, func(ctx context.Context, b *bench) (any, error) {
			c, err := b.Client.Connection(ctx, b.user, "c-1")
			return c.CanTrade(), err
		}, "GET", "/authorizations/c-1", "", "", "false", false},
		"connection's accounts": {`[{"id":"a"}]`, func(ctx context.Context, b *bench) (any, error) {
			l, err := b.ConnectionAccounts(ctx, b.user, "c-1")
			return l[0].ID + l[0].Category, err
		}, "GET", "/authorizations/c-1/accounts", "", "", "aINVESTMENT", false},
		"delete connection": {`{"detail":"queued"}`, func(ctx context.Context, b *bench) (any, error) {
			return nil, b.DeleteConnection(ctx, b.user, "c-1")
		}, "DELETE", "/connection/c-1", "", "", "<nil>", false},
		"refresh": {`{"detail":"queued"}`, func(ctx context.Context, b *bench) (any, error) {
			return nil, b.RefreshConnection(ctx, b.user, "c-1")
		}, "POST", "/authorizations/c-1/refresh", "", "", "<nil>", false},
		"disable": {`{"detail":"done"}`, func(ctx context.Context, b *bench) (any, error) {
			return nil, b.DisableConnection(ctx, b.user, "c-1")
		}, "POST", "/authorizations/c-1/disable", "", "", "<nil>", false},
		"accounts": {`[{"id":"a","brokerage_authorization":"c","number":"***1","is_paper":true,"account_category":"LOC","balance":{"total":{"amount":10.5,"currency":"USD"}},
			"sync_status":{"holdings":{"initial_sync_completed":true,"last_successful_sync":"2024-06-28 18:42:46.561408+00:00"},"transactions":{"initial_sync_completed":false,"last_successful_sync":"2024-06-28"}}}]`,
			func(ctx context.Context, b *bench) (any, error) {
				l, err := b.Accounts(ctx, b.user)
				a := l[0]
				return fmt.Sprint(a.ConnectionID, a.Number, a.Paper, a.Category, a.Total, a.Currency, a.Synced, a.SyncedAt.Hour(), a.TransactionsSynced), err
			}, "GET", "/accounts", "", "", "c***1trueLOC10.5USDtrue 18 false", false},
		"account": {`{"id":"a","balance":{"total":null},"number":12}`, func(ctx context.Context, b *bench) (any, error) {
			a, err := b.Account(ctx, b.user, "a")
			return fmt.Sprint(a.Total, a.Number), err
		}, "GET", "/accounts/a", "", "", "<nil>12", false},
		"balances": {`[{"currency":{"code":"USD"},"cash":null,"buying_power":1000.10}]`, func(ctx context.Context, b *bench) (any, error) {
			l, err := b.Balances(ctx, b.user, "a")
			return fmt.Sprint(l[0].Currency, l[0].Cash, l[0].BuyingPower), err
		}, "GET", "/accounts/a/balances", "", "", "USD<nil> 1000.1", false},
		"positions": {`{"results":[{"instrument":{"kind":"option","id":"i","symbol":"AAPL  261218C00240000","option_type":"CALL","strike_price":"240","expiration_date":"2026-12-18","multiplier":"100","underlying":{"symbol":"AAPL"}},"units":"2","price":"1.5","cost_basis":"1.25","currency":"USD"},
			{"instrument":{"kind":"novelty","symbol":"Q"},"units":null}],"data_freshness":{"as_of":"2026-09-21T13:33:02Z"}}`,
			func(ctx context.Context, b *bench) (any, error) {
				p, err := b.Positions(ctx, b.user, "a")
				o := p.Results[0]
				return fmt.Sprint(o.Instrument.Symbol, o.Units, o.CostBasis, o.Instrument.Strike, o.Instrument.Underlying, p.Results[1].Units, p.AsOf.Minute()), err
			}, "GET", "/accounts/a/positions/all", "", "", "AAPL  261218C002400002 1.25 240AAPL<nil> 33", false},
		"activities": {`{"data":[{"id":"t","type":"OPTIONEXPIRATION","option_symbol":{"ticker":"F     261016P00012500"},"units":-2,"amount":null,"trade_date":"2026-09-21T00:00:00Z"}],"pagination":{"offset":0,"limit":1000,"total":7}}`,
			func(ctx context.Context, b *bench) (any, error) {
				l, total, err := b.Activities(ctx, b.user, "a", "2026-09-01", "2026-09-30", 0)
				return fmt.Sprint(l[0].Type, l[0].Symbol, l[0].Units, l[0].Amount, total), err
			}, "GET", "/accounts/a/activities", "endDate=2026-09-30&limit=1000&offset=0&startDate=2026-09-01", "", "OPTIONEXPIRATIONF     261016P00012500-2 <nil> 7", false},
		"recent orders": {`{"orders":[` + contractOrder + `]}`, func(ctx context.Context, b *bench) (any, error) {
			l, err := b.RecentOrders(ctx, b.user, "a")
			return fmt.Sprint(len(l.Orders), l.Unreadable, l.AskedAt.IsZero()), err
		}, "GET", "/accounts/a/recentOrders", "only_executed=false", "", "1 0 false", false},
		"orders": {`[` + contractOrder + `,{"status":"PENDING"},5]`, func(ctx context.Context, b *bench) (any, error) {
			l, err := b.Orders(ctx, b.user, "a", OpenOrders, 30)
			return fmt.Sprint(len(l.Orders), l.Unreadable), err
		}, "GET", "/accounts/a/orders", "days=30&state=open", "", "1 2", false},
		"order details": {contractOrder, func(ctx context.Context, b *bench) (any, error) {
			o, err := b.OrderDetails(ctx, b.user, "a", "x/1")
			return o.ID, err
		}, "POST", "/accounts/a/orders/details", "", `{"brokerage_order_id":"x/1"}`, "124912433123", false},
		"impact": {`{"estimated_cash_change":"250.00","cash_change_direction":"DEBIT","estimated_fee_total":null}`, func(ctx context.Context, b *bench) (any, error) {
			i, err := b.OptionImpact(ctx, b.user, "a", limitOrder())
			return fmt.Sprint(i.CashChange, i.Direction, i.Fees), err
		}, "POST", "/accounts/a/trading/options/impact", "", "*", "250DEBIT<nil>", false},
		"cancel": {`{"brokerage_order_id":"1","raw_response":null}`, func(ctx context.Context, b *bench) (any, error) {
			return nil, b.CancelOrder(ctx, b.user, "a", "1")
		}, "POST", "/accounts/a/trading/cancel", "", `{"brokerage_order_id":"1"}`, "<nil>", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := serve(t, status(200, c.answer))
			got, err := c.call(t.Context(), b)
			if err != nil || fmt.Sprint(got) != c.want {
				t.Fatalf("%v, %v; want %s", got, err, c.want)
			}
			r := b.arrived()[0]
			path, query, _ := strings.Cut(r.target, "?")
			if r.method != c.method || path != "/snaptrade"+c.path || c.body != "*" && r.body != c.body {
				t.Errorf("%s %s %s", r.method, path, r.body)
			}
			if got := extraQuery(t, query, !c.noUser); got != c.query {
				t.Errorf("query %q, want %q", got, c.query)
			}
		})
	}
}

// extraQuery takes out what every signed call carries, and insists on it.
func extraQuery(t *testing.T, query string, user bool) string {
	t.Helper()
	q, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	always := []string{"clientId", "timestamp"}
	if user {
		always = append(always, "userId", "userSecret")
	}
	for _, key := range always {
		if q.Get(key) == "" {
			t.Errorf("no %s in the query", key)
		}
		q.Del(key)
	}
	return q.Encode()
}

func TestAnOrderRecordIsReadWhole(t *testing.T) {
	t.Parallel()
	text := strings.NewReplacer(
		`"filled_quantity":"0"`, `"filled_quantity":1`, `"stop_price":null`, `"stop_price":"0.0000000000"`,
		`"execution_price":null`, `"execution_price":1.2500000000`, `"time_executed":null`, `"time_executed":"2026-09-21T13:33:05Z"`,
		`"expiry_date":null`, `"child_brokerage_order_ids":{"take_profit_order_id":"p","stop_loss_order_id":null}`,
	).Replace(contractOrder)
	o, ok := readOrder(mustParse(t, text))
	if !ok || !o.Option || o.Status != StatusPartial || o.Action != BuyToOpen || o.Type != TypeLimit || o.TimeInForce != Day {
		t.Errorf("%v %+v", ok, o)
	}
	if o.Filled.String() != "1" || o.Total.String() != "2" || o.AveragePrice.String() != "1.25" || o.StopPrice != nil || o.LimitPrice.String() != "1.25" {
		t.Errorf("%+v", o)
	}
	if !o.PlacedAt.Equal(time.Date(2026, 9, 21, 13, 33, 2, 810e6, time.UTC)) || o.ExecutedAt.IsZero() || !o.UpdatedAt.IsZero() {
		t.Errorf("%+v", o)
	}
	if !slices.Equal(o.ChildOrderIDs, []string{"p"}) || o.StatusWord != "PENDING" || o.ActionWord != "BUY_OPEN" {
		t.Errorf("%+v", o)
	}
	for _, bad := range []string{`"total_quantity":"two"`, `"total_quantity":{}`, `"total_quantity":"1e999999999"`} {
		if _, ok := readOrder(mustParse(t, strings.Replace(text, `"total_quantity":"2"`, bad, 1))); ok {
			t.Errorf("read in spite of %s", bad)
		}
	}
	share, ok := readOrder(mustParse(t, `{"brokerage_order_id":9,"universal_symbol":{"symbol":"VAB.TO","raw_symbol":"VAB"},"action":"SELL_SHORT"}`))
	if !ok || share.ID != "9" || share.Symbol != "VAB" || share.Option || share.Action != Sell || share.Status != StatusUnknown || share.Filled != nil {
		t.Errorf("%v %+v", ok, share)
	}
}

func TestAListWithAHoleIsNoList(t *testing.T) {
	t.Parallel()
	for body, call := range map[string]func(context.Context, *bench) error{
		`{"orders":null}`:             func(ctx context.Context, b *bench) error { _, err := b.RecentOrders(ctx, b.user, "a"); return err },
		`[{"id":"a"},{"name":"b"}]`:   func(ctx context.Context, b *bench) error { _, err := b.Accounts(ctx, b.user); return err },
		`[{"cash":"a lot"}]`:          func(ctx context.Context, b *bench) error { _, err := b.Balances(ctx, b.user, "a"); return err },
		`{"results":[{"units":"?"}]}`: func(ctx context.Context, b *bench) error { _, err := b.Positions(ctx, b.user, "a"); return err },
		`{"encryptedSharedKey":"x"}`:  func(ctx context.Context, b *bench) error { _, err := b.Login(ctx, b.user, Portal{}); return err },
		`{"userId":"u-7"}`:            func(ctx context.Context, b *bench) error { _, err := b.RegisterUser(ctx, "u-7"); return err },
	} {
		b := serve(t, status(http.StatusOK, body))
		if err := call(t.Context(), b); err == nil {
			t.Errorf("%s passed", body)
		}
	}
}
