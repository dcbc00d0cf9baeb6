package orders

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// §5: a status that nobody knows changes nothing, the order is looked at on, and the
// word is told once for each order: by the list, by its id, or by the answer to placing.
func TestAnUnknownStatusIsToldOfOnce(t *testing.T) {
	t.Parallel()
	b := newBooker(t)
	var lines bytes.Buffer
	told := map[string]int{}
	b.desk.log, b.desk.alarm = slog.New(slog.NewTextHandler(&lines, nil)), func(kind string) { told[kind]++ }
	id := b.limitOrder(BTO, 5, 0)
	long := strings.Repeat("x", 200)
	says := func(word string) snaptrade.Order {
		return snaptrade.Order{ID: "first", Status: snaptrade.NormalStatus(word, nil, nil), StatusWord: word, Option: true, Symbol: oneContract, Action: snaptrade.BuyToOpen}
	}
	for _, word := range []string{"NONE", "NONE", "PENDING", "NONE", "", "", "WARPED", "a\nb", long, long + "y"} {
		list := snaptrade.OrderList{Orders: []snaptrade.Order{says(word)}}
		if err := b.desk.apply(t.Context(), snaptrade.User{}, brokers.Account{ID: b.account, UserID: b.user}, list); err != nil {
			t.Fatal(err)
		}
		if o := b.read(id); o.State != Accepted || nextLook(o, b.desk.now(), true).IsZero() {
			t.Fatalf("after %q it is %s, and nobody looks again", word, o.State)
		}
	}
	for range 2 {
		if err := b.desk.book(t.Context(), id, reportOf(says("BY ID")), booking{actor: byReconciler}); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(lines.String(), "\n"); n != 6 || told["order_status_word"] != 6 {
		t.Errorf("%d lines and %v for six words:\n%s", n, told, lines.String())
	}
}

// What is remembered of odd words does not grow for ever.
func TestOddWordsAreForgottenInTheEnd(t *testing.T) {
	t.Parallel()
	var w oddWords
	first := uuid.New()
	for range 2 {
		w.first(first, "NONE")
	}
	for range oddWordsMost - 1 {
		w.first(uuid.New(), "NONE")
	}
	if w.first(first, "NONE") || len(w.seen) != oddWordsMost {
		t.Errorf("%d words are remembered, the first of them forgotten", len(w.seen))
	}
	if w.first(uuid.New(), "NONE"); len(w.seen) != 1 {
		t.Errorf("%d words are remembered after the last that fits", len(w.seen))
	}
}
