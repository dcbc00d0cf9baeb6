package snaptrade

import (
	"context"
	"net/http"
	"time"

	"github.com/shopspring/decimal"
)

// Account is one account at a broker.
type Account struct {
	ID                   string
	ConnectionID         string
	Name                 string
	Number               string // may be masked
	InstitutionAccountID string // the same real account in several connections
	InstitutionName      string
	CreatedAt            time.Time
	Paper                bool
	Status               string // "open", "closed", "archived", "unavailable" or ""
	RawType              string
	Category             string           // "INVESTMENT" (also when SnapTrade says nothing), "DEPOSIT", "LOC"
	Total                *decimal.Decimal // worth of the account; nil when unknown
	Currency             string
	Synced               bool      // the first sync of holdings is complete
	SyncedAt             time.Time // last successful sync of holdings
	HoldingsUnavailable  bool
	TransactionsSynced   bool
	TransactionsSyncedAt time.Time // a date
}

// Balance is the money of an account in one currency; nil is unknown, not zero.
type Balance struct {
	Currency    string // "USD"
	Cash        *decimal.Decimal
	BuyingPower *decimal.Decimal
}

// Position is what is held of one instrument.
type Position struct {
	Instrument     Instrument
	Units          *decimal.Decimal // contracts for options; negative is short
	Price          *decimal.Decimal // last, per share
	CostBasis      *decimal.Decimal // average, per share, for options too
	Currency       string
	CashEquivalent bool
}

// Instrument is what a position holds. The option fields are empty for other kinds.
type Instrument struct {
	Kind       string // "option", "stock", "etf", …; new kinds may appear
	ID         string
	Symbol     string // OCC symbol of an option
	OptionType string // "CALL" or "PUT"
	Strike     *decimal.Decimal
	Expiration string           // YYYY-MM-DD, a civil date
	Multiplier *decimal.Decimal // shares per contract, 100 mostly
	Underlying string           // ticker of what an option is on
}

// Positions is all that an account holds, as of one instant.
type Positions struct {
	Results []Position
	AsOf    time.Time
}

// Accounts lists the user's accounts over all connections, from the daily cache.
func (c *Client) Accounts(ctx context.Context, user User) ([]Account, error) {
	const op = "list accounts"
	v, err := c.ask(ctx, request{op: op, method: http.MethodGet, path: "/accounts", user: user, class: Sync, read: true})
	if err != nil {
		return nil, err
	}
	return list(op, v, readAccount)
}

// Account reads one account.
func (c *Client) Account(ctx context.Context, user User, id string) (Account, error) {
	const op = "read account"
	v, err := c.ask(ctx, request{op: op, method: http.MethodGet, path: "/accounts/%s", ids: []string{id}, user: user, class: Sync, read: true})
	if err != nil {
		return Account{}, err
	}
	return object(op, v, readAccount)
}

func readAccount(v Value) (Account, bool) {
	r := readRecord(v)
	total := readRecord(v.Get("balance").Get("total"))
	holdings := readRecord(v.Get("sync_status").Get("holdings"))
	transactions := readRecord(v.Get("sync_status").Get("transactions"))
	a := Account{
		ID: r.id("id"), ConnectionID: r.id("brokerage_authorization"), Name: r.text("name"), Number: r.id("number"),
		InstitutionAccountID: r.id("institution_account_id"), InstitutionName: r.text("institution_name"),
		CreatedAt: r.time("created_date"), Paper: r.isTrue("is_paper"), Status: r.text("status"),
		RawType: r.text("raw_type"), Category: r.text("account_category"),
		Total: total.decimal("amount"), Currency: total.text("currency"),
		Synced: holdings.isTrue("initial_sync_completed"), SyncedAt: holdings.time("last_successful_sync"),
		HoldingsUnavailable: holdings.isTrue("holdings_unavailable"),
		TransactionsSynced:  transactions.isTrue("initial_sync_completed"), TransactionsSyncedAt: transactions.time("last_successful_sync"),
	}
	if a.Category == "" {
		a.Category = "INVESTMENT"
	}
	return a, !r.bad && a.ID != ""
}

// Balances lists an account's money by currency.
func (c *Client) Balances(ctx context.Context, user User, accountID string) ([]Balance, error) {
	const op = "read balances"
	v, err := c.ask(ctx, request{
		op: op, method: http.MethodGet, path: "/accounts/%s/balances", ids: []string{accountID}, user: user, class: Sync, read: true,
	})
	if err != nil {
		return nil, err
	}
	return list(op, v, readBalance)
}

func readBalance(v Value) (Balance, bool) {
	r := readRecord(v)
	b := Balance{Currency: v.Get("currency").Get("code").Text(), Cash: r.decimal("cash"), BuyingPower: r.decimal("buying_power")}
	return b, !r.bad
}

// Positions reads all that an account holds, options and everything else.
func (c *Client) Positions(ctx context.Context, user User, accountID string) (Positions, error) {
	const op = "read positions"
	v, err := c.ask(ctx, request{
		op: op, method: http.MethodGet, path: "/accounts/%s/positions/all", ids: []string{accountID}, user: user, class: Sync, read: true,
	})
	if err != nil {
		return Positions{}, err
	}
	asOf, _ := v.Get("data_freshness").Get("as_of").Time()
	results, err := list(op, v.Get("results"), readPosition)
	return Positions{Results: results, AsOf: asOf}, err
}

func readPosition(v Value) (Position, bool) {
	r := readRecord(v)
	instrument, ok := readInstrument(v.Get("instrument"))
	p := Position{
		Instrument: instrument, Units: r.decimal("units"), Price: r.decimal("price"), CostBasis: r.decimal("cost_basis"),
		Currency: r.text("currency"), CashEquivalent: r.isTrue("cash_equivalent"),
	}
	return p, ok && !r.bad
}

func readInstrument(v Value) (Instrument, bool) {
	r := readRecord(v)
	i := Instrument{
		Kind: r.text("kind"), ID: r.id("id"), Symbol: r.text("symbol"), OptionType: r.text("option_type"),
		Strike: r.decimal("strike_price"), Expiration: r.text("expiration_date"), Multiplier: r.decimal("multiplier"),
		Underlying: v.Get("underlying").Get("symbol").Text(),
	}
	return i, !r.bad
}
