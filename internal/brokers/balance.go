package brokers

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/snaptrade"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"
)

// activityPages bounds one reading of an account's history, a thousand lines each.
const activityPages = 10

// syncPause is how soon an account may be synced again by its owner.
const syncPause = 15 * time.Second

// own gives one of the user's shown accounts; fault.NotFound otherwise.
func (a *Accounts) own(ctx context.Context, user, account uuid.UUID) (Account, error) {
	list, err := a.owned(ctx, user, ownAccount, account, user)
	if err != nil {
		return Account{}, err
	}
	if len(list) == 0 {
		return Account{}, fault.NotFound()
	}
	return list[0], nil
}

// Sync reads everything about the account anew, on its owner's demand. Asked again
// within 15 s it gives what is there: the calls come out of everybody's budget.
func (a *Accounts) Sync(ctx context.Context, user, account uuid.UUID) (Account, error) {
	found, err := a.own(ctx, user, account)
	if err != nil {
		return Account{}, err
	}
	if found.BalanceAt != nil && a.now().Sub(*found.BalanceAt) < syncPause {
		return found, nil
	}
	if _, err := a.Refresh(ctx, user); err != nil {
		return Account{}, err
	}
	return a.readBalance(ctx, user, account)
}

// RefreshBalance reads cash and buying power now, and gives the account with them:
// for somebody who is about to trade, unless the context names another class of
// call. A reading that began before the one we have changes nothing.
func (a *Accounts) RefreshBalance(ctx context.Context, user, account uuid.UUID) (Account, error) {
	return a.readBalance(snaptrade.WithDefaultClass(ctx, snaptrade.Manual), user, account)
}

func (a *Accounts) readBalance(ctx context.Context, user, account uuid.UUID) (Account, error) {
	found, err := a.own(ctx, user, account)
	if err != nil {
		return Account{}, err
	}
	who, err := a.Credentials(ctx, user)
	if err != nil {
		return Account{}, err
	}
	// The database's clock, because what was placed since is counted by it (R15).
	var began time.Time
	if err := a.db.Pool().QueryRow(ctx, `select clock_timestamp()`).Scan(&began); err != nil {
		return Account{}, fmt.Errorf("read the database's clock: %w", err)
	}
	balances, err := a.client.Balances(ctx, who, found.BrokerAccountID)
	if err != nil {
		return Account{}, providerFault("read balances of account "+account.String(), err)
	}
	cash, buying := dollars(balances)
	err = a.db.AsSystem(ctx, "brokers", func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			update accounts set cash = $3, buying_power = $4, balance_at = $5, updated_at = now()
			where id = $1 and user_id = $2 and (balance_at is null or balance_at < $5)`, account, user, cash, buying, began)
		return err
	})
	if err != nil {
		return Account{}, fmt.Errorf("store balance of account %s: %w", account, err)
	}
	return a.own(ctx, user, account)
}

// dollars picks what is held in US dollars: options are paid in nothing else.
func dollars(balances []snaptrade.Balance) (cash, buying decimal.NullDecimal) {
	for _, b := range balances {
		if b.Currency == "USD" {
			return nullable(b.Cash), nullable(b.BuyingPower)
		}
	}
	return cash, buying
}

func nullable(d *decimal.Decimal) decimal.NullDecimal {
	if d == nil {
		return decimal.NullDecimal{}
	}
	return decimal.NewNullDecimal(d.RoundFloor(4)) // the column's precision; never more than there is
}

// Holding is what an account holds of one option contract, as the broker says.
// Contracts is negative for a short position. Price is the last one and CostBasis
// the average paid, both per share, nil when the broker does not say.
type Holding struct {
	Contract  exchange.Contract
	Contracts int
	Price     *money.Price
	CostBasis *money.Price
}

// Holdings are an account's option positions as of one instant. Unreadable counts
// entries that are options but make no sense to us: while it is not zero, absence
// of a contract proves nothing.
type Holdings struct {
	AsOf       time.Time
	Options    []Holding
	Unreadable int
}

// Holdings reads the account's positions at the broker.
func (a *Accounts) Holdings(ctx context.Context, user, account uuid.UUID) (Holdings, error) {
	found, err := a.own(ctx, user, account)
	if err != nil {
		return Holdings{}, err
	}
	who, err := a.Credentials(ctx, user)
	if err != nil {
		return Holdings{}, err
	}
	listed, err := a.client.Positions(ctx, who, found.BrokerAccountID)
	if err != nil {
		return Holdings{}, providerFault("read positions of account "+account.String(), err)
	}
	return holdingsOf(listed), nil
}

// Activities are what the account's history says between two days, both
// inclusive. It is a day late.
func (a *Accounts) Activities(ctx context.Context, user, account uuid.UUID, from, to exchange.Date) ([]snaptrade.Activity, error) {
	found, err := a.own(ctx, user, account)
	if err != nil {
		return nil, err
	}
	who, err := a.Credentials(ctx, user)
	if err != nil {
		return nil, err
	}
	var all []snaptrade.Activity
	for range activityPages {
		page, total, err := a.client.Activities(ctx, who, found.BrokerAccountID, from.String(), to.String(), len(all))
		if err != nil {
			return nil, providerFault("read activities of account "+account.String(), err)
		}
		all = append(all, page...)
		if len(page) == 0 || len(all) >= total {
			break
		}
	}
	return all, nil
}

func holdingsOf(listed snaptrade.Positions) Holdings {
	out := Holdings{AsOf: listed.AsOf}
	for _, p := range listed.Results {
		if p.Instrument.Kind != "option" {
			continue
		}
		h, ok := holdingOf(p)
		if !ok {
			out.Unreadable++
			continue
		}
		out.Options = append(out.Options, h)
	}
	return out
}

func holdingOf(p snaptrade.Position) (Holding, bool) {
	c, err := exchange.ParseSymbol(p.Instrument.Symbol)
	if err != nil || p.Units == nil || !p.Units.IsInteger() {
		return Holding{}, false
	}
	if m := p.Instrument.Multiplier; m != nil {
		if !m.IsInteger() || !m.IsPositive() {
			return Holding{}, false
		}
		c.Multiplier = int(m.IntPart())
	}
	h := Holding{Contract: c, Contracts: int(p.Units.IntPart())}
	if p.Currency != "" && !strings.EqualFold(p.Currency, "USD") { // what it is in dollars, nobody says
		return h, true
	}
	if p.Price != nil {
		h.Price = &money.Price{Decimal: *p.Price}
	}
	if p.CostBasis != nil {
		h.CostBasis = &money.Price{Decimal: *p.CostBasis}
	}
	return h, true
}
