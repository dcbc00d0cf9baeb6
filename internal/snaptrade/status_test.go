package snaptrade

import (
	"strings"
	"testing"

	"github.com/shopspring/decimal"
)

func TestStatusWordsMapAsTheContractSays(t *testing.T) {
	t.Parallel()
	words := map[Status]string{
		StatusPending: `PENDING ACCEPTED QUEUED TRIGGERED ACTIVATED PENDING_RISK_REVIEW CONTINGENT_ORDER
			CANCEL_PENDING REPLACE_PENDING STOPPED SUSPENDED OPEN`,
		StatusPartial:   "PARTIAL PARTIALLY_EXECUTED PARTIALLY_FILLED",
		StatusFilled:    "EXECUTED FILLED",
		StatusCancelled: "CANCELED CANCELLED PARTIAL_CANCELED",
		StatusReplaced:  "REPLACED",
		StatusRejected:  "REJECTED FAILED",
		StatusExpired:   "EXPIRED",
		StatusUnknown:   "NONE SOMETHING_NEW EXECUTED_MAYBE null",
	}
	for want, list := range words {
		for _, word := range append(strings.Fields(list), "") {
			if word == "" && want != StatusUnknown {
				continue
			}
			for _, spelling := range []string{word, strings.ToLower(word), " " + word + " "} {
				if got := NormalStatus(spelling, nil, nil); got != want {
					t.Errorf("%q: %s, want %s", spelling, got, want)
				}
			}
		}
	}
	for status := range words {
		live := status == StatusPending || status == StatusPartial || status == StatusUnknown
		if status.Final() == live {
			t.Errorf("%s: final %v", status, status.Final())
		}
	}
}

func TestQuantitiesCorrectTheWord(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		word          string
		filled, total string // "" is unknown
		want          Status
	}{
		{"PENDING", "0", "5", StatusPending},
		{"PENDING", "2", "5", StatusPartial},
		{"CANCEL_PENDING", "2", "5", StatusPartial},
		{"PENDING", "5", "5", StatusPending}, // never infer a final state
		{"PENDING", "2", "", StatusPending},
		{"EXECUTED", "5", "5", StatusFilled},
		{"EXECUTED", "3", "5", StatusPartial},
		{"EXECUTED", "", "5", StatusFilled},
		{"EXECUTED", "5.000000000", "5", StatusFilled},
		{"CANCELED", "3", "5", StatusCancelled},
		{"EXPIRED", "3", "5", StatusExpired},
		{"REJECTED", "3", "5", StatusRejected},
		{"REPLACED", "3", "5", StatusReplaced},
		{"NONE", "3", "5", StatusUnknown},
	} {
		if got := NormalStatus(c.word, optional(c.filled), optional(c.total)); got != c.want {
			t.Errorf("%s %s/%s: %s, want %s", c.word, c.filled, c.total, got, c.want)
		}
	}
}

func optional(text string) *decimal.Decimal {
	if text == "" {
		return nil
	}
	return dec(text)
}

func TestActionsHaveOneSpelling(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		word          string
		option, share Action
	}{
		{"BUY_OPEN", BuyToOpen, BuyToOpen},
		{"buy_to_open", BuyToOpen, BuyToOpen},
		{"BUY_CLOSE", BuyToClose, BuyToClose},
		{"SELL_OPEN", SellToOpen, SellToOpen},
		{"SELL_CLOSE", SellToClose, SellToClose},
		{"SELL_TO_CLOSE", SellToClose, SellToClose},
		{"BUY_COVER", BuyToClose, Buy},
		{"SELL_SHORT", SellToOpen, Sell},
		{"BUY", Buy, Buy},
		{"Sell", Sell, Sell},
		{"EXERCISE", ActionUnknown, ActionUnknown},
		{"", ActionUnknown, ActionUnknown},
	} {
		if got := NormalAction(c.word, true); got != c.option {
			t.Errorf("%s on an option: %s", c.word, got)
		}
		if got := NormalAction(c.word, false); got != c.share {
			t.Errorf("%s on a share: %s", c.word, got)
		}
	}
	if !BuyToOpen.IsBuy() || BuyToOpen.IsSell() || !SellToClose.IsSell() || ActionUnknown.IsBuy() || ActionUnknown.IsSell() {
		t.Error("sides")
	}
}

func TestOrderTypesHaveOneSpelling(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]OrderType{
		"Market": TypeMarket, "MARKET": TypeMarket, "Limit": TypeLimit, "Stop": TypeStop, "STOP_LOSS_MARKET": TypeStop,
		"StopLimit": TypeStopLimit, "STOP_LIMIT": TypeStopLimit, "STOP_LOSS_LIMIT": TypeStopLimit, "Trailing": TypeUnknown, "": TypeUnknown,
	} {
		if got := NormalType(word); got != want {
			t.Errorf("%q: %q", word, got)
		}
	}
}
