package orders

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// broker lets the desk ask a broker that answers everything with a status.
func (b *booker) broker(status int) {
	b.t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"detail": "no", "status_code": 0, "code": "1"}`))
	}))
	b.t.Cleanup(server.Close)
	client, err := snaptrade.New(snaptrade.Config{
		BaseURL: server.URL, ClientID: "test", ConsumerKeys: []secret.Text{secret.New("ck_test")}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(client.Close)
	b.desk.broker = client
}

// An order that the broker shows neither in its list nor by its id leaves no change
// unknown for ever: after the time to give up, what is listed in its place decides.
func TestAChangeOfAnOrderNobodyShowsIsResolved(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		age    string
		listed bool
		looks  int
		want   ChangeState
		id     string
		review string
	}{
		"its successor is listed":    {404, "11 minutes", true, giveUpLooks, ChangeDone, "second", ""},
		"nothing is listed":          {404, "11 minutes", false, giveUpLooks, ChangeFailed, "first", unseenReview},
		"no details at this broker":  {501, "11 minutes", false, giveUpLooks, ChangeFailed, "first", unseenReview},
		"not for long enough":        {404, "3 minutes", true, giveUpLooks, ChangeUnknown, "first", ""},
		"not often enough":           {404, "11 minutes", true, giveUpLooks - 1, ChangeUnknown, "first", ""},
		"the broker is out of order": {400, "11 minutes", true, giveUpLooks, ChangeUnknown, "first", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBooker(t)
			b.broker(c.status)
			id := b.limitOrder(BTO, 5, 0)
			b.change(id, ChangeUnknown, 5, "3.50")
			b.must(`update order_changes set complete_looks = $1, sent_at = now() - $2::interval, deadline = now() - $2::interval + interval '45 seconds'`,
				c.looks, c.age)
			var listed []snaptrade.Order
			if c.listed {
				l := successor("second", 5, "3.50")
				l.Option, l.Symbol, l.Action, l.PlacedAt = true, oneContract, snaptrade.BuyToOpen, b.read(id).Change.SentAt.Add(time.Second)
				listed = append(listed, l)
			}
			a := brokers.Account{ID: b.account, BrokerAccountID: "a", ListsOrders: true}
			rest, err := b.desk.resolveChanges(t.Context(), snaptrade.User{ID: "ava", Secret: secret.New("s")}, a,
				snaptrade.OrderList{Orders: listed, AskedAt: time.Now()}, listed, []Order{b.read(id)})
			if err != nil && c.status != 400 {
				t.Fatal(err)
			}
			o, review := b.read(id), ""
			if o.Review != nil {
				review = *o.Review
			}
			if o.Change.State != c.want || *o.BrokerOrderID != c.id || review != c.review || !o.State.Working() || len(rest) != 0 {
				t.Errorf("the change is %s after %d looks, the order %s as %s for review %q, left: %v",
					o.Change.State, o.Change.CompleteLooks, o.State, *o.BrokerOrderID, review, rest)
			}
			if o.Change.State == ChangeUnknown && c.status == 404 && o.Change.CompleteLooks != c.looks+1 {
				t.Errorf("%d looks are counted", o.Change.CompleteLooks)
			}
		})
	}
}

// Where nobody could look for what became of it, nothing is replaced.
func TestNothingIsReplacedAtABrokerWithoutLists(t *testing.T) {
	t.Parallel()
	b := newBooker(t)
	id := b.limitOrder(BTO, 5, 0)
	b.must(`update accounts set lists_orders = false`)
	_, err := b.desk.draftChange(t.Context(), b.user, id, ChangeRequest{LimitPrice: limited("3.50")})
	if fault.CodeOf(err) != "invalid_state" || b.count(`select count(*) from order_changes`) != 0 {
		t.Errorf("replaced: %v", err)
	}
}
