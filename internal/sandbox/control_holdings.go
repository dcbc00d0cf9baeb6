package sandbox

import "github.com/shopspring/decimal"

// holdOrder is POST /_sandbox/broker/hold: makes an account (its id, or a
// username) hold so many of a contract, 0 for none, without any order: bought
// long ago, moved from elsewhere, or sold where no list shows it. Cost is the
// average paid per share; left out, it stays or becomes the quote.
type holdOrder struct {
	Account  string           `json:"account"`
	Symbol   string           `json:"symbol"`
	Quantity int64            `json:"quantity"`
	Cost     *decimal.Decimal `json:"cost"`
}

func (w *World) hold(body holdOrder) (any, error) {
	account, err := w.accountNamed(body.Account)
	if err != nil {
		return nil, err
	}
	c, err := parseOCC(body.Symbol)
	if err != nil || body.Quantity < 0 || body.Cost != nil && body.Cost.IsNegative() {
		return nil, badRequest("symbol, a quantity and a cost that are not negative are required")
	}
	return w.paper.change(account, func(a *paperAccount) error {
		if body.Quantity == 0 {
			delete(a.Holdings, c.padded())
			return nil
		}
		h, had := a.Holdings[c.padded()]
		switch {
		case body.Cost != nil:
			h.Cost = *body.Cost
		case !had:
			q, _ := w.market.option(c)
			h.Cost = dollars(q.Last)
		}
		h.Units = body.Quantity
		a.Holdings[c.padded()] = h
		return nil
	})
}

// renameOrder is POST /_sandbox/broker/rename: a held contract goes on under
// another symbol, as after a split or a new root. Quantity, left out, stays; the
// cost of all of them does too.
type renameOrder struct {
	Account  string `json:"account"`
	Symbol   string `json:"symbol"`
	To       string `json:"to"`
	Quantity int64  `json:"quantity"`
}

func (w *World) rename(body renameOrder) (any, error) {
	account, err := w.accountNamed(body.Account)
	if err != nil {
		return nil, err
	}
	from, err1 := parseOCC(body.Symbol)
	to, err2 := parseOCC(body.To)
	if err1 != nil || err2 != nil || body.Quantity < 0 {
		return nil, badRequest("symbol and to are option symbols, quantity is not negative")
	}
	return w.paper.change(account, func(a *paperAccount) error {
		h, had := a.Holdings[from.padded()]
		if !had {
			return badRequest("the account holds no %s", body.Symbol)
		}
		delete(a.Holdings, from.padded())
		if n := body.Quantity; n > 0 && n != h.Units {
			h.Cost = h.Cost.Mul(decimal.NewFromInt(h.Units)).DivRound(decimal.NewFromInt(n), 8)
			h.Units = n
		}
		a.Holdings[to.padded()] = h
		return nil
	})
}

// change changes an account's holdings, outside of any order, and shows them.
func (p *paper) change(id string, edit func(*paperAccount) error) (map[string]holding, error) {
	p.mu.Lock()
	defer p.unlock()
	known := p.accounts[id]
	if known == nil || known.Closed {
		return nil, errNoAccount
	}
	account := known.clone()
	if err := edit(account); err != nil {
		return nil, err
	}
	if err := p.commit(entry{Account: account}); err != nil {
		return nil, err
	}
	return account.Holdings, nil
}
