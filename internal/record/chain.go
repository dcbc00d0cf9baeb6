// Package record keeps, per trader, the chain of what was published: nothing of it can be
// changed, put in or left out later without showing.
package record

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"
)

// format is the first thing in what is hashed and in a file; another encoding gets
// another name.
const format = "alertsify-record-1"

// lineMost bounds a line of a file, in bytes; ours are below 600.
const lineMost = 8 << 10

// Hash names a chain up to one of its entries.
type Hash [sha256.Size]byte

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Short is its first 8 digits, which alerts carry in their footer.
func (h Hash) Short() string { return h.String()[:8] }

// genesis is what the first entry of a trader stands on: no chain is a part of another's.
func genesis(trader uuid.UUID) Hash {
	return sha256.Sum256([]byte(format + "\n" + trader.String()))
}

// next is the hash of an entry, as bytes of its JSON, at its place in a trader's chain.
func next(trader uuid.UUID, prev Hash, seq int, entry []byte) Hash {
	head := format + "\n" + trader.String() + "\n" + strconv.Itoa(seq) + "\n" + prev.String() + "\n"
	return sha256.Sum256(append([]byte(head), entry...))
}

// Kind is what an entry tells.
type Kind string

// The kinds. A trade is everything that was published of one position.
const (
	Fill       Kind = "fill"       // contracts were bought or sold
	Close      Kind = "close"      // the last of a trade's contracts were sold
	Expiry     Kind = "expiry"     // the last of them expired or were exercised
	Correction Kind = "correction" // contracts came or left without an order, or a told result was not the last word
	Withdrawal Kind = "withdrawal" // the trader stopped publishing
	Return     Kind = "return"     // and began again
)

// Results of a finished trade.
const (
	Win       = "win"
	Loss      = "loss"
	Breakeven = "breakeven"
	Unknown   = "unknown" // contracts came or left for a price that nobody told
)

// Entry is one entry of a chain. Its JSON, with the fields in this order and without the
// empty ones, is what is hashed. Times are UTC with six digits after the second; money is a
// decimal number in dollars, prices are of one share.
type Entry struct {
	Kind     Kind   `json:"kind"`
	At       string `json:"at"`                 // when it was written
	Trade    string `json:"trade,omitempty"`    // public id of the alert that opened the trade
	Alert    string `json:"alert,omitempty"`    // fill: public id of its order's alert
	Symbol   string `json:"symbol,omitempty"`   // the contract, as OCC writes it
	Side     string `json:"side,omitempty"`     // fill: BTO, STC
	Quantity int    `json:"quantity,omitempty"` // contracts; of a correction: negative when they left
	Price    string `json:"price,omitempty"`    // fill: of these contracts
	Executed string `json:"executed,omitempty"` // fill: by the broker's clock, where it says
	Paper    bool   `json:"paper,omitempty"`    // the trade is one with play money
	Reason   string `json:"reason,omitempty"`   // expiry: expired, exercised; correction: external, rename_out, rename_in, explained, result; withdrawal: stopped_publishing
	Bought   int    `json:"bought,omitempty"`   // end of a trade: published contracts, all in all
	Sold     int    `json:"sold,omitempty"`     // likewise
	Result   string `json:"result,omitempty"`   // end of a trade, or its correction
	Realized string `json:"realized,omitempty"` // dollars, with the result; fees included where nothing but what was published was held
}

// header is the first line of a file. Nothing stands in it that the lines after it do not prove.
func header(trader uuid.UUID, entries int, head Hash) string {
	return fmt.Sprintf(`{"format":"%s","trader":"%s","entries":%d,"head":"%s"}`+"\n", format, trader, entries, head)
}

func line(seq int, prev, hash Hash, entry []byte) string {
	return fmt.Sprintf(`{"seq":%d,"prev":"%s","hash":"%s","entry":%s}`+"\n", seq, prev, hash, entry)
}

var (
	headerForm = regexp.MustCompile(`^\{"format":"` + format + `","trader":"([0-9a-f-]{36})","entries":(0|[1-9][0-9]{0,8}),"head":"([0-9a-f]{64})"\}\n$`)
	lineForm   = regexp.MustCompile(`^\{"seq":([1-9][0-9]{0,8}),"prev":"([0-9a-f]{64})","hash":"([0-9a-f]{64})","entry":(\{.*\})\}\n$`)
)

// BrokenError says which part of a file is not as it was written.
type BrokenError struct {
	Entry  int // counted from 1; 0: the first line, which names the record
	Reason string
}

