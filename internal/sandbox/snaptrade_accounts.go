package sandbox

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/shopspring/decimal"
)

// ownAccount refuses accounts of other users and closed ones.
func (s *snaptrade) ownAccount(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, _, open := s.paper.account(chi.URLParam(r, "account"))
		if !open || a.User != userOf(r) {
			fail(w, http.StatusNotFound, "1011", "Account not found")
			return
		}
		if _, hit := s.faults.takeMode(faultBrokenConnection, "snaptrade", r.Method+" "+r.URL.Path, a.ID); hit {
			s.breakNow(w, a)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *snaptrade) breakNow(w http.ResponseWriter, a paperAccount) {
	if c, known := s.registry.connection(a.Connection); known && c.Disabled == nil {
		if err := s.breakConnection(c); err != nil {
			s.broken(w, err)
			return
		}
	}
	fail(w, http.StatusPaymentRequired, "3003", "Unable to sync with brokerage account because the connection is disabled.")
}

func accountOf(r *http.Request) string { return chi.URLParam(r, "account") }

func (s *snaptrade) listAccounts(w http.ResponseWriter, r *http.Request) {
	user := userOf(r)
	list := []map[string]any{}
	for _, a := range s.paper.accountsOf(func(a *paperAccount) bool { return a.User == user }) {
		list = append(list, s.accountShape(a))
	}
	reply(w, http.StatusOK, list)
}

func (s *snaptrade) connectionAccounts(w http.ResponseWriter, r *http.Request) {
	c, found := s.ownConnection(w, r)
	if !found {
		return
	}
	list := []map[string]any{}
	for _, a := range s.accountsOn(c.ID) {
		list = append(list, s.accountShape(a))
	}
	reply(w, http.StatusOK, list)
}

func (s *snaptrade) oneAccount(w http.ResponseWriter, r *http.Request) {
	a, _, _ := s.paper.account(accountOf(r))
	reply(w, http.StatusOK, s.accountShape(a))
}

func (s *snaptrade) accountShape(a paperAccount) map[string]any {
	b, _ := s.registry.brokerNamed(a.Broker)
	c, _ := s.registry.connection(a.Connection)
	return map[string]any{
		"id": a.ID, "brokerage_authorization": a.Connection, "name": b.Name + " Individual", "number": a.Number,
		"institution_account_id": strings.TrimLeft(a.Number, "*"), "institution_name": b.Name,
		"created_date": stamp(a.Created), "funding_date": nil, "opening_date": nil, "is_paper": b.Paper,
		"status": "open", "raw_type": "Margin", "account_category": "INVESTMENT",
		"balance": map[string]any{"total": map[string]any{"amount": number(s.worth(a)), "currency": "USD"}},
		"sync_status": map[string]any{
			"transactions": map[string]any{
				"initial_sync_completed": true, "last_successful_sync": c.Synced.Format(time.DateOnly),
				"first_transaction_date": a.Created.Format(time.DateOnly),
			},
			"holdings": map[string]any{
				"initial_sync_completed": true, "last_successful_sync": s.syncedAt(c).Format("2006-01-02 15:04:05.000000-07:00"),
				"holdings_unavailable": false,
			},
		},
	}
}

// syncedAt is when the data of a connection was read: now, unless it is broken.
func (s *snaptrade) syncedAt(c connection) time.Time {
	if c.Disabled != nil {
		return c.Disabled.UTC()
	}
	return s.now().UTC()
}

// worth is cash and holdings at the last price.
func (s *snaptrade) worth(a paperAccount) decimal.Decimal {
	total := a.Cash
	for symbol, h := range a.Holdings {
		total = total.Add(s.lastPrice(symbol).Mul(decimal.NewFromInt(h.Units * contractSize)))
	}
	return total
}

func (s *snaptrade) lastPrice(symbol string) decimal.Decimal {
	c, err := parseOCC(symbol)
	if err != nil {
		return decimal.Zero
	}
	q, _ := s.market.option(c)
	return dollars(q.Last)
}

// number is money as a JSON number, as balances print it.
func number(d decimal.Decimal) json.Number { return json.Number(d.Round(2).String()) }

func (s *snaptrade) balances(w http.ResponseWriter, r *http.Request) {
	a, power, _ := s.paper.account(accountOf(r))
	reply(w, http.StatusOK, []map[string]any{{
		"currency": currencyShape(), "cash": number(a.Cash), "buying_power": number(power),
	}})
}

func (s *snaptrade) positions(w http.ResponseWriter, r *http.Request) {
	a, _, _ := s.paper.account(accountOf(r))
	c, _ := s.registry.connection(a.Connection)
	symbols := make([]string, 0, len(a.Holdings))
	for symbol := range a.Holdings {
		symbols = append(symbols, symbol)
	}
	slices.Sort(symbols)
	results := []map[string]any{}
	for _, symbol := range symbols {
		results = append(results, s.positionShape(symbol, a.Holdings[symbol]))
	}
	reply(w, http.StatusOK, map[string]any{
		"results": results, "data_freshness": map[string]any{"as_of": stamp(s.syncedAt(c))},
	})
}

func (s *snaptrade) positionShape(symbol string, h holding) map[string]any {
	c, err := parseOCC(symbol)
	if err != nil {
		return map[string]any{"instrument": nil}
	}
	return map[string]any{
		"instrument": map[string]any{
			"kind": "option", "id": idOf("option", symbol), "symbol": symbol, "option_type": c.optionType(),
			"strike_price": c.strikeText(), "expiration_date": c.Expiration.String(), "multiplier": "100",
			"description": describe(c),
			"underlying": map[string]any{
				"kind": "stock", "id": idOf("symbol", c.Underlying), "symbol": c.Underlying, "raw_symbol": c.Underlying,
				"description": nil, "currency": "USD", "exchange": nil,
			},
		},
		"units": strconv.FormatInt(h.Units, 10), "price": s.lastPrice(symbol).String(), "cost_basis": h.Cost.String(),
		"currency": "USD", "cash_equivalent": false,
	}
}

func (s *snaptrade) holdingsGone(w http.ResponseWriter, _ *http.Request) {
	fail(w, http.StatusGone, "1141", "This endpoint is not available; use /positions/all, /balances and /orders")
}

func (s *snaptrade) activities(w http.ResponseWriter, r *http.Request) {
	a, _, _ := s.paper.account(accountOf(r))
	query := r.URL.Query()
	types := strings.FieldsFunc(query.Get("type"), func(r rune) bool { return r == ',' })
	from, to := query.Get("startDate"), query.Get("endDate")
	all := []map[string]any{}
	for _, line := range s.paper.activities(a.ID) {
		day := line.At.Format(time.DateOnly)
		wanted := len(types) == 0 || slices.Contains(types, line.Type)
		if wanted && (from == "" || day >= from) && (to == "" || day <= to) {
			all = append(all, s.activityShape(a, line))
		}
	}
	slices.Reverse(all)
	offset, limit := queryInt(r, "offset", 0), queryInt(r, "limit", 1000)
	page := all[min(offset, len(all)):min(offset+limit, len(all))]
	reply(w, http.StatusOK, map[string]any{
		"data": page, "pagination": map[string]int{"offset": offset, "limit": limit, "total": len(all)},
	})
}

func (s *snaptrade) activityShape(a paperAccount, line activity) map[string]any {
	b, _ := s.registry.brokerNamed(a.Broker)
	return map[string]any{
		"id": line.ID, "symbol": nil, "option_symbol": optionSymbolShape(line.Symbol),
		"price": number(line.Price), "units": line.Units, "amount": number(line.Amount), "currency": currencyShape(),
		"type": line.Type, "option_type": line.Action, "description": line.Action + " " + line.Symbol,
		"trade_date": stamp(line.At), "settlement_date": stamp(line.At.AddDate(0, 0, 1)), "fee": number(line.Fee), "fx_rate": nil,
		"institution": b.Name, "external_reference_id": line.Order,
	}
}

func queryInt(r *http.Request, name string, otherwise int) int {
	value, err := strconv.Atoi(r.URL.Query().Get(name))
	if err != nil || value < 0 {
		return otherwise
	}
	return value
}
