package snaptrade

import (
	"errors"
	"testing"
)

func TestOptionOrdersAreSpelledAsSnapTradeWantsThem(t *testing.T) {
	t.Parallel()
	legs := func(action string) string {
		return `"legs":[{"action":"` + action + `","instrument":{"instrument_type":"OPTION","symbol":"SPXW  260925P05000000"},"units":2}],`
	}
	cases := map[string]struct {
		change func(*OptionOrder)
		want   string
	}{
		"limit": {func(*OptionOrder) {},
			`{` + legs("BUY_TO_OPEN") + `"limit_price":"1.25","order_type":"LIMIT","price_effect":"DEBIT","time_in_force":"Day"}`},
		"selling is a credit": {func(o *OptionOrder) { o.Action = SellToClose; o.LimitPrice = dec("3.10") },
			`{` + legs("SELL_TO_CLOSE") + `"limit_price":"3.1","order_type":"LIMIT","price_effect":"CREDIT","time_in_force":"Day"}`},
		"market has no effect and no price": {func(o *OptionOrder) { o.Type, o.LimitPrice, o.TimeInForce = TypeMarket, nil, ImmediateOrNone },
			`{` + legs("BUY_TO_OPEN") + `"order_type":"MARKET","time_in_force":"IOC"}`},
		"stop": {func(o *OptionOrder) {
			o.Type, o.LimitPrice, o.StopPrice, o.Action = TypeStop, nil, dec("2"), SellToClose
		},
			`{` + legs("SELL_TO_CLOSE") + `"order_type":"STOP_LOSS_MARKET","stop_price":"2","time_in_force":"Day"}`},
		"stop limit": {func(o *OptionOrder) { o.Type, o.StopPrice, o.TimeInForce = TypeStopLimit, dec("1.2"), GoodTilCancelled },
			`{` + legs("BUY_TO_OPEN") + `"limit_price":"1.25","order_type":"STOP_LOSS_LIMIT","price_effect":"DEBIT","stop_price":"1.2","time_in_force":"GTC"}`},
	}
	for name, c := range cases {
		b := serve(t, status(200, `{"brokerage_order_id":"1"}`))
		o := limitOrder()
		c.change(&o)
		if _, err := b.PlaceOption(t.Context(), b.user, "acc-1", o); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := b.arrived()[0].body; got != c.want {
			t.Errorf("%s\n got %s\nwant %s", name, got, c.want)
		}
	}
}

func TestImpossibleOrdersAreRefusedBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	cases := map[string]func(*OptionOrder){
		"unpadded symbol":       func(o *OptionOrder) { o.Symbol = "SPXW260925P05000000" },
		"lower case side":       func(o *OptionOrder) { o.Symbol = "SPXW  260925p05000000" },
		"no root":               func(o *OptionOrder) { o.Symbol = "      260925P05000000" },
		"space inside the root": func(o *OptionOrder) { o.Symbol = "SP XW 260925P05000000" },
		"letters in the strike": func(o *OptionOrder) { o.Symbol = "SPXW  260925P0500000X" },
		"not ASCII":             func(o *OptionOrder) { o.Symbol = "SPXÉ 260925P05000000" },
		"no units":              func(o *OptionOrder) { o.Units = 0 },
		"negative units":        func(o *OptionOrder) { o.Units = -1 },
		"too many units":        func(o *OptionOrder) { o.Units = 10_001 },
		"selling short":         func(o *OptionOrder) { o.Action = SellToOpen },
		"bare buy":              func(o *OptionOrder) { o.Action = Buy },
		"no action":             func(o *OptionOrder) { o.Action = "" },
		"no type":               func(o *OptionOrder) { o.Type = "" },
		"no time in force":      func(o *OptionOrder) { o.TimeInForce = "" },
		"limit without a price": func(o *OptionOrder) { o.LimitPrice = nil },
		"market with a price":   func(o *OptionOrder) { o.Type = TypeMarket },
		"limit with a stop":     func(o *OptionOrder) { o.StopPrice = dec("1") },
		"stop without its stop": func(o *OptionOrder) { o.Type = TypeStopLimit },
		"zero price":            func(o *OptionOrder) { o.LimitPrice = dec("0") },
		"negative price":        func(o *OptionOrder) { o.LimitPrice = dec("-1") },
		"price with 16 digits":  func(o *OptionOrder) { o.LimitPrice = dec("1.234567890123456") },
	}
	b := serve(t, status(200, `{"brokerage_order_id":"1"}`))
	for name, change := range cases {
		o := limitOrder()
		change(&o)
		_, err := b.PlaceOption(t.Context(), b.user, "acc-1", o)
		if OutcomeOf(err) != Refused || !errors.Is(err, ErrInvalid) || StatusOf(err) != 0 {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := b.OptionImpact(t.Context(), b.user, "acc-1", o); !errors.Is(err, ErrInvalid) {
			t.Errorf("preview of %s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"account with a slash": func() error { _, err := b.PlaceOption(t.Context(), b.user, "a/b", limitOrder()); return err }(),
		"account of dots":      func() error { _, err := b.PlaceOption(t.Context(), b.user, "..", limitOrder()); return err }(),
		"user id": func() error {
			_, err := b.PlaceOption(t.Context(), User{"a@b", b.user.Secret}, "a", limitOrder())
			return err
		}(),
		"user without secret":   func() error { _, err := b.PlaceOption(t.Context(), User{ID: "u"}, "a", limitOrder()); return err }(),
		"cancel without an id":  b.CancelOrder(t.Context(), b.user, "a", ""),
		"cancel with an accent": b.CancelOrder(t.Context(), b.user, "a", "é"),
	} {
		if OutcomeOf(err) != Refused || !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(b.arrived()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestPlacedGivesTheIDAndTheFirstLook(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]struct {
		id     string
		orders int
	}{
		`{"brokerage_order_id":"124912433123","orders":[` + contractOrder + `]}`: {"124912433123", 1},
		`{"brokerage_order_id":124912433123}`:                                    {"124912433123", 0},
		`{"brokerage_order_id":"7","orders":[{"filled_quantity":"abc"}]}`:        {"7", 0},
		`{"orders":[` + contractOrder + `]}`:                                     {"124912433123", 1},
	} {
		b := serve(t, status(201, body, "X-Request-ID", "req-1"))
		p, err := b.PlaceOption(t.Context(), b.user, "acc-1", limitOrder())
		if err != nil || p.OrderID != want.id || len(p.Orders) != want.orders || p.RequestID != "req-1" {
			t.Errorf("%s: %+v %v", body, p, err)
		}
	}
	for _, body := range []string{`{}`, `{"brokerage_order_id":""}`, `{"brokerage_order_id":null}`, `[]`, `"1"`} {
		b := serve(t, status(200, body))
		if _, err := b.PlaceOption(t.Context(), b.user, "acc-1", limitOrder()); OutcomeOf(err) != Unknown || !errors.Is(err, ErrUnreadable) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestReplacingSpellsPricesAsNumbersAndReturnsTheNewID(t *testing.T) {
	t.Parallel()
	b := serve(t, status(200, contractOrder))
	o, err := b.ReplaceOption(t.Context(), b.user, "acc-1", Replacement{
		OrderID: "old/1", Symbol: "SPXW  260925P05000000", Action: SellToClose, Units: 1,
		Type: TypeStopLimit, LimitPrice: dec("31.50"), StopPrice: dec("32"), TimeInForce: GoodTilCancelled,
	})
	if err != nil || o.ID != "124912433123" {
		t.Fatalf("%+v %v", o, err)
	}
	want := `{"action":"SELL_TO_CLOSE","brokerage_order_id":"old/1","order_type":"StopLimit","price":31.5,"stop":32,"symbol":"SPXW  260925P05000000","time_in_force":"GTC","units":1}`
	if got := b.arrived()[0].body; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}
