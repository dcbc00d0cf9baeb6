package delivery

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
)

// However many wait: no message beyond the limit, none larger than its channel and its
// parts allow, nothing twice, in order, changes alone, and nothing waits that fits.
func TestHeadsShareWhatIsLeft(t *testing.T) {
	t.Parallel()
	l := Limit{Messages: 5, Per: time.Minute, Together: 10}
	for range 2000 {
		heads, news := randomHeads()
		left := 1 + rand.N(5)
		seen := map[uuid.UUID]bool{}
		messages, inNew := 0, 0
		for _, m := range l.share(heads, left, len(heads)) {
			parts := make([]head, len(m))
			for i, id := range m {
				at := slices.IndexFunc(heads, func(h head) bool { return h.ID == id })
				parts[i] = heads[at]
				if seen[id] || len(m) > heads[at].Together || i > 0 && slices.Index(m, heads[at].ID) != i {
					t.Fatalf("%v of %v: twice, or too many together", m, heads)
				}
				seen[id] = true
			}
			if !slices.IsSortedFunc(parts, func(a, b head) int { return indexOf(heads, a) - indexOf(heads, b) }) {
				t.Fatalf("%v is out of order", m)
			}
			if len(m) > 1 && countNews(parts) < len(m) || len(m) > l.Together {
				t.Fatalf("%v: a change with others, or more than a message takes", parts)
			}
			if parts[0].Op == Create {
				messages, inNew = messages+1, inNew+len(m)
			}
		}
		free := !slices.ContainsFunc(heads, func(h head) bool { return h.Together < l.Together })
		if free && messages > left && news <= left*l.Together {
			t.Fatalf("%d messages for %d with %d left", messages, news, left)
		}
		if news <= left && messages != news {
			t.Fatalf("%d messages for %d although %d are left", messages, news, left)
		}
		if inNew != news {
			t.Fatalf("%d of %d are in a message", inNew, news)
		}
	}
}

func indexOf(heads []head, h head) int { return slices.Index(heads, h) }

func randomHeads() (heads []head, news int) {
	halved := rand.N(3) == 0
	for range rand.N(50) {
		h := head{ID: uuid.New(), Op: Create, Together: 1000}
		switch {
		case rand.N(6) == 0:
			h.Op = Update
		case halved && rand.N(3) == 0:
			h.Together = 1 + rand.N(5)
		}
		heads = append(heads, h)
	}
	return heads, countNews(heads)
}

func TestACrowdIsSpreadOverWhatIsLeft(t *testing.T) {
	t.Parallel()
	l := Limit{Messages: 5, Per: time.Minute, Together: 10}
	for _, c := range []struct{ wait, left, first int }{
		{1, 5, 1}, {5, 5, 1}, {6, 5, 2}, {3, 1, 3}, {60, 5, 10}, {12, 1, 10}, {7, 4, 2},
	} {
		heads := make([]head, c.wait)
		for i := range heads {
			heads[i] = head{ID: uuid.New(), Op: Create, Together: 1000}
		}
		if got := len(l.share(heads, c.left, 1)[0]); got != c.first {
			t.Errorf("%d wait, %d left: the first message takes %d, want %d", c.wait, c.left, got, c.first)
		}
	}
}

func TestAMinuteIsCountedExactly(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)
	l := Limit{Messages: 2, Per: time.Minute}
	for _, c := range []struct {
		ages []time.Duration
		want int
	}{
		{nil, 2},
		{[]time.Duration{time.Minute}, 2},
		{[]time.Duration{time.Minute - time.Microsecond}, 1},
		{[]time.Duration{time.Second, time.Second}, 0},
		{[]time.Duration{3, 2, 1}, 0}, // the limit was higher before
	} {
		var r room
		for _, age := range c.ages {
			r.Sends = append(r.Sends, now.Add(-age))
		}
		if got := r.left(l, now); got != c.want {
			t.Errorf("sent %v ago: %d left, want %d", c.ages, got, c.want)
		}
	}
}
