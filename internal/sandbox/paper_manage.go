package sandbox

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

var (
	errNoOrder   = errors.New("no such order")
	errNotOpen   = errors.New("the order is not open")
	errTooMuch   = errors.New("more than is left of the order")
	errNoAccount = errors.New("no such account")
)

// openAccount makes an account with cash in it.
func (p *paper) openAccount(a paperAccount) (paperAccount, error) {
	p.mu.Lock()
	defer p.unlock()
	a.Holdings = map[string]holding{}
	if err := p.commit(entry{Account: &a}); err != nil {
		return paperAccount{}, err
	}
	return a, nil
}

// closeAccount ends an account; its orders stay in the book as evidence.
func (p *paper) closeAccount(id string) error {
	p.mu.Lock()
	defer p.unlock()
	account, known := p.accounts[id]
	if !known || account.Closed {
		return nil
	}
	closed := account.clone()
	closed.Closed = true
	return p.commit(entry{Account: closed})
}

// account returns a copy of an open account and its buying power.
func (p *paper) account(id string) (paperAccount, decimal.Decimal, bool) {
	p.mu.Lock()
	defer p.unlock()
	account, known := p.accounts[id]
	if !known || account.Closed {
		return paperAccount{}, decimal.Zero, false
	}
	return *account.clone(), p.buyingPower(account, nil), true
}

// accountsOf lists the open accounts keep accepts, oldest first.
func (p *paper) accountsOf(keep func(*paperAccount) bool) []paperAccount {
	p.mu.Lock()
	defer p.unlock()
	found := []paperAccount{}
	for _, account := range p.accounts {
		if !account.Closed && keep(account) {
			found = append(found, *account.clone())
		}
	}
	slices.SortFunc(found, func(a, b paperAccount) int {
		if byAge := a.Created.Compare(b.Created); byAge != 0 {
			return byAge
		}
		return strings.Compare(a.ID, b.ID)
	})
	return found
}

// cancel asks for an order to be cancelled. With fillsIn it stays CANCEL_PENDING
// for that long, then fills after all.
func (p *paper) cancel(account, id string, fillsIn *time.Duration) error {
	p.mu.Lock()
	defer p.unlock()
	o, err := p.openOrder(account, id)
	if err != nil {
		return err
	}
	if fillsIn == nil {
		return p.end(o, canceledWord(o))
	}
	racing, at := o.clone(), p.now().Add(*fillsIn)
	racing.Status, racing.FillsAt, racing.Updated = statusCancelPending, &at, p.now().UTC()
	return p.commit(entry{Orders: []*paperOrder{racing}})
}

func (p *paper) openOrder(account, id string) (*paperOrder, error) {
	o, known := p.orders[id]
	if !known || (account != "" && o.Account != account) {
		return nil, errNoOrder
	}
	if !o.working() || o.Next != "" {
		return nil, errNotOpen
	}
	return o, nil
}

// replace ends an order as REPLACED and opens its successor under a new id with
// the ticket's own quantity; what was filled stays with the old one.
func (p *paper) replace(account, id string, t ticket) (paperOrder, error) {
	p.mu.Lock()
	defer p.unlock()
	old, err := p.openOrder(account, id)
	if err != nil {
		return paperOrder{}, err
	}
	if t.Quantity == 0 {
		t.Quantity = old.rest()
	}
	t.Symbol, t.Action = old.Symbol, old.Action
	if err := t.check(); err != nil {
		return paperOrder{}, err
	}
	c, err := parseOCC(old.Symbol)
	if err != nil {
		return paperOrder{}, err
	}
	replaced, successor := old.clone(), p.newOrder(account, c, t)
	replaced.Status, replaced.Updated = statusReplaced, successor.Placed
	successor.Replaces = old.ID
	if t.InApp {
		successor.Via = viaApp
	}
	if reason := p.lacking(p.accounts[account], successor, old); reason != "" {
		return paperOrder{}, refuse("%s", reason)
	}
	return p.admit(successor, replaced)
}

// fillMore executes further contracts of an order by hand. A cancelled or
// expired order takes them too: brokers report such late fills.
func (p *paper) fillMore(id string, quantity int64, price *decimal.Decimal) (paperOrder, error) {
	p.mu.Lock()
	defer p.unlock()
	o, known := p.orders[id]
	switch {
	case !known:
		return paperOrder{}, errNoOrder
	case o.Status == statusRejected || o.Status == statusReplaced || o.Status == statusExecuted:
		return paperOrder{}, errNotOpen
	}
	if quantity == 0 {
		quantity = o.rest()
	}
	if quantity < 0 || quantity > o.rest() {
		return paperOrder{}, errTooMuch
	}
	if price == nil {
		at := p.immediatePrice(o)
		price = &at
	}
	if err := p.fill(o, quantity, *price); err != nil {
		return paperOrder{}, err
	}
	return *p.orders[id], nil
}

