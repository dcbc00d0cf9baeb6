package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/web/ui"
)

const (
	chainPatience = 5 * time.Second // a chain that takes longer is said to be away
	chainNear     = "5"             // strikes each side of the money, unless asked otherwise
)

// chainView is one expiration of an underlying's options, or why there is none to show.
type chainView struct {
	Symbol   string
	Typed    string          // what was searched for
	Found    []market.Symbol // what that may mean
	Sentence string          // what stands in place of the chain
	Away     bool            // trying again may help

	Day    exchange.Date
	Days   []exchange.Date
	Today  exchange.Date
	Near   string // 5, 10, all
	Side   string // call or put: what a phone shows
	Show   string // prices or greeks
	Spot   *money.Price
	Source string
	At     *time.Time // of the newest quote
	Open   bool       // the exchange is in session
	Rungs  []rungView
	Missed bool // nothing expires on the day that was asked for
}

// chainSearch answers GET /chain: with ?symbol= the way to its chain, or what it
// may mean.
func (s *Site) chainSearch(w http.ResponseWriter, r *http.Request) error {
	p, err := s.shell(r, "Option chain", "/chain")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), chainPatience)
	defer cancel()
	view := chainView{Typed: strings.TrimSpace(r.URL.Query().Get("symbol"))}
	symbol, found, err := s.findSymbol(ctx, view.Typed)
	if symbol != "" {
		return back(w, chainView{Symbol: symbol}.link(nil), "")
	}
	view.Found = found
	status := view.explain(err)
	if err == nil && view.Typed != "" && len(found) == 0 {
		view.Sentence = "Nothing with listed options is called “" + view.Typed + "”."
	}
	return s.show(w, r, status, chainSearchPage(p, view))
}

// findSymbol is the one underlying that the text means, or those it may mean.
func (s *Site) findSymbol(ctx context.Context, typed string) (string, []market.Symbol, error) {
	if err := s.market.Off(); err != nil || typed == "" {
		return "", nil, err
	}
	found, err := s.market.Symbols(ctx, typed)
	if err != nil {
		return "", nil, err
	}
	exact := slices.IndexFunc(found, func(f market.Symbol) bool { return strings.EqualFold(f.Symbol, typed) })
	if exact >= 0 || len(found) == 1 {
		return found[max(exact, 0)].Symbol, nil, nil
	}
	// An index is no asset, so its ticker may stand beside others that begin so.
	if days, err := s.market.Expirations(ctx, typed); err == nil && len(days) > 0 {
		return strings.ToUpper(typed), nil, nil
	}
	return "", found, nil
}

// chain answers GET /chain/{symbol}.
func (s *Site) chain(w http.ResponseWriter, r *http.Request) error {
	p, err := s.shell(r, strings.ToUpper(r.PathValue("symbol"))+" option chain", "/chain")
	if err != nil {
		return err
	}
	view, status, err := s.chainView(r)
	if err != nil {
		return err
	}
	return s.show(w, r, status, chainPage(p, view))
}

// chainPart answers GET /partials/chain/{symbol}. What cannot be read leaves the
// page as it stands: its ages say how old it is.
func (s *Site) chainPart(w http.ResponseWriter, r *http.Request) error {
	view, status, err := s.chainView(r)
	if err != nil {
		return err
	}
	return s.show(w, r, status, chainPanel(view))
}

// chainView reads the chain that the address asks for. The status is that of the page.
func (s *Site) chainView(r *http.Request) (chainView, int, error) {
	ctx, cancel := context.WithTimeout(r.Context(), chainPatience)
	defer cancel()
	view := chainView{
		Symbol: strings.ToUpper(r.PathValue("symbol")), Near: oneOf(r, "near", chainNear, "10", "all"), Side: oneOf(r, "side", "call", "put"),
		Show: oneOf(r, "show", "prices", "greeks"), Source: s.market.Source(),
	}
	view.Typed = view.Symbol
	days, err := s.market.Expirations(ctx, view.Symbol)
	if err != nil || len(days) == 0 {
		return view, view.explain(or(err, fault.NotFound())), nil
	}
	view.Days, view.Today, view.Open = days, s.clock.Today(), s.clock.Open(view.Symbol)
	view.Day, view.Missed = dayAsked(days, r.URL.Query().Get("expiration"))
	near := map[string]int{"5": 5, "10": 10, "all": 0}[view.Near]
	chain, err := s.market.Chain(ctx, view.Symbol, view.Day, near)
	if err != nil {
		return view, view.explain(err), nil
	}
	held, err := s.held(r.Context())
	if err != nil {
		return view, 0, err
	}
	view.Spot, view.Rungs = chain.Spot, rungsOf(chain, held)
	view.At = s.newest(chain)
	return view, http.StatusOK, nil
}

