package sandbox

import (
	"fmt"

	"github.com/shopspring/decimal"
)

// workFirst is what happens to an order at the moment it is taken.
func (p *paper) workFirst(o *paperOrder) error {
	if o.Next != "" {
		return nil
	}
	if err := p.workByMode(o, true); err != nil {
		return err
	}
	o = p.orders[o.ID]
	if !o.working() || (o.TIF != "IOC" && o.TIF != "FOK") {
		return nil
	}
	return p.end(o, canceledWord(o))
}

func (p *paper) workByMode(o *paperOrder, first bool) error {
	mode := p.mode(o.Account)
	switch {
	case mode == modeMarket:
		return p.workAtMarket(o)
	case mode == modeImmediate:
		return p.fill(o, o.rest(), p.immediatePrice(o))
	case mode == modePartial && first:
		return p.fill(o, max(o.Quantity/2, 1), p.immediatePrice(o))
	default:
		return nil
	}
}

// workAtMarket fills all of an order if the quote crosses it in session.
func (p *paper) workAtMarket(o *paperOrder) error {
	c, err := parseOCC(o.Symbol)
	if err != nil {
		return err
	}
	q, listed := p.market.option(c)
	if !listed || !p.clock.inSession() {
		return nil
	}
	if o.Stop != nil && !o.Triggered {
		return p.trigger(o, q)
	}
	price := dollars(q.Bid)
	if o.buys() {
		price = dollars(q.Ask)
	}
	if !price.IsPositive() || (o.Limit != nil && !crosses(o, price)) {
		return nil
	}
	return p.fill(o, o.rest(), price)
}

func crosses(o *paperOrder, price decimal.Decimal) bool {
	if o.buys() {
		return o.Limit.GreaterThanOrEqual(price)
	}
	return o.Limit.LessThanOrEqual(price)
}

// trigger turns a stop order live once the last price has reached its stop.
func (p *paper) trigger(o *paperOrder, q quote) error {
	last := dollars(q.Last)
	reached := last.LessThanOrEqual(*o.Stop)
	if o.buys() {
		reached = last.GreaterThanOrEqual(*o.Stop)
	}
	if !reached {
		return nil
	}
	live := o.clone()
	live.Triggered = true
	if err := p.commit(entry{Orders: []*paperOrder{live}}); err != nil {
		return err
	}
	return p.workAtMarket(live)
}

// immediatePrice is the limit, else the quote, else a cent.
func (p *paper) immediatePrice(o *paperOrder) decimal.Decimal {
	if o.Limit != nil {
		return *o.Limit
	}
	c, err := parseOCC(o.Symbol)
	if err != nil {
		return decimal.New(1, -2)
	}
	q, _ := p.market.option(c)
	price := dollars(q.Bid)
	if o.buys() {
		price = dollars(q.Ask)
	}
	return decimal.Max(price, decimal.New(1, -2))
}

// fill executes quantity contracts of an order at a price per share: order,
// cash, holding and history in one journal line.
func (p *paper) fill(o *paperOrder, quantity int64, price decimal.Decimal) error {
	now := p.now().UTC()
	filled, account := o.clone(), p.accounts[o.Account].clone()
	size := decimal.NewFromInt(quantity)
	notional := o.Average.Mul(decimal.NewFromInt(o.Filled)).Add(price.Mul(size))
	filled.Filled += quantity
	filled.Average = notional.DivRound(decimal.NewFromInt(filled.Filled), 8)
	filled.Updated, filled.Executed = now, &now
	filled.Status = statusAfterFill(filled)
	filled.FillsAt, filled.Next = nil, ""

	signed := quantity
	amount := price.Mul(size).Mul(decimal.NewFromInt(contractSize)).Neg()
	if !o.buys() {
		signed, amount = -quantity, amount.Neg()
	}
	fee := account.Fee.Mul(size)
	amount = amount.Sub(fee)
	account.Cash = account.Cash.Add(amount)
	account.move(o.Symbol, signed, price)
	kind := "BUY"
	if !o.buys() {
		kind = "SELL"
	}
	line := activity{
		ID: p.rand.UUID(), Account: o.Account, Type: kind, Action: o.Action, Symbol: o.Symbol,
		Units: signed, Price: price, Amount: amount, At: now, Order: o.ID, Fee: fee,
	}
	return p.commit(entry{Account: account, Orders: []*paperOrder{filled}, Activity: []activity{line}})
}

