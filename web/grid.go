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

	"golang.org/x/sync/errgroup"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/web/ui"
)

const (
	gridPath     = "/dashboard#grid"
	gridPatience = 300 * time.Millisecond // how long the dashboard waits for the grid's quotes; it asks again
	gridAtOnce   = 4
	nearPreset   = "2"
	amountCookie = "amount"
	amountKept   = 365 * 24 * time.Hour
)

// gridView is the option grid: the person's rows, and what the chosen amount buys.
type gridView struct {
	Rows    []gridRow
	Off     string // why there are no quotes here
	Amount  money.Amount
	Loading bool // some quotes did not come in time
	Problem string
	Typed   watchTyped
}

// gridRow is one row of the person's: some strikes of one side of an expiration.
type gridRow struct {
	Watch    market.WatchRow
	Day      exchange.Date // the next, where the row names none
	Today    exchange.Date
	Spot     *money.Price
	At       *time.Time
	Sentence string // what stands in place of the strikes
	Late     bool
	Lines    []gridLine
}

// gridLine is one contract with what the chosen amount buys of it at the ask.
type gridLine struct {
	optionView
	Strike   string
	Money    bool
	Quantity int
	Cost     money.Amount
}

// watchTyped is a row as it was typed.
type watchTyped struct{ Underlying, Type, Expiration, Near string }

// gridPart answers GET /partials/grid.
func (s *Site) gridPart(w http.ResponseWriter, r *http.Request) error {
	view, err := s.grid(r)
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, gridPanel(view))
}

// grid reads the person's rows and their quotes.
func (s *Site) grid(r *http.Request) (gridView, error) {
	ctx := r.Context()
	view := gridView{Amount: gridAmount(r), Typed: watchTyped{Type: "call", Near: nearPreset}}
	rows, err := s.market.Watchlist(ctx, me(ctx))
	if err != nil || len(rows) == 0 {
		return view, err
	}
	if off := s.market.Off(); off != nil {
		view.Off = fault.Of(off).Public
	}
	held, err := s.held(ctx)
	if err != nil {
		return view, err
	}
	view.Rows = s.gridRows(ctx, rows, view.Amount, held)
	view.Loading = slices.ContainsFunc(view.Rows, func(row gridRow) bool { return row.Late })
	return view, nil
}

// gridRows reads the rows beside each other; a late one costs the others nothing.
func (s *Site) gridRows(ctx context.Context, rows []market.WatchRow, amount money.Amount, held map[string]positions.Position) []gridRow {
	ctx, cancel := context.WithTimeout(ctx, gridPatience)
	defer cancel()
	views := make([]gridRow, len(rows))
	var reads errgroup.Group
	reads.SetLimit(gridAtOnce)
	for i, row := range rows {
		reads.Go(func() error {
			views[i] = s.gridRow(ctx, row, amount, held)
			return nil
		})
	}
	_ = reads.Wait() // each row says itself what it lacks
	return views
}

func (s *Site) gridRow(ctx context.Context, row market.WatchRow, amount money.Amount, held map[string]positions.Position) gridRow {
	view := gridRow{Watch: row, Today: s.clock.Today()}
	if row.Expiration != nil {
		view.Day = *row.Expiration
	}
	if s.market.Off() != nil {
		return view
	}
	chain, err := s.gridChain(ctx, row)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		view.Sentence, view.Late = "Loading quotes…", true
	case err != nil && fault.Of(err).Status == http.StatusNotFound:
		view.Sentence = "Nothing is listed for this row any more."
	case err != nil:
		view.Sentence, view.Late = "Market data does not answer right now.", true
	default:
		view.Day, view.Spot, view.At = chain.Expiration, chain.Spot, s.newest(chain)
		view.Lines = gridLines(chain, row, amount, held)
	}
	return view
}

