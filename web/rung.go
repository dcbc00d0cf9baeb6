package web

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/positions"
)

// liveRungs is how many strikes each side of the money change while one looks: both
// their contracts fit into what one page may follow.
const liveRungs = (market.FollowMax/2 - 1) / 2

// rungView is one strike: its call left, its put right.
type rungView struct {
	Strike    string
	Root      string // where two roots expire on one day
	Money     bool   // the strike nearest to the price
	SpotAbove bool   // the price of the underlying lies between the strike before and this one
	Call, Put optionView
}

// optionView is one contract of the ladder.
type optionView struct {
	Contract       exchange.Contract
	Listed         bool
	Bid, Ask, Last *money.Price
	Volume, Open   string // contracts; a dash when unknown
	IV             string
	Delta, Gamma   string
	Theta, Vega    string // dollars a share, for a day and for a point of volatility
	InTheMoney     bool
	Held           int    // contracts the person holds
	BidHref        string // the ticket, filled
	AskHref        string
	BidWords       string // what the link does, before its price
	AskWords       string
	Amount         string // dollars that an order should take; empty: one contract
	Live           bool   // its quotes change while one looks
}

// rungsOf prepares a chain for its page.
func rungsOf(c market.Chain, held map[string]positions.Position) []rungView {
	roots := map[string]bool{}
	atMoney := slices.IndexFunc(c.Strikes, func(r market.Rung) bool { return c.ATM != nil && r.Strike.Equal(*c.ATM) })
	for _, r := range c.Strikes {
		roots[r.Root] = true
	}
	views := make([]rungView, 0, len(c.Strikes))
	for i, r := range c.Strikes {
		live := i < market.FollowMax/2 && atMoney < 0 || atMoney >= 0 && i >= atMoney-liveRungs && i <= atMoney+liveRungs
		view := rungView{
			Strike: r.Strike.String(), Money: i == atMoney, SpotAbove: spotAbove(c, i),
			Call: optionOf(c, r.Call, held, live), Put: optionOf(c, r.Put, held, live),
		}
		if len(roots) > 1 {
			view.Root = r.Root
		}
		views = append(views, view)
	}
	return views
}

// spotAbove tells whether the line with the price stands above rung i.
func spotAbove(c market.Chain, i int) bool {
	return c.Spot != nil && c.Strikes[i].Strike.GreaterThan(c.Spot.Decimal) &&
		(i == 0 || !c.Strikes[i-1].Strike.GreaterThan(c.Spot.Decimal))
}

func optionOf(c market.Chain, o *market.Option, held map[string]positions.Position, live bool) optionView {
	if o == nil {
		return optionView{}
	}
	contract, err := contractNamed(c.Underlying, o.Symbol)
	if err != nil {
		return optionView{} // the chain holds nothing that cannot be read
	}
	view := optionView{
		Contract: contract, Listed: true, Bid: o.Bid, Ask: o.Ask, Last: o.Last, Volume: countText(o.Volume), Open: countText(o.OpenInterest),
		IV: "—", Delta: "—", Gamma: "—", Theta: "—", Vega: "—", InTheMoney: inTheMoney(c, o), Live: live,
	}
	if o.Greeks != nil {
		view.IV, view.Delta, view.Gamma = fmt.Sprintf("%.1f%%", o.ImpliedVolatility*100), greekText(fmt.Sprintf("%.2f", o.Delta)), greekText(fmt.Sprintf("%.3f", o.Gamma))
		view.Theta, view.Vega = greekText(fmt.Sprintf("%.3f", o.Theta)), greekText(fmt.Sprintf("%.3f", o.Vega))
	}
	view.link(1, held[o.Symbol])
	return view
}

// contractNamed reads a symbol; its underlying is the name by which an order finds
// the very same contract again, as SPXW beside SPX.
func contractNamed(underlying, symbol string) (exchange.Contract, error) {
	c, err := exchange.ParseSymbol(symbol)
	if err != nil {
		return c, err
	}
	if same, err := exchange.NewContract(underlying, c.Type, c.Strike, c.Expiration); err == nil && same.Symbol == c.Symbol {
		return same, nil
	}
	return exchange.NewContract(strings.TrimSpace(symbol[:6]), c.Type, c.Strike, c.Expiration)
}

// link makes bid and ask lead to the ticket: the ask buys, the bid sells what is
// held, or buys at the bid.
func (o *optionView) link(quantity int, held positions.Position) {
	o.Held = held.Held()
	buy := url.Values{
		"side": {"BTO"}, "underlying": {o.Contract.Underlying}, "optionType": {string(o.Contract.Type)}, "strike": {money.Trim(o.Contract.Strike)},
		"expiration": {o.Contract.Expiration.String()}, "quantity": {strconv.Itoa(quantity)},
	}
	name := o.Contract.Display()
	o.AskWords, o.AskHref = "Buy "+name+" at the ask,", prefilled(buy, o.Ask)
	o.BidWords, o.BidHref = "Buy "+name+" at the bid,", prefilled(buy, o.Bid)
	if available := held.Available(); available > 0 {
		o.BidWords = "Sell " + name + " at the bid,"
		o.BidHref = prefilled(url.Values{"position": {held.ID.String()}, "quantity": {strconv.Itoa(available)}}, o.Bid)
	}
}

// prefilled leads to the dashboard with the ticket filled; it never sends.
func prefilled(fields url.Values, limit *money.Price) string {
	if limit == nil {
		return "/dashboard?" + fields.Encode() + "#ticket"
	}
	filled := url.Values{"limitPrice": {limit.String()}}
	for name, values := range fields {
		filled[name] = values
	}
	return "/dashboard?" + filled.Encode() + "#ticket"
}

// inTheMoney compares with the price of the underlying, or with the strike at the
// money where the underlying has no price, as with indexes.
func inTheMoney(c market.Chain, o *market.Option) bool {
	var spot decimal.Decimal
	switch {
	case c.Spot != nil:
		spot = c.Spot.Decimal
	case c.ATM != nil:
		spot = *c.ATM
	default:
		return false
	}
	if o.Type == exchange.Put {
		return o.Strike.GreaterThan(spot)
	}
	return o.Strike.LessThan(spot)
}

// countText groups thousands: "12,340", or a dash.
func countText(n *int64) string {
	if n == nil {
		return "—"
	}
	text := strconv.FormatInt(*n, 10)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// greekText shows a true minus, and none before nothing.
func greekText(text string) string {
	if strings.Trim(text, "-0.") == "" {
		return strings.TrimPrefix(text, "-")
	}
	return strings.Replace(text, "-", money.Minus, 1)
}

// follow is the symbol under which the page's script follows the quotes; empty
// where it does not.
func (o optionView) follow() string {
	if !o.Live {
		return ""
	}
	return o.Contract.Symbol
}

// sizing tells the page's script how to keep the quantity of a link right while the
// ask moves; a link that sells says itself how many.
func (o optionView) sizing(href string) templ.Attributes {
	if o.Amount == "" || strings.Contains(href, "position=") {
		return nil
	}
	return templ.Attributes{"data-amount": o.Amount, "data-multiplier": strconv.Itoa(o.Contract.Multiplier)}
}
