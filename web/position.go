package web

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/web/ui"
)

// positionView is one position with its history, newest first.
type positionView struct {
	Row      ui.PositionRow
	Orders   []ui.OrderRow
	Seen     ui.View // how the table of its orders is seen
	Fills    []fillView
	Events   []eventView
	Receipts []receiptView
	Chart    chartView

	Adjustments []positions.Adjustment // newest first
	Journal     journalView
}

// journalView is what its owner writes about a position.
type journalView struct {
	ID, Notes, Tags string
	Fields          map[string]string // what was wrong with what was sent
}

type fillView struct {
	At       time.Time
	Side     string
	Quantity int
	Price    money.Price
	Fees     money.Amount
	Realized money.Amount
}

// eventView is one step of an order: "BTO 5: on its way to the broker".
type eventView struct {
	At        time.Time
	Side      string
	Quantity  int
	Step, Who string
}

func (e eventView) what(ctx context.Context) string {
	return e.Side + " " + ui.Own(ctx, strconv.Itoa(e.Quantity)) + ": " + ui.Discreet(ctx, e.Step)
}

type hop struct {
	Name string
	At   *time.Time
}

// celebrate answers POST /positions/{id}/celebrate: 200 to the first page that asks
// about a close with a profit, 204 to every other.
func (s *Site) celebrate(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	yes, err := s.book.Celebrate(r.Context(), me(r.Context()), id)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	if !yes {
		w.WriteHeader(http.StatusNoContent)
	}
	return nil
}

// position answers GET /positions/{id}.
func (s *Site) position(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	p, err := s.shell(r, "Position", "/positions")
	if err != nil {
		return err
	}
	view, err := s.positionView(r.Context(), id, accountNames(p.Accounts))
	if err != nil {
		return err
	}
	p.Title = view.Row.Contract.Display()
	return s.show(w, r, http.StatusOK, positionPage(p, view))
}

// positionPart answers GET /partials/positions/{id}.
func (s *Site) positionPart(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	names, err := s.names(r.Context())
	if err != nil {
		return err
	}
	view, err := s.positionView(r.Context(), id, names)
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, positionParts(view))
}

func (s *Site) positionView(ctx context.Context, id uuid.UUID, names map[string]string) (positionView, error) {
	user := me(ctx)
	p, err := s.book.Position(ctx, user, id)
	if err != nil {
		return positionView{}, err
	}
	marked := []positions.Position{p}
	s.desk.Mark(ctx, marked)
	if err := s.desk.Today(ctx, user, marked); err != nil {
		return positionView{}, err
	}
	view := positionView{Row: positionRow(marked[0], names, s.clock.Today()), Chart: s.waitingChart(p)}
	list, _, err := s.desk.Orders(ctx, user, orders.Query{View: "all", PositionID: &id, Limit: 200})
	if err != nil {
		return positionView{}, err
	}
	view.Orders = orderRows(list, names)
	if view.Seen.Chosen, err = s.chosen(ctx, "orders"); err != nil {
		return positionView{}, err
	}
	fills, err := s.desk.Fills(ctx, user, id)
	if err != nil {
		return positionView{}, err
	}
	view.Fills = fillViews(fills)
	events, err := s.desk.Events(ctx, user, id)
	if err != nil {
		return positionView{}, err
	}
	view.Events = eventViews(events, list)
	receipts, err := s.alerts.PositionReceipts(ctx, user, id)
	if err != nil {
		return positionView{}, err
	}
	view.Receipts = receiptViews(receipts)
	if view.Adjustments, err = s.book.Adjustments(ctx, user, id); err != nil {
		return positionView{}, err
	}
	slices.Reverse(view.Adjustments)
	view.Journal = journalView{ID: id.String(), Notes: p.Notes, Tags: strings.Join(p.Tags, ", ")}
	return view, nil
}