func (b *BrokenError) Error() string {
	if b.Entry == 0 {
		return "the first line: " + b.Reason
	}
	return fmt.Sprintf("entry %d: %s", b.Entry, b.Reason)
}

// Summary is what a chain that holds tells of its trader.
type Summary struct {
	Trader                          uuid.UUID
	Entries, Fills                  int
	Head                            Hash
	Wins, Losses, Breakeven, Others int // finished trades with real money; Others: result unknown
	Paper                           int // finished trades with play money, which count nowhere else
	Realized                        decimal.Decimal
}

// Finished is how many trades have ended.
func (s Summary) Finished() int { return s.Wins + s.Losses + s.Breakeven + s.Others }

// Verify reads a file as Write leaves it and recomputes every hash. The error is a *BrokenError
// unless reading failed. seen is told every hash, oldest first; it may be nil.
func Verify(r io.Reader, seen func(seq int, h Hash)) (Summary, error) {
	in := bufio.NewReaderSize(r, lineMost)
	first, err := in.ReadSlice('\n')
	m := headerForm.FindSubmatch(first)
	if m == nil {
		return Summary{}, readError(err, 0, "is not the first line of such a record")
	}
	trader, err := uuid.Parse(string(m[1]))
	if err != nil {
		return Summary{}, &BrokenError{0, "names no trader"}
	}
	s := Summary{Trader: trader}
	want, head := atoi(m[2]), string(m[3])
	chain := verifier{Summary: s, results: map[string]ending{}}
	chain.Head = genesis(s.Trader)
	for {
		text, err := in.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(text) == 0 {
			break
		}
		if broken := chain.take(text, err); broken != nil {
			return Summary{}, broken
		}
		if seen != nil {
			seen(chain.Entries, chain.Head)
		}
	}
	switch {
	case chain.Entries != want:
		return Summary{}, &BrokenError{chain.Entries + 1, fmt.Sprintf("the first line counts %d entries and %d are here", want, chain.Entries)}
	case chain.Head.String() != head:
		return Summary{}, &BrokenError{chain.Entries, "it is not the head that the first line names"}
	}
	chain.count()
	return chain.Summary, nil
}

func readError(err error, entry int, reason string) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, bufio.ErrBufferFull) {
		return &BrokenError{entry, reason}
	}
	return fmt.Errorf("read the record: %w", err)
}

func atoi(digits []byte) int {
	n, _ := strconv.Atoi(string(digits)) // at most nine digits
	return n
}

// verifier walks over a chain.
type verifier struct {
	Summary

	results map[string]ending // by trade
}

type ending struct {
	result   string
	paper    bool
	realized decimal.Decimal
}

// take checks the next line.
func (v *verifier) take(text []byte, err error) error {
	seq := v.Entries + 1
	m := lineForm.FindSubmatch(text)
	if m == nil {
		return readError(err, seq, "is not in the form of an entry")
	}
	switch {
	case atoi(m[1]) != seq:
		return &BrokenError{seq, fmt.Sprintf("entry %s stands in its place", m[1])}
	case string(m[2]) != v.Head.String():
		return &BrokenError{seq, "it does not follow the one before it"}
	}
	hash := next(v.Trader, v.Head, seq, m[4])
	if string(m[3]) != hash.String() {
		return &BrokenError{seq, "its hash is not that of its content"}
	}
	v.Entries, v.Head = seq, hash
	return v.note(seq, m[4])
}

// note keeps what an entry tells. What a later edition tells besides is no business of ours.
func (v *verifier) note(seq int, text []byte) error {
	var e Entry
	if err := json.Unmarshal(text, &e); err != nil {
		return &BrokenError{seq, "its content is no entry"}
	}
	if e.Kind == Fill {
		v.Fills++
	}
	if e.Result == "" {
		return nil
	}
	realized, err := decimal.NewFromString(e.Realized)
	if err != nil {
		return &BrokenError{seq, "its result has no amount"}
	}
	v.results[e.Trade] = ending{e.Result, e.Paper, realized}
	return nil
}

func (v *verifier) count() {
	for _, e := range v.results {
		if e.paper {
			v.Paper++
			continue
		}
		v.Realized = v.Realized.Add(e.realized)
		switch e.result {
		case Win:
			v.Wins++
		case Loss:
			v.Losses++
		case Breakeven:
			v.Breakeven++
		default:
			v.Others++
		}
	}
}
