package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

var somebody = uuid.MustParse("11111111-2222-4333-8444-555555555555")

// fileOf is a record of entries, as Write leaves it.
func fileOf(t interface{ Fatal(...any) }, entries ...Entry) []byte {
	prev, body := genesis(somebody), ""
	for i, e := range entries {
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		hash := next(somebody, prev, i+1, text)
		body += line(i+1, prev, hash, text)
		prev = hash
	}
	return []byte(header(somebody, len(entries), prev) + body)
}

// life is a record in which everything happens.
func life() []Entry {
	const contract, at = "AAPL  270115C00200000", "2026-11-20T15:04:05.000000Z"
	return []Entry{
		{Kind: Fill, At: at, Trade: "a", Alert: "a", Symbol: contract, Side: "BTO", Quantity: 2, Price: "3.5", Executed: at},
		{Kind: Fill, At: at, Trade: "a", Alert: "b", Symbol: contract, Side: "STC", Quantity: 2, Price: "4", Executed: at},
		{Kind: Close, At: at, Trade: "a", Symbol: contract, Bought: 2, Sold: 2, Result: Win, Realized: "100"},
		{Kind: Fill, At: at, Trade: "c", Alert: "c", Symbol: contract, Side: "BTO", Quantity: 1, Price: "0.05", Paper: true},
		{Kind: Expiry, At: at, Trade: "c", Symbol: contract, Reason: "expired", Bought: 1, Sold: 1, Result: Loss, Realized: "-5"},
		{Kind: Correction, At: at, Trade: "a", Symbol: contract, Reason: "result", Bought: 2, Sold: 2, Result: Breakeven, Realized: "0"},
		{Kind: Withdrawal, At: at, Reason: "stopped_publishing"},
		{Kind: Return, At: at},
	}
}

// What is hashed is fixed: a record written today holds in ten years. Another encoding
// gets another format.
func TestTheEncodingNeverChanges(t *testing.T) {
	t.Parallel()
	file := fileOf(t, life()...)
	first, rest, _ := strings.Cut(string(file), "\n")
	second, _, _ := strings.Cut(rest, "\n")
	const wantFirst = `{"format":"alertsify-record-1","trader":"11111111-2222-4333-8444-555555555555","entries":8,"head":"4d1de422cc4ca587bc8d74ddd336b035183e860d479e7b61153de8f031681de0"}`
	const wantSecond = `{"seq":1,"prev":"a9d3ffc010ba5d42f8067b60ce6df376f8848e94cbff999d9933fa4db31ff1c5","hash":"a9025630be0595c4010f0126eedf93d1a8258e4e6fd8e412784e71f430f4e59c","entry":{"kind":"fill","at":"2026-11-20T15:04:05.000000Z","trade":"a","alert":"a","symbol":"AAPL  270115C00200000","side":"BTO","quantity":2,"price":"3.5","executed":"2026-11-20T15:04:05.000000Z"}}`
	if first != wantFirst || second != wantSecond {
		t.Errorf("%s\n%s", first, second)
	}
}

func TestARecordThatHoldsIsSummedUp(t *testing.T) {
	t.Parallel()
	var heads int
	s, err := Verify(bytes.NewReader(fileOf(t, life()...)), func(int, Hash) { heads++ })
	if err != nil {
		t.Fatal(err)
	}
	if s.Trader != somebody || s.Entries != 8 || heads != 8 || s.Fills != 3 || s.Finished() != 2 ||
		s.Wins != 0 || s.Losses != 1 || s.Breakeven != 1 || s.Realized.String() != "-5" {
		t.Errorf("%+v after %d heads", s, heads)
	}
	empty, err := Verify(bytes.NewReader(fileOf(t)), nil)
	if err != nil || empty.Entries != 0 || empty.Head != genesis(somebody) {
		t.Errorf("an empty record: %+v, %v", empty, err)
	}
}