func or(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// dayAsked is the expiration asked for, or the next; missed tells that another was
// asked for and nothing expires on it.
func dayAsked(days []exchange.Date, asked string) (day exchange.Date, missed bool) {
	wanted, err := exchange.ParseDate(asked)
	if err == nil && slices.Contains(days, wanted) {
		return wanted, false
	}
	return days[0], asked != ""
}

// explain says in words why there is no chain, and which status says the same.
func (v *chainView) explain(err error) int {
	refusal := fault.Of(err)
	switch {
	case err == nil:
		return http.StatusOK
	case errors.Is(err, market.ErrOff):
		v.Sentence = refusal.Public
		return http.StatusOK // it is how this place is set up, not a failure
	case refusal.Status == http.StatusUnprocessableEntity, refusal.Status == http.StatusNotFound:
		v.Sentence = "No options are listed on “" + v.Typed + "”."
		return http.StatusNotFound
	}
	v.Sentence, v.Away = "Market data does not answer right now.", true
	return http.StatusServiceUnavailable
}

// held are the open positions by their contract.
func (s *Site) held(ctx context.Context) (map[string]positions.Position, error) {
	list, _, err := s.book.Positions(ctx, me(ctx), positions.Query{Status: "open", Limit: holdingsMost})
	if err != nil {
		return nil, err
	}
	held := make(map[string]positions.Position, len(list))
	for _, p := range list {
		if p.Held() > 0 {
			held[p.Contract.Symbol] = p
		}
	}
	return held, nil
}

// newest is when the youngest quote of a chain was made.
func (s *Site) newest(c market.Chain) *time.Time {
	var newest *market.Quote
	for _, rung := range c.Strikes {
		for _, option := range []*market.Option{rung.Call, rung.Put} {
			if option != nil && !option.At.IsZero() && (newest == nil || option.At.After(newest.At)) {
				newest = &option.Quote
			}
		}
	}
	if newest == nil {
		return nil
	}
	return s.quoteTime(*newest)
}

// link is the address of this view with some of it changed.
func (v chainView) link(change url.Values) string {
	return v.address("/chain/", change)
}

func (v chainView) fragment() string { return v.address("/partials/chain/", nil) }

func (v chainView) address(under string, change url.Values) string {
	q := url.Values{}
	if !v.Day.IsZero() {
		q.Set("expiration", v.Day.String())
	}
	if v.Near != "" && v.Near != chainNear {
		q.Set("near", v.Near)
	}
	if v.Side == "put" {
		q.Set("side", v.Side)
	}
	if v.Show == "greeks" {
		q.Set("show", v.Show)
	}
	for name, values := range change {
		q[name] = values
	}
	return address(under+url.PathEscape(v.Symbol), q)
}

// retry is this very address, or the search it came from.
func (v chainView) retry() string {
	if v.Symbol != "" {
		return v.link(nil)
	}
	return "/chain?" + url.Values{"symbol": {v.Typed}}.Encode()
}

// spotOnTop tells that the price lies above every strike shown.
func (v chainView) spotOnTop() bool {
	return v.Spot != nil && !slices.ContainsFunc(v.Rungs, func(r rungView) bool { return r.SpotAbove })
}

// youHold says that somebody holds a contract, and how many unless that is hidden.
func youHold(ctx context.Context, held int) string {
	if ui.Private(ctx) {
		return "You hold some"
	}
	return "You hold " + strconv.Itoa(held)
}
