package risk

import (
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
)

// Facts are what the pure checks look at: the order, and what we know of the
// market and the account at this moment.
type Facts struct {
	Entry      bool // BTO; otherwise an exit
	Copy       bool
	Contract   exchange.Contract
	Quantity   int
	Market     bool         // a market order; otherwise Limit, Stop or both are set
	Limit      *money.Price // per share
	Stop       *money.Price // per share; without a Limit it becomes a market order there
	Confirmed  bool         // the owner confirmed an exit far from the market
	Listed     *bool        // whether the contract is listed; nil when nobody could say
	Bid, Ask   *money.Price
	QuoteAt    time.Time
	BuyingLeft *money.Amount // buying power less what our newer orders may take; nil when unknown
}

// Check runs the checks that need nothing but the facts: R3 to R7, R15, R17.
// The warnings are for people; the error is a fault with the code of the first
// check that refuses.
func (r *Rules) Check(f Facts) (warnings []string, err error) {
	if warnings, err = r.CheckOrder(f); err != nil {
		return nil, err
	}
	warning, err := r.buyingPower(f)
	if err != nil {
		return nil, err
	}
	if warning != "" {
		warnings = append(warnings, warning)
	}
	return warnings, nil
}

// CheckOrder is Check without the account's balance: what is wrong with the order
// itself. It is asked before the day's counters, so that an order nobody could
// send is not told that it passes today's limit.
func (r *Rules) CheckOrder(f Facts) (warnings []string, err error) {
	return inTurn(f, r.contract, r.session, r.contracts, r.price, r.collar, r.premium)
}

// CheckPrice is CheckOrder without its size (R4, R5): for what takes no more than
// it does already.
func (r *Rules) CheckPrice(f Facts) (warnings []string, err error) {
	return inTurn(f, r.contract, r.session, r.price, r.collar)
}

// CheckSize is what of CheckOrder needs no market: R4, R5 and R7.
func (r *Rules) CheckSize(f Facts) error {
	_, err := inTurn(f, r.contracts, r.price, r.premium)
	return err
}

func inTurn(f Facts, checks ...func(Facts) (string, error)) (warnings []string, err error) {
	for _, check := range checks {
		warning, err := check(f)
		if err != nil {
			return nil, err
		}
		if warning != "" {
			warnings = append(warnings, warning)
		}
	}
	return warnings, nil
}

// R3: well formed, listed, not expired; no opening on adjusted roots.
func (r *Rules) contract(f Facts) (string, error) {
	if r.clock.Expired(f.Contract) {
		return "", fault.Risk("contract", f.Contract.Display()+" has expired.")
	}
	if !f.Entry {
		return "", nil
	}
	if f.Contract.Adjusted() {
		return "", fault.Risk("contract", "Opening orders on adjusted contracts are not taken.")
	}
	if f.Listed != nil && !*f.Listed {
		return "", fault.Risk("contract", f.Contract.Display()+" is not a listed contract.")
	}
	return "", nil
}

// R17: market orders and copies only in the session, and no entry in the last
// half hour of a contract's life.
func (r *Rules) session(f Facts) (string, error) {
	if f.Entry && r.lastHalfHour(f.Contract) {
		return "", fault.Risk("market_closed", "New positions are not opened in a contract's last 30 minutes.")
	}
	if r.clock.Open(f.Contract.Underlying) {
		return "", nil
	}
	next, _ := r.clock.NextOpen(f.Contract.Underlying)
	opens := next.In(exchange.NewYork).Format("Mon 2 Jan 15:04 MST")
	if f.Market || f.Copy {
		return "", fault.Risk("market_closed", "The market is closed. It opens "+opens+".").With("opensAt", next.UTC())
	}
	return "The market is closed; this order waits until it opens " + opens + ".", nil
}

func (r *Rules) lastHalfHour(c exchange.Contract) bool {
	if r.clock.State().AlwaysOpen {
		return false
	}
	left := r.clock.LastMinute(c).Sub(r.clock.Now())
	return left < 30*time.Minute
}

// R4: contracts for one order.
func (r *Rules) contracts(f Facts) (string, error) {
	limit := r.limits.ManualContracts
	switch {
	case !f.Entry:
		limit = r.limits.HardContracts
	case f.Copy:
		limit = r.limits.CopyContracts
	}
	if f.Quantity > limit {
		return "", fault.Risk("contracts", fmt.Sprintf("At most %d contracts for one order.", limit)).With("contracts", f.Quantity).With("limit", limit)
	}
	return "", nil
}

// R7: a legal limit, and a legal stop. The refusal names the field.
func (r *Rules) price(f Facts) (string, error) {
	if refusal := illegal(f.Contract, "limitPrice", "price", f.Limit); refusal != nil {
		return "", refusal
	}
	if refusal := illegal(f.Contract, "stopPrice", "stop price", f.Stop); refusal != nil {
		return "", refusal
	}
	return "", nil
}