// tradeInApp is a trade made in the broker's own app: executed at once, listed
// like any other, unknown to orders/details.
func (p *paper) tradeInApp(account string, t ticket) (paperOrder, error) {
	c, err := parseOCC(t.Symbol)
	if err != nil {
		return paperOrder{}, refuse("%v", err)
	}
	if err := t.check(); err != nil {
		return paperOrder{}, err
	}
	p.mu.Lock()
	defer p.unlock()
	holder, known := p.accounts[account]
	if !known || holder.Closed {
		return paperOrder{}, errNoAccount
	}
	o := p.newOrder(account, c, t)
	o.Via = viaApp
	if reason := p.lacking(holder, o, nil); reason != "" {
		return paperOrder{}, refuse("%s", reason)
	}
	if err := p.fill(o, o.Quantity, p.immediatePrice(o)); err != nil {
		return paperOrder{}, err
	}
	return *p.orders[o.ID], nil
}

// look returns one order; words that wait for the next read come true.
func (p *paper) look(account, id string) (paperOrder, error) {
	p.mu.Lock()
	defer p.unlock()
	o, known := p.orders[id]
	if !known || o.Account != account {
		return paperOrder{}, errNoOrder
	}
	if err := p.comeTrue(o); err != nil {
		return paperOrder{}, err
	}
	return *p.orders[id], nil
}

// list returns the account's orders keep accepts, newest first, as a read does.
func (p *paper) list(account string, keep func(paperOrder) bool) ([]paperOrder, error) {
	p.mu.Lock()
	defer p.unlock()
	found := []paperOrder{}
	ids := p.byOwner[account]
	for i := len(ids) - 1; i >= 0; i-- {
		if p.now().Before(p.orders[ids[i]].ListedAt) {
			continue
		}
		if err := p.comeTrue(p.orders[ids[i]]); err != nil {
			return nil, err
		}
		if o := *p.orders[ids[i]]; keep(o) {
			found = append(found, o)
		}
	}
	return found, nil
}

func (p *paper) comeTrue(o *paperOrder) error {
	switch {
	case o.Next != "":
		return p.end(o, o.Next)
	case o.FillsAt != nil && !p.now().Before(*o.FillsAt):
		return p.fill(o, o.rest(), p.immediatePrice(o))
	default:
		return nil
	}
}

// book is the referee's view: every order of the accounts keep accepts, in
// order of arrival, late listing or not.
func (p *paper) book(keep func(account string) bool) []paperOrder {
	p.mu.Lock()
	defer p.unlock()
	found := []paperOrder{}
	for _, o := range p.orders {
		if keep(o.Account) {
			found = append(found, *o)
		}
	}
	slices.SortFunc(found, func(a, b paperOrder) int { return int(a.Number - b.Number) })
	return found
}

// one is an order of the book as it stands.
func (p *paper) one(id string) (paperOrder, bool) {
	p.mu.Lock()
	defer p.unlock()
	o, known := p.orders[id]
	if !known {
		return paperOrder{}, false
	}
	return *o, true
}

// newest is the account's order that arrived last.
func (p *paper) newest(account string) (paperOrder, bool) {
	p.mu.Lock()
	defer p.unlock()
	ids := p.byOwner[account]
	if len(ids) == 0 {
		return paperOrder{}, false
	}
	return *p.orders[ids[len(ids)-1]], true
}

func (p *paper) liveInOrder() []*paperOrder {
	list := make([]*paperOrder, 0, len(p.live))
	for _, o := range p.live {
		list = append(list, o)
	}
	slices.SortFunc(list, func(a, b *paperOrder) int { return int(a.Number - b.Number) })
	return list
}

func (p *paper) activities(account string) []activity {
	p.mu.Lock()
	defer p.unlock()
	return slices.Clone(p.history[account])
}

// owner is the user of an account, open or closed; empty if there is none.
func (p *paper) owner(account string) string {
	p.mu.Lock()
	defer p.unlock()
	if a, known := p.accounts[account]; known {
		return a.User
	}
	return ""
}

// allOf lists the ids of a user's accounts, closed ones too.
func (p *paper) allOf(user string) []string {
	p.mu.Lock()
	defer p.unlock()
	ids := []string{}
	for id, a := range p.accounts {
		if a.User == user {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// setFee is what the broker takes of an account for each contract.
func (p *paper) setFee(id string, fee decimal.Decimal) error {
	p.mu.Lock()
	defer p.unlock()
	account := p.accounts[id].clone()
	account.Fee = fee
	return p.commit(entry{Account: account})
}