// gridChain is the part of a chain that a row looks at.
func (s *Site) gridChain(ctx context.Context, row market.WatchRow) (market.Chain, error) {
	days, err := s.market.Expirations(ctx, row.Underlying)
	if err != nil {
		return market.Chain{}, err
	}
	if len(days) == 0 {
		return market.Chain{}, fault.NotFound()
	}
	day := days[0]
	if row.Expiration != nil {
		day = *row.Expiration
	}
	if !slices.Contains(days, day) {
		return market.Chain{}, fault.NotFound()
	}
	return s.market.Chain(ctx, row.Underlying, day, max(1, row.Near)) // to the market 0 is every strike
}

func gridLines(c market.Chain, row market.WatchRow, amount money.Amount, held map[string]positions.Position) []gridLine {
	lines := make([]gridLine, 0, len(c.Strikes))
	for _, rung := range c.Strikes {
		atMoney := c.ATM != nil && rung.Strike.Equal(*c.ATM)
		option := rung.Call
		if row.Type == exchange.Put {
			option = rung.Put
		}
		if option == nil || row.Near == 0 && !atMoney {
			continue
		}
		lines = append(lines, gridLineOf(c, option, atMoney, amount, held))
	}
	return lines
}

func gridLineOf(c market.Chain, o *market.Option, atMoney bool, amount money.Amount, held map[string]positions.Position) gridLine {
	line := gridLine{optionView: optionOf(c, o, held, true), Strike: money.Trim(o.Strike), Money: atMoney}
	line.Amount = amount.Decimal.String()
	if o.Ask != nil {
		line.Quantity = contractsFor(amount, *o.Ask, line.Contract.Multiplier)
		line.Cost = o.Ask.Cost(line.Quantity, line.Contract.Multiplier)
	}
	line.link(line.Quantity, held[o.Symbol])
	return line
}

// contractsFor is how many whole contracts an amount buys at the ask, never more.
func contractsFor(amount money.Amount, ask money.Price, multiplier int) int {
	one := ask.Cost(1, multiplier)
	if !one.IsPositive() {
		return 0
	}
	whole, _ := amount.QuoRem(one.Decimal, 0)
	return int(whole.IntPart())
}

var (
	amountLeast = money.MustAmount("1")
	amountMost  = money.MustAmount("1000000")
)

// gridAmount is what the address says, else what this browser chose, else the
// second of the presets. It only fills quantities; orders have limits of their own.
func gridAmount(r *http.Request) money.Amount {
	if said, ok := amountOf(r.URL.Query().Get("amount")); ok {
		return said
	}
	if cookie, err := r.Cookie(amountCookie); err == nil {
		if kept, ok := amountOf(cookie.Value); ok {
			return kept
		}
	}
	return presets[1]
}

// amountOf reads dollars as people type them: "1,500", "$1500.50".
func amountOf(text string) (money.Amount, bool) {
	amount, err := money.ParseAmount(strings.TrimPrefix(strings.ReplaceAll(strings.TrimSpace(text), ",", ""), "$"))
	if err != nil || amount.LessThan(amountLeast.Decimal) || amount.GreaterThan(amountMost.Decimal) {
		return amount, false
	}
	return money.Amount{Decimal: amount.Truncate(2)}, true
}

// keepAmount makes an amount that the address names this browser's own.
func (s *Site) keepAmount(w http.ResponseWriter, r *http.Request) {
	if said, ok := amountOf(r.URL.Query().Get("amount")); ok {
		s.setCookie(w, amountCookie, said.Decimal.String(), amountKept)
	}
}

// addWatch answers POST /grid/add.
func (s *Site) addWatch(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	row, err := readWatch(f)
	if err == nil {
		err = s.checkListed(r.Context(), row)
	}
	if err == nil {
		_, err = s.market.AddToWatchlist(r.Context(), me(r.Context()), row)
	}
	if err != nil {
		return s.gridAgain(w, r, f, err)
	}
	return back(w, gridPath, "")
}

// removeWatch answers POST /grid/remove.
func (s *Site) removeWatch(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	row, err := readWatch(f)
	if err != nil {
		return err
	}
	if _, err := s.market.RemoveFromWatchlist(r.Context(), me(r.Context()), row); err != nil {
		return err
	}
	return back(w, gridPath, "")
}