// broken wants a file to be found out, and gives the entry that is named.
func broken(t interface {
	Helper()
	Fatalf(string, ...any)
}, about string, file []byte) int {
	t.Helper()
	_, err := Verify(bytes.NewReader(file), nil)
	var b *BrokenError
	if !errors.As(err, &b) {
		t.Fatalf("%s is not found out: %v", about, err)
	}
	return b.Entry
}

// One byte changed anywhere, one put in, one taken away: it shows, and the line is named in
// which it happened, or the one after it where nothing else tells them apart.
func TestAChangedByteShows(t *testing.T) {
	t.Parallel()
	file := fileOf(t, life()...)
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.IntRange(0, len(file)-1).Draw(t, "at")
		other := rapid.Byte().Filter(func(b byte) bool { return b != file[at] }).Draw(t, "byte")
		var spoiled []byte
		switch rapid.SampledFrom([]string{"change", "insert", "delete"}).Draw(t, "how") {
		case "change":
			spoiled = append([]byte{}, file...)
			spoiled[at] = other
		case "insert":
			spoiled = append(append(append([]byte{}, file[:at]...), other), file[at:]...)
		default:
			spoiled = append(append([]byte{}, file[:at]...), file[at+1:]...)
		}
		if bytes.Equal(spoiled, file) {
			t.Skip("the same again")
		}
		lineOf := bytes.Count(file[:at], []byte("\n"))
		if named := broken(t, "byte "+strconv.Itoa(at), spoiled); lineOf > 0 && named != lineOf && named != lineOf+1 {
			t.Fatalf("a byte of entry %d spoiled, entry %d named", lineOf, named)
		}
	})
}

// Every line dropped, doubled or swapped with the next shows, and is named.
func TestAMissingOrMovedLineShows(t *testing.T) {
	t.Parallel()
	lines := bytes.SplitAfter(fileOf(t, life()...), []byte("\n"))
	lines = lines[:len(lines)-1] // nothing stands behind the last one
	for i := 1; i < len(lines); i++ {
		without := append(append([][]byte{}, lines[:i]...), lines[i+1:]...)
		if named := broken(t, "without", bytes.Join(without, nil)); named != i {
			t.Errorf("entry %d dropped, entry %d named", i, named)
		}
		twice := append(append(append([][]byte{}, lines[:i+1]...), lines[i]), lines[i+1:]...)
		if named := broken(t, "twice", bytes.Join(twice, nil)); named != i+1 {
			t.Errorf("entry %d doubled, entry %d named", i, named)
		}
		if i+1 < len(lines) {
			swapped := append([][]byte{}, lines...)
			swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
			if named := broken(t, "swapped", bytes.Join(swapped, nil)); named != i {
				t.Errorf("entries %d and %d swapped, entry %d named", i, i+1, named)
			}
		}
	}
	if named := broken(t, "no lines at all", nil); named != 0 {
		t.Errorf("nothing: entry %d named", named)
	}
}

// Somebody else's chain is no part of one's own, not even the same entries.
func TestAChainIsItsTradersOwn(t *testing.T) {
	t.Parallel()
	file := bytes.Replace(fileOf(t, life()...), []byte(somebody.String()), []byte(uuid.Nil.String()), 1)
	if named := broken(t, "of another", file); named != 1 {
		t.Errorf("entry %d named", named)
	}
}

func FuzzVerify(f *testing.F) {
	f.Add(fileOf(f, life()...))
	f.Add([]byte(header(somebody, 0, genesis(somebody))))
	f.Fuzz(func(t *testing.T, file []byte) {
		s, err := Verify(bytes.NewReader(file), nil)
		var b *BrokenError
		if err != nil && !errors.As(err, &b) {
			t.Errorf("an error without a place: %v", err)
		}
		if err == nil && bytes.Count(file, []byte("\n")) != s.Entries+1 {
			t.Errorf("%d entries counted", s.Entries)
		}
	})
}
