package web

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/web/ui"
)

const (
	strikesNear  = 20 // strikes each side of the money that the ticket lists
	holdingsMost = 100
)

// Amounts that fill the quantity at the ask, in dollars.
var presets = []money.Amount{money.MustAmount("500"), money.MustAmount("1000"), money.MustAmount("2500")}

// ticketPart answers GET /partials/ticket: the ticket for what is filled in now.
func (s *Site) ticketPart(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	accounts, err := s.accounts.List(ctx, me(ctx))
	if err != nil {
		return err
	}
	t, err := s.ticket(ctx, r.URL.Query(), accountViews(accounts))
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, ui.TicketPanel(t))
}

// ticket draws the form from values: those of an address that fills it, or those
// that were sent. Everything it adds is a help; without market data it still works.
func (s *Site) ticket(ctx context.Context, given url.Values, accounts []ui.Account) (ui.Ticket, error) {
	t := ui.Ticket{
		Side: "BTO", OptionType: "call", OrderType: "Limit", TimeInForce: "Day", Quantity: "1",
		Tick: "0.01", TickHigh: "0.05", Accounts: accounts, Today: s.clock.Today(), MarketData: s.market.Off() == nil,
	}
	fill(&t, given)
	if err := s.addHoldings(ctx, &t); err != nil {
		return ui.Ticket{}, err
	}
	if t.Line != "" {
		s.readLine(ctx, &t)
	}
	ctx, cancel := context.WithTimeout(ctx, quotePatience)
	defer cancel()
	s.addListing(ctx, &t)
	s.addQuote(ctx, &t)
	t.Slow = ctx.Err() != nil
	return t, nil
}

// fill takes over what was said. "position" and "quantity" are the short form
// that close buttons link to.
func fill(t *ui.Ticket, given url.Values) {
	for name, field := range map[string]*string{
		"side": &t.Side, "line": &t.Line, "underlying": &t.Underlying, "optionType": &t.OptionType, "strike": &t.Strike,
		"expiration": &t.Expiration, "positionId": &t.PositionID, "quantity": &t.Quantity, "orderType": &t.OrderType,
		"limitPrice": &t.LimitPrice, "stopPrice": &t.StopPrice, "timeInForce": &t.TimeInForce, "accountId": &t.AccountID,
	} {
		if said := strings.TrimSpace(given.Get(name)); said != "" {
			*field = said
		}
	}
	t.Underlying = strings.ToUpper(t.Underlying)
	if id := given.Get("position"); id != "" {
		t.Side, t.PositionID = "STC", id
	}
}

// addHoldings lists what can be sold.
func (s *Site) addHoldings(ctx context.Context, t *ui.Ticket) error {
	list, _, err := s.book.Positions(ctx, me(ctx), positions.Query{Status: "open", Limit: holdingsMost})
	if err != nil {
		return err
	}
	for _, row := range s.positionRows(list, nil) {
		if row.Available > 0 {
			t.Holdings = append(t.Holdings, row)
		}
	}
	return nil
}

// contractOf is the contract the ticket names so far; false while it is incomplete.
func contractOf(t ui.Ticket) (exchange.Contract, bool) {
	if t.Side == "STC" {
		for _, held := range t.Holdings {
			if held.ID == t.PositionID {
				return held.Contract, true
			}
		}
		return exchange.Contract{}, false
	}
	strike, err := money.ParsePrice(t.Strike)
	if err != nil {
		return exchange.Contract{}, false
	}
	day, err := exchange.ParseDate(t.Expiration)
	if err != nil {
		return exchange.Contract{}, false
	}
	c, err := exchange.NewContract(t.Underlying, exchange.OptionType(t.OptionType), strike.Decimal, day)
	return c, err == nil
}

// addListing fills the choices of expiration and strike.
func (s *Site) addListing(ctx context.Context, t *ui.Ticket) {
	if !t.MarketData || t.Underlying == "" || t.Side == "STC" {
		return
	}
	days, err := s.market.Expirations(ctx, t.Underlying)
	if err != nil {
		return
	}
	t.Expirations = days
	day, err := exchange.ParseDate(t.Expiration)
	if err != nil {
		return
	}
	chain, err := s.market.Chain(ctx, t.Underlying, day, strikesNear)
	if err != nil {
		return
	}
	for _, rung := range chain.Strikes {
		if strike := money.Trim(rung.Strike); len(t.Strikes) == 0 || t.Strikes[len(t.Strikes)-1] != strike {
			t.Strikes = append(t.Strikes, strike)
		}
	}
}

// addQuote shows what the contract costs, and what the presets buy of it.
func (s *Site) addQuote(ctx context.Context, t *ui.Ticket) {
	c, known := contractOf(*t)
	if !known {
		return
	}
	t.Tick, t.TickHigh = c.Tick(money.MustPrice("1")).String(), c.Tick(money.MustPrice("5")).String()
	if !t.MarketData {
		return
	}
	q, err := s.market.Quote(ctx, c.Symbol)
	if err != nil {
		return
	}
	t.Quote = &ui.Quote{Symbol: c.Symbol, Multiplier: c.Multiplier, Bid: q.Bid, Ask: q.Ask, Mid: middle(c, q), Last: q.Last, At: s.quoteTime(q)}
	t.WarnSpread = spreadWords(q)
	if t.Side == "BTO" && q.Ask != nil {
		t.Presets = presetsAt(c, *q.Ask)
	}
}

// middle is halfway between bid and ask, on a legal price not below it.
func middle(c exchange.Contract, q market.Quote) *money.Price {
	if q.Bid == nil || q.Ask == nil {
		return nil
	}
	mid := c.RoundUp(money.Price{Decimal: decimal.Avg(q.Bid.Decimal, q.Ask.Decimal)})
	return &mid
}

// presetsAt is how many contracts each amount buys: whole ones, never more than it.
func presetsAt(c exchange.Contract, ask money.Price) []ui.Preset {
	if !ask.IsPositive() {
		return nil
	}
	list := make([]ui.Preset, 0, len(presets))
	for _, amount := range presets {
		quantity := contractsFor(amount, ask, c.Multiplier)
		list = append(list, ui.Preset{Label: amount.Short(), Amount: amount, Quantity: quantity, Cost: ask.Cost(quantity, c.Multiplier)})
	}
	return list
}

// wide is the spread, in percent of mid, from which a market order asks twice.
var wide = decimal.NewFromInt(10)

func spreadWords(q market.Quote) string {
	percent := q.Spread()
	if !percent.Valid || percent.Decimal.LessThanOrEqual(wide) {
		return ""
	}
	return "The spread is " + percent.Decimal.String() + "% of mid."
}

func quantityOf(text string) (*int, bool) {
	if text == "" {
		return nil, true
	}
	n, err := strconv.Atoi(text)
	return &n, err == nil
}
