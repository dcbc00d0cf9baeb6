package sandbox

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/shopspring/decimal"
)

// ticket is an order as it is handed to the broker.
type ticket struct {
	Symbol   string // option symbol in any spelling
	Action   string
	Quantity int64
	Type     string // Market, Limit, Stop, StopLimit
	Limit    *decimal.Decimal
	Stop     *decimal.Decimal
	TIF      string
	ListIn   time.Duration // lists leave the order out for so long
	InApp    bool          // replaced in the broker's own app
	ClientID string        // client_order_id; only /trade/place has it
	Once     bool          // the broker refuses a ClientID it has seen
}

var errTicket = errors.New("order refused")

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errTicket, fmt.Sprintf(format, args...))
}

// check refuses what no broker would take; it wraps errTicket.
func (t ticket) check() error {
	switch {
	case t.Quantity < 1:
		return refuse("units must be a whole number of contracts, at least 1")
	case !t.limited() && t.Type != "Market" && t.Type != "Stop":
		return refuse("unknown order type %q", t.Type)
	case t.limited() && (t.Limit == nil || !t.Limit.IsPositive()):
		return refuse("a limit price above zero is required")
	case t.stopped() && (t.Stop == nil || !t.Stop.IsPositive()):
		return refuse("a stop price above zero is required")
	}
	switch t.Action {
	case "BUY_TO_OPEN", "BUY_TO_CLOSE", "SELL_TO_OPEN", "SELL_TO_CLOSE":
	default:
		return refuse("unknown action %q for an option", t.Action)
	}
	switch t.TIF {
	case "Day", "GTC", "FOK", "IOC":
		return nil
	default:
		return refuse("unknown time in force %q", t.TIF)
	}
}

func (t ticket) limited() bool { return t.Type == "Limit" || t.Type == "StopLimit" }
func (t ticket) stopped() bool { return t.Type == "Stop" || t.Type == "StopLimit" }

// place takes an order into the book. The same ticket twice makes two orders:
// option orders have no key. An error that wraps errTicket means nothing was
// taken; an order the account cannot carry is taken and REJECTED.
func (p *paper) place(account string, t ticket) (paperOrder, error) {
	if err := t.check(); err != nil {
		return paperOrder{}, err
	}
	c, err := parseOCC(t.Symbol)
	if err != nil {
		return paperOrder{}, refuse("%v", err)
	}
	if _, listed := p.market.option(c); !listed {
		return paperOrder{}, refuse("%s is not a listed contract", t.Symbol)
	}
	p.mu.Lock()
	defer p.unlock()
	if t.Once && t.ClientID != "" && p.hasClientID(account, t.ClientID) {
		return paperOrder{}, refuse("client_order_id %s was used before", t.ClientID)
	}
	return p.admit(p.newOrder(account, c, t), nil)
}

func (p *paper) hasClientID(account, id string) bool {
	return slices.ContainsFunc(p.byOwner[account], func(order string) bool { return p.orders[order].ClientID == id })
}

func (p *paper) newOrder(account string, c contract, t ticket) *paperOrder {
	now := p.now().UTC()
	p.number++
	return &paperOrder{
		ID: p.rand.UUID(), Number: p.number, Account: account, Symbol: c.padded(), Action: t.Action,
		Quantity: t.Quantity, Status: statusPending, Type: t.Type, Limit: t.Limit, Stop: t.Stop, TIF: t.TIF,
		Via: viaSnapTrade, ClientID: t.ClientID, Day: p.clock.orderDate(), Placed: now, Updated: now, ListedAt: now.Add(t.ListIn),
	}
}

// admit commits a new order, with an order it takes over from, and works it for
// the first time. The copy returned is what the broker answers.
func (p *paper) admit(o, replaced *paperOrder) (paperOrder, error) {
	orders := []*paperOrder{o}
	if replaced != nil {
		orders = append(orders, replaced)
	}
	account, open := p.accounts[o.Account]
	if !open {
		return paperOrder{}, refuse("unknown account %s", o.Account)
	}
	if reason := p.lacking(account, o, replaced); reason != "" {
		o.Status, o.Reason = statusRejected, reason
		return *o, p.commit(entry{Orders: orders})
	}
	switch p.mode(o.Account) {
	case modeReject:
		o.Next, o.Reason = statusRejected, "rejected by the broker"
	case modeExpire:
		o.Next = statusExpired
	}
	if err := p.commit(entry{Orders: orders}); err != nil {
		return paperOrder{}, err
	}
	if err := p.workFirst(o); err != nil {
		return paperOrder{}, err
	}
	return *p.orders[o.ID], nil
}

// lacking says what the account does not have for an order, or nothing. What
// the replaced order tied up counts as free.
func (p *paper) lacking(account *paperAccount, o, replaced *paperOrder) string {
	units := account.Holdings[o.Symbol].Units
	switch o.Action {
	case "SELL_TO_CLOSE":
		if free := units - p.tiedUp(o, replaced); free < o.Quantity {
			return fmt.Sprintf("cannot sell %d contracts, %d available", o.Quantity, max(free, 0))
		}
	case "BUY_TO_CLOSE":
		if free := -units - p.tiedUp(o, replaced); free < o.Quantity {
			return fmt.Sprintf("cannot close %d contracts, %d held short", o.Quantity, max(free, 0))
		}
	case "SELL_TO_OPEN":
		return "this account may not sell options to open"
	case "BUY_TO_OPEN":
		need, power := p.costOf(o), p.buyingPower(account, replaced)
		if need.GreaterThan(power) {
			return fmt.Sprintf("insufficient buying power: %s needed, %s available", need.StringFixed(2), power.StringFixed(2))
		}
	}
	return ""
}

// tiedUp counts the contracts other working orders of the same kind will take.
func (p *paper) tiedUp(o, replaced *paperOrder) int64 {
	total := int64(0)
	for _, other := range p.live {
		same := other.Account == o.Account && other.Symbol == o.Symbol && other.Action == o.Action
		if same && other.working() && other.ID != o.ID && (replaced == nil || other.ID != replaced.ID) {
			total += other.rest()
		}
	}
	return total
}

// costOf is what the rest of a buy would cost: at its limit, or at the ask.
func (p *paper) costOf(o *paperOrder) decimal.Decimal {
	price := decimal.Zero
	if o.Limit != nil {
		price = *o.Limit
	} else if c, err := parseOCC(o.Symbol); err == nil {
		q, _ := p.market.option(c)
		price = dollars(q.Ask)
	}
	return price.Mul(decimal.NewFromInt(o.rest() * contractSize))
}

// buyingPower is cash less what open buys may still cost.
func (p *paper) buyingPower(account *paperAccount, leaveOut *paperOrder) decimal.Decimal {
	power := account.Cash
	for _, o := range p.live {
		if o.Account != account.ID || !o.buys() || !o.working() || (leaveOut != nil && o.ID == leaveOut.ID) {
			continue
		}
		power = power.Sub(p.costOf(o))
	}
	return power
}

// contractSize is shares per contract.
const contractSize = 100

// dollars is a simulated price as money, in cents.
func dollars(price float64) decimal.Decimal { return decimal.NewFromFloat(price).Round(2) }