// illegal says what is wrong with a price of an order, when there is one.
func illegal(c exchange.Contract, field, name string, p *money.Price) *fault.Error {
	if p == nil {
		return nil
	}
	refused := func(sentence string) *fault.Error {
		return fault.Risk("price", sentence).With("fields", map[string]any{field: sentence})
	}
	switch {
	case !p.IsPositive() || p.GreaterThan(maxPrice):
		return refused("The " + name + " must be above 0 and at most 10,000.")
	case -p.Exponent() > 2 && !p.Equal(p.Truncate(2)):
		return refused("A " + name + " has at most 2 decimals.")
	case !c.OnTick(*p):
		tick := c.Tick(*p)
		return refused(fmt.Sprintf("%s trades in steps of $%s at this %s.", c.Underlying, tick, name)).
			With("tick", tick.StringFixed(2)).With("below", c.RoundDown(*p)).With("above", c.RoundUp(*p))
	}
	return nil
}

// R6: a collar around a fresh quote. Exits are never refused, only asked to confirm.
func (r *Rules) collar(f Facts) (string, error) {
	if !r.Fresh(f) {
		return r.noQuote(f)
	}
	p := f.Price()
	if p == nil {
		return "", nil
	}
	if f.Entry {
		top := decimal.Max(f.Ask.Mul(buyFactor), f.Ask.Add(collarFloor))
		if p.GreaterThan(top) {
			return "", fault.Risk("collar", fmt.Sprintf("%s is far above the ask of %s.", p.Display(), f.Ask.Display())).
				With("price", p).With("ask", f.Ask).With("limit", money.Price{Decimal: top})
		}
		return "", nil
	}
	bottom := decimal.Min(f.Bid.Mul(sellFactor), f.Bid.Sub(collarFloor))
	if p.LessThan(bottom) && !f.Confirmed && !f.Copy {
		return "", fault.Risk("collar", fmt.Sprintf("%s is far below the bid of %s. Confirm to send it anyway.", p.Display(), f.Bid.Display())).
			With("confirm", "confirmPrice")
	}
	return "", nil
}

// Fresh says whether there is a quote of both sides that is new enough to go by.
func (r *Rules) Fresh(f Facts) bool {
	return f.Bid != nil && f.Ask != nil && r.clock.Now().Sub(f.QuoteAt) <= r.limits.QuoteAge
}

func (r *Rules) noQuote(f Facts) (string, error) {
	if f.Entry && (f.Copy || f.Market) {
		refusal := fault.Risk("no_quote", "There is no fresh quote for "+f.Contract.Display()+"; a limit order can still be placed.")
		if !f.QuoteAt.IsZero() {
			refusal = refusal.With("quoteAgeSeconds", int(r.clock.Now().Sub(f.QuoteAt).Seconds())).With("maxQuoteAgeSeconds", int(r.limits.QuoteAge.Seconds()))
		}
		return "", refusal
	}
	return "There is no fresh quote to compare the price with.", nil
}

// R5: dollars for one entry.
func (r *Rules) premium(f Facts) (string, error) {
	cost, known := EntryCost(f)
	if !known {
		return "", nil
	}
	limit := r.limits.ManualPremium
	if f.Copy {
		limit = r.limits.CopyPremium
	}
	if cost.GreaterThan(limit.Decimal) {
		return "", fault.Risk("premium", fmt.Sprintf("%s is above the limit of %s for one order.", cost.Display(), limit.Display())).
			With("needed", cost).With("limit", limit)
	}
	return "", nil
}

// R15: enough buying power for an entry, market orders at the ask and a margin.
func (r *Rules) buyingPower(f Facts) (string, error) {
	cost, known := EntryCost(f)
	if !known {
		return "", nil
	}
	if f.BuyingLeft == nil {
		if f.Market || f.Copy {
			return "", fault.Risk("buying_power", "The account's buying power is not known right now.")
		}
		return "The account's buying power is not known right now.", nil
	}
	if cost.GreaterThan(f.BuyingLeft.Decimal) {
		return "", fault.Risk("buying_power", fmt.Sprintf("This needs %s; %s is available.", cost.Display(), f.BuyingLeft.Display())).
			With("needed", cost).With("available", f.BuyingLeft)
	}
	return "", nil
}

// Price is what the order names: its limit, or the stop at which it becomes a market
// order; nil for market orders.
func (f Facts) Price() *money.Price {
	if f.Limit != nil {
		return f.Limit
	}
	return f.Stop
}

// EntryCost is the most an entry is reckoned to cost in dollars: its limit, or the
// ask and a margin; a stop's is the market that it waits for. False for exits and
// for market orders without a quote.
func EntryCost(f Facts) (money.Amount, bool) {
	switch {
	case !f.Entry:
		return money.Amount{}, false
	case f.Limit != nil:
		return f.Limit.Cost(f.Quantity, f.Contract.Multiplier), true
	case f.Stop != nil:
		return atMarket(f, f.Stop), true
	case f.Ask != nil:
		return atMarket(f, f.Ask), true
	}
	return money.Amount{}, false
}

// atMarket is what an entry costs when the market asks so much for it, and a little more.
func atMarket(f Facts, ask *money.Price) money.Amount {
	return money.Price{Decimal: ask.Mul(marketMargin)}.Cost(f.Quantity, f.Contract.Multiplier)
}