// statusAfterFill: an order that had already ended keeps its word.
func statusAfterFill(o *paperOrder) string {
	switch {
	case o.rest() == 0:
		return statusExecuted
	case o.Status == statusCanceled || o.Status == statusPartCanceled:
		return statusPartCanceled
	case o.Status == statusExpired:
		return statusExpired
	default:
		return statusPartial
	}
}

// move books contracts in or out at a price; buys average the cost.
func (a *paperAccount) move(symbol string, units int64, price decimal.Decimal) {
	h := a.Holdings[symbol]
	after := h.Units + units
	switch {
	case after == 0:
		delete(a.Holdings, symbol)
		return
	case h.Units >= 0 && units > 0:
		paid := h.Cost.Mul(decimal.NewFromInt(h.Units)).Add(price.Mul(decimal.NewFromInt(units)))
		h.Cost = paid.DivRound(decimal.NewFromInt(after), 8)
	}
	h.Units = after
	a.Holdings[symbol] = h
}

// end closes an order under a final word.
func (p *paper) end(o *paperOrder, status string) error {
	ended := o.clone()
	ended.Status, ended.Next, ended.FillsAt, ended.Updated = status, "", nil, p.now().UTC()
	return p.commit(entry{Orders: []*paperOrder{ended}})
}

func canceledWord(o *paperOrder) string {
	if o.Filled > 0 {
		return statusPartCanceled
	}
	return statusCanceled
}

// tick moves every working order: delayed words, fills after a cancel, day
// orders at the close, and the market.
func (p *paper) tick() error {
	p.mu.Lock()
	defer p.unlock()
	for _, o := range p.liveInOrder() {
		if err := p.progress(o); err != nil {
			return err
		}
	}
	return nil
}

func (p *paper) progress(o *paperOrder) error {
	now := p.now()
	switch {
	case o.Next == statusRejected:
		return p.end(o, o.Next)
	case o.Next != "":
		return nil
	case o.FillsAt != nil:
		if now.Before(*o.FillsAt) {
			return nil
		}
		return p.fill(o, o.rest(), p.immediatePrice(o))
	case o.Status == statusCancelPending:
		return p.end(o, canceledWord(o))
	case p.overdue(o):
		return p.end(o, statusExpired)
	default:
		return p.workByMode(o, false)
	}
}

// overdue: a day order after its session, any order on an expired contract.
func (p *paper) overdue(o *paperOrder) bool {
	if o.TIF == "Day" && p.clock.dayOver(o.Day) {
		return true
	}
	c, err := parseOCC(o.Symbol)
	return err != nil || p.clock.contractOver(c.Expiration)
}

// settle takes expired contracts out of the accounts, worth what they are in
// the money, in cash. Their activities are of the market's time, as expirations are.
func (p *paper) settle() error {
	p.mu.Lock()
	defer p.unlock()
	for _, account := range p.accounts {
		for symbol, h := range account.Holdings {
			c, err := parseOCC(symbol)
			if err != nil || !p.clock.contractOver(c.Expiration) {
				continue
			}
			if err := p.settleOne(account.ID, symbol, c, h); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *paper) settleOne(id, symbol string, c contract, h holding) error {
	account := p.accounts[id].clone()
	worth := p.market.intrinsic(c)
	amount := worth.Mul(decimal.NewFromInt(h.Units * contractSize))
	account.Cash = account.Cash.Add(amount)
	delete(account.Holdings, symbol)
	kind := "OPTIONEXPIRATION"
	if worth.IsPositive() {
		kind = "OPTIONEXERCISE"
	}
	line := activity{
		ID: p.rand.UUID(), Account: id, Type: kind, Action: kind, Symbol: symbol,
		Units: -h.Units, Price: worth, Amount: amount, At: p.clock.marketNow().UTC(),
	}
	if err := p.commit(entry{Account: account, Activity: []activity{line}}); err != nil {
		return fmt.Errorf("settle %s: %w", symbol, err)
	}
	return nil
}