// readWatch reads a row from its form.
func readWatch(f url.Values) (market.WatchRow, error) {
	row := market.WatchRow{Underlying: strings.ToUpper(strings.TrimSpace(f.Get("underlying"))), Type: exchange.OptionType(f.Get("optionType"))}
	near, err := strconv.Atoi(f.Get("near"))
	if err != nil {
		return row, fault.Field("near", "Choose how many strikes.")
	}
	row.Near = near
	if text := strings.TrimSpace(f.Get("expiration")); text != "" {
		day, err := exchange.ParseDate(text)
		if err != nil {
			return row, fault.Field("expiration", "A date like 2027-01-15, or nothing for the next.")
		}
		row.Expiration = &day
	}
	return row, nil
}

// checkListed refuses what has no options, as far as that can be known now.
func (s *Site) checkListed(ctx context.Context, row market.WatchRow) error {
	ctx, cancel := context.WithTimeout(ctx, quotePatience)
	defer cancel()
	days, err := s.market.Expirations(ctx, row.Underlying)
	switch {
	case err != nil && fault.Of(err).Status == http.StatusUnprocessableEntity:
		return err
	case err != nil:
		return nil
	case len(days) == 0:
		return fault.Field("underlying", "No options are listed on "+row.Underlying+".")
	case row.Expiration != nil && !slices.Contains(days, *row.Expiration):
		return fault.Field("expiration", "Nothing expires on "+row.Expiration.Display()+".")
	}
	return nil
}

// gridAgain shows the dashboard with what is wrong with the row, and what was typed.
func (s *Site) gridAgain(w http.ResponseWriter, r *http.Request, f url.Values, cause error) error {
	refusal := fault.Of(cause)
	if refusal.Status >= http.StatusInternalServerError {
		return cause
	}
	p, view, err := s.trading(r)
	if err != nil {
		return err
	}
	if view.Ticket, err = s.ticket(r.Context(), url.Values{}, p.Accounts); err != nil {
		return err
	}
	view.Grid.Typed = watchTyped{f.Get("underlying"), f.Get("optionType"), f.Get("expiration"), f.Get("near")}
	view.Grid.Problem = refusal.Public
	for _, sentence := range fieldSentences(refusal) {
		view.Grid.Problem = sentence
	}
	return s.show(w, r, refusal.Status, dashboardPage(p, view))
}

// costText is what they cost, nothing where the amount buys none.
func (l gridLine) costText() string {
	if l.Quantity == 0 {
		return ""
	}
	return l.Cost.Display()
}

func (r gridRow) title() string { return r.Watch.Underlying + " " + sideName(r.Watch.Type) }

// key names a row on the page.
func (r gridRow) key() string {
	day := "next"
	if r.Watch.Expiration != nil {
		day = r.Watch.Expiration.String()
	}
	return strings.ReplaceAll(r.Watch.Underlying, ".", "-") + "-" + string(r.Watch.Type) + "-" + day
}

// form is what says which row it is.
func (r gridRow) form() []ui.Field {
	fields := []ui.Field{
		{Name: "underlying", Value: r.Watch.Underlying}, {Name: "optionType", Value: string(r.Watch.Type)},
		{Name: "near", Value: strconv.Itoa(r.Watch.Near)},
	}
	if r.Watch.Expiration != nil {
		fields = append(fields, ui.Field{Name: "expiration", Value: r.Watch.Expiration.String()})
	}
	return fields
}

func (r gridRow) chainLink() string {
	return chainView{Symbol: r.Watch.Underlying, Day: r.Day, Side: string(r.Watch.Type)}.link(nil)
}

// trigger is when the grid is read again. Its prices come over the page's stream;
// which strikes are near the money, and what came late, does not.
func (v gridView) trigger() string {
	if v.Loading {
		return "load delay:700ms, live-prices from:body"
	}
	return "live-prices from:body throttle:15s"
}

func (v gridView) own() string {
	if slices.ContainsFunc(presets, func(p money.Amount) bool { return p.Equal(v.Amount.Decimal) }) {
		return ""
	}
	return v.Amount.Decimal.String()
}
