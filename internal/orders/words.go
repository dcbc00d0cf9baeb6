package orders

import (
	"context"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/snaptrade"
)

// oddWords are the status words of brokers that nobody here knows and that were told
// of, one for each order and word, so that a word which stays for a day is one line.
type oddWords struct {
	mu   sync.Mutex
	seen map[oddWord]bool
}

type oddWord struct {
	order uuid.UUID
	word  string
}

const (
	oddWordsMost   = 10_000 // after that many, they are told of anew
	oddWordsLength = 64     // of a word, in characters
)

// first reports whether the word was not told of yet for the order.
func (w *oddWords) first(order uuid.UUID, word string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	odd := oddWord{order, word}
	if w.seen[odd] {
		return false
	}
	if w.seen == nil || len(w.seen) >= oddWordsMost {
		w.seen = map[oddWord]bool{}
	}
	w.seen[odd] = true
	return true
}

// noteWord tells the log and the metrics once of a status that nobody knows: it
// changes nothing, and the order is looked at on (§5).
func (d *Desk) noteWord(ctx context.Context, order uuid.UUID, r report) {
	if r.Status != snaptrade.StatusUnknown {
		return
	}
	word := strings.ToValidUTF8(r.Word, "?")
	if letters := []rune(word); len(letters) > oddWordsLength {
		word = string(letters[:oddWordsLength])
	}
	if !d.odd.first(order, word) {
		return
	}
	d.log.WarnContext(ctx, "the broker's status of an order is a word that nobody knows", "order", order, "word", word)
	d.alarm("order_status_word")
}