// writeJournal answers POST /positions/{id}/journal.
func (s *Site) writeJournal(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	f, err := form(w, r)
	if err != nil {
		return err
	}
	// A browser sends line ends as two characters.
	notes, tags := strings.ReplaceAll(f.Get("notes"), "\r\n", "\n"), []string{}
	for tag := range strings.SplitSeq(f.Get("tags"), ",") {
		if tag = strings.TrimSpace(tag); tag != "" {
			tags = append(tags, tag)
		}
	}
	_, err = s.book.Write(r.Context(), me(r.Context()), id, positions.Entry{Notes: &notes, Tags: &tags})
	if err != nil {
		if fields := fieldSentences(fault.Of(err)); len(fields) > 0 {
			return s.journalAgain(w, r, id, journalView{ID: id.String(), Notes: f.Get("notes"), Tags: f.Get("tags"), Fields: fields})
		}
		return err
	}
	return back(w, "/positions/"+id.String(), "written")
}

// journalAgain shows the page with what was written and what is wrong with it.
func (s *Site) journalAgain(w http.ResponseWriter, r *http.Request, id uuid.UUID, sent journalView) error {
	p, err := s.shell(r, "Position", "/positions")
	if err != nil {
		return err
	}
	view, err := s.positionView(r.Context(), id, accountNames(p.Accounts))
	if err != nil {
		return err
	}
	p.Title, view.Journal = view.Row.Contract.Display(), sent
	return s.show(w, r, http.StatusUnprocessableEntity, positionPage(p, view))
}

// adjustedContract is its contract in words; of a renamed one the symbol tells more.
func adjustedContract(a positions.Adjustment) string {
	c, err := exchange.ParseSymbol(a.Symbol)
	if err != nil || a.Kind == positions.RenameOut || a.Kind == positions.RenameIn {
		return a.Symbol
	}
	return c.Display()
}

// adjustmentWords say what happened without an order.
func adjustmentWords(a positions.Adjustment) string {
	switch {
	case a.Kind == positions.External && a.Quantity > 0:
		return "came from elsewhere"
	case a.Kind == positions.External:
		return "left elsewhere"
	case a.Kind == positions.RenameOut:
		return "renamed from"
	case a.Kind == positions.RenameIn:
		return "renamed to"
	case a.Kind == positions.Explained:
		return "turned out to be a sale"
	}
	return string(a.Kind)
}

// fillViews puts the newest first.
func fillViews(fills []orders.Fill) []fillView {
	views := make([]fillView, len(fills))
	for i, f := range fills {
		views[len(fills)-1-i] = fillView{At: filledAt(f), Side: string(f.Side), Quantity: f.Quantity, Price: f.Price, Fees: f.Fees, Realized: f.Realized}
	}
	return views
}

// eventViews tells the orders' histories as one story, the newest first.
func eventViews(events []orders.Event, list []orders.Order) []eventView {
	byID := make(map[uuid.UUID]orders.Order, len(list))
	for _, o := range list {
		byID[o.ID] = o
	}
	views := make([]eventView, len(events))
	for i, e := range events {
		o := byID[e.OrderID]
		o.State, o.Cum = e.To, e.Filled
		views[len(events)-1-i] = eventView{At: e.At, Side: string(o.Side), Quantity: o.Quantity, Step: stepWords(o), Who: actorWords(e.Actor)}
	}
	return views
}

// stepWords is what a step did. The label of an order says how it stands, and
// calls everything before the broker's answer submitting.
func stepWords(o orders.Order) string {
	switch o.State {
	case orders.Queued:
		return "taken"
	case orders.Submitting:
		return "on its way to the broker"
	case orders.Unknown:
		return "no answer, checking with broker"
	}
	return o.Label()
}

func actorWords(actor string) string {
	switch actor {
	case "user":
		return "you"
	case "placer", "reconciler":
		return "broker"
	case "copier":
		return "copy"
	case "operator":
		return "operator"
	}
	return "Alertsify"
}

// reviewWords say why an operator looks at a position, and what that means for its owner.
func reviewWords(reason string) string {
	first, size := utf8.DecodeRuneInString(reason)
	return string(unicode.ToUpper(first)) + reason[size:] + ". An operator was asked to look; you can sell and cancel as usual."
}
