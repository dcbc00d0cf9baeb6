package web

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/web/ui"
)

// linePart answers GET /partials/line: the quick line word by word.
func (s *Site) linePart(w http.ResponseWriter, r *http.Request) error {
	text := r.URL.Query().Get("line")
	_, err := orders.ParseLine(text)
	return s.show(w, r, http.StatusOK, ui.LineChips(lineChips(text, err)))
}

// lineChips says what each word means, up to the one that is wrong.
func lineChips(text string, err error) []ui.Chip {
	wrong, sentence := wrongWord(err)
	var chips []ui.Chip
	for at, word := range wordsOf(text) {
		chip := ui.Chip{Text: word.text, Meaning: meaning(at)}
		if err != nil && word.start == wrong {
			chip.Meaning, chip.Problem = "", sentence
			return append(chips, chip)
		}
		chips = append(chips, chip)
	}
	if err != nil && len(chips) > 0 && len(chips) < len(meanings) {
		return append(chips, ui.Chip{Text: "…", Meaning: "then " + meaning(len(chips))})
	}
	return chips
}

var meanings = []string{"side", "contracts", "underlying", "strike", "expiration", "at", "price"}

func meaning(at int) string {
	if at < len(meanings) {
		return meanings[at]
	}
	return ""
}

// wrongWord is where the word stands that the parser points at, in bytes.
func wrongWord(err error) (start int, sentence string) {
	var f *fault.Error
	if !errors.As(err, &f) {
		return -1, ""
	}
	start, ok := f.Details["position"].(int)
	if !ok {
		return -1, ""
	}
	return start, lineSentence(f)
}

// lineSentence is the fault without its field's name, which people did not type.
func lineSentence(f *fault.Error) string { return strings.TrimPrefix(f.Public, "line: ") }

type wordAt struct {
	text  string
	start int
}

func wordsOf(text string) (list []wordAt) {
	at := 0
	for _, word := range strings.Fields(text) {
		at += strings.Index(text[at:], word)
		list = append(list, wordAt{word, at})
		at += len(word)
	}
	return list
}

// readLine fills the ticket from its quick line, or says what is wrong with it.
func (s *Site) readLine(ctx context.Context, t *ui.Ticket) {
	l, err := orders.ParseLine(t.Line)
	t.Chips = lineChips(t.Line, err)
	if err != nil {
		t.Problem = lineSentence(fault.Of(err))
		return
	}
	day, ok := s.dayOf(ctx, l)
	if !ok {
		t.Problem = "No " + l.Underlying + " option expires on that day. With its year the date needs no listing."
		return
	}
	t.Side, t.Underlying, t.OptionType = string(l.Side), l.Underlying, string(l.OptionType)
	t.Strike, t.Expiration = money.Trim(l.Strike), day.String()
	t.Quantity, t.OrderType, t.LimitPrice = itoa(l.Quantity), "Market", ""
	if l.Limit != nil {
		t.OrderType, t.LimitPrice = "Limit", l.Limit.String()
	}
	if l.Side == orders.STC {
		s.holdingOf(t, l, day)
	}
}

// dayOf is the expiration a line means: the one listed, or the one it says.
func (s *Site) dayOf(ctx context.Context, l orders.Line) (exchange.Date, bool) {
	ctx, cancel := context.WithTimeout(ctx, quotePatience)
	defer cancel()
	listed, err := s.market.Expirations(ctx, l.Underlying)
	if err != nil {
		listed = nil
	}
	return l.Expiration(listed)
}

// holdingOf finds what a line sells among what is held.
func (s *Site) holdingOf(t *ui.Ticket, l orders.Line, day exchange.Date) {
	c, err := exchange.NewContract(l.Underlying, l.OptionType, l.Strike, day)
	if err != nil {
		t.Problem = err.Error()
		return
	}
	for _, held := range t.Holdings {
		if held.Contract.Symbol == c.Symbol {
			t.PositionID = held.ID
			return
		}
	}
	t.Problem = "You hold no " + c.Display() + "."
}
