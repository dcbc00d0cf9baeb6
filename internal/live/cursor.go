package live

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cursor says what a page has been told: every row that snapshot saw, up to row in
// that read's order. The id of a row alone could not say it, because transactions
// commit out of the order of their ids. Going on from a cursor may repeat an event
// and never skips one.
type cursor struct {
	at       time.Time
	row      int64
	snapshot string // Postgres's text form: xmin:xmax:running,…
}

const maxSnapshot = 1000 // bytes of one in an event's id; beyond it the snapshot is told coarser

// afterAll is the cursor of somebody who knows all that the snapshot saw.
func afterAll(snapshot string, at time.Time) cursor {
	return cursor{at: at, row: math.MaxInt64, snapshot: snapshot}
}

func (c cursor) String() string {
	snapshot := c.snapshot
	if len(snapshot) > maxSnapshot {
		// Hundreds of writers at once: then all from the oldest of them counts as unseen.
		oldest, _, _ := strings.Cut(snapshot, ":")
		snapshot = oldest + ":" + oldest + ":"
	}
	return strconv.FormatInt(c.at.Unix(), 10) + "." + strconv.FormatInt(c.row, 10) + "." + snapshot
}

// parseCursor reads what a page sent as its Last-Event-ID.
func parseCursor(s string) (cursor, bool) {
	parts := strings.Split(s, ".")
	if len(parts) != 3 || len(s) > maxSnapshot+50 {
		return cursor{}, false
	}
	if _, ok := parseSnapshot(parts[2]); !ok {
		return cursor{}, false
	}
	at, err1 := strconv.ParseInt(parts[0], 10, 64)
	row, err2 := strconv.ParseInt(parts[1], 10, 64)
	return cursor{at: time.Unix(at, 0), row: row, snapshot: parts[2]}, err1 == nil && err2 == nil
}

// fresh tells whether the rows since the cursor are surely still there.
func (c cursor) fresh(now time.Time) bool {
	age := now.Sub(c.at)
	return -time.Minute < age && age < resumeMax
}

// snapshot is a Postgres snapshot taken apart: below low all transactions have
// ended, from high on none had begun, and running are those between that had not ended.
type snapshot struct {
	low, high uint64
	running   []uint64
}

// saw tells whether the transaction's rows were visible, if it committed.
func (s snapshot) saw(xid uint64) bool {
	return xid < s.low || (xid < s.high && !slices.Contains(s.running, xid))
}

// parseSnapshot reads xmin:xmax:running,… and takes nothing that Postgres would not.
func parseSnapshot(text string) (snapshot, bool) {
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return snapshot{}, false
	}
	low, err1 := strconv.ParseUint(parts[0], 10, 64)
	high, err2 := strconv.ParseUint(parts[1], 10, 64)
	if err1 != nil || err2 != nil || low == 0 || low > high {
		return snapshot{}, false
	}
	s := snapshot{low: low, high: high}
	if parts[2] == "" {
		return s, true
	}
	before := uint64(0)
	for running := range strings.SplitSeq(parts[2], ",") {
		xid, err := strconv.ParseUint(running, 10, 64)
		if err != nil || xid < low || xid >= high || xid <= before {
			return snapshot{}, false
		}
		s.running = append(s.running, xid)
		before = xid
	}
	return s, true
}
