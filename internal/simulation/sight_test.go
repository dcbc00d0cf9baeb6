package simulation

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// sight is what the referee knows of the broker's lists: what a look that goes on was
// shown, and when something kept looks from their time (INV-8).
type sight struct {
	looks   [][]string             // of each look that goes on, innermost last: the orders it was shown
	trouble map[string][]time.Time // when it came, by account; "": for all of them
}

// linkWithin is how long after it is listed an order of the first minutes may wait.
const (
	linkWithin   = 35 * time.Second
	firstMinutes = 4 * time.Minute
	// A refusal is an answer: nobody looks for such an order in a hurry, but once more
	// after two minutes (T14).
	linkRefused = 2*time.Minute + linkWithin
	onTime      = 2 * time.Second // what takes longer keeps others waiting
)

func newSight() sight { return sight{trouble: map[string][]time.Time{}} }

// kept notes that looks at an account were kept from their time, or read nothing whole.
func (g *sight) kept(account string, at time.Time) {
	g.trouble[account] = append(g.trouble[account], at)
}

// keptBetween reports whether that happened in a time.
func (g *sight) keptBetween(account string, from, to time.Time) bool {
	for _, at := range slices.Concat(g.trouble[account], g.trouble[""]) {
		if !at.Before(from) && !at.After(to) {
			return true
		}
	}
	return false
}

// tee keeps what a list says.
type tee struct {
	http.ResponseWriter
	body []byte
}

// Write passes the answer on.
func (t *tee) Write(p []byte) (int, error) {
	t.body = append(t.body, p...)
	return t.ResponseWriter.Write(p)
}

// shows adds the orders of a list that was answered to what the present look was shown.
func (g *sight) shows(body []byte) {
	var list struct {
		Orders []struct {
			ID string `json:"brokerage_order_id"`
		} `json:"orders"`
	}
	if json.Unmarshal(body, &list) != nil || len(g.looks) == 0 {
		return // garbage, or nobody's look
	}
	last := len(g.looks) - 1
	for _, o := range list.Orders {
		g.looks[last] = append(g.looks[last], o.ID)
	}
}

// looked examines what a look that ended well was shown: an order that may be at the
// broker, and is listed, is linked by then (INV-8).
func (s *simulation) looked(shown []string) error {
	var ours []string
	for _, id := range shown {
		if _, known := s.referee.placedBy[id]; known {
			ours = append(ours, id)
		}
	}
	if len(ours) == 0 {
		return nil
	}
	rows, err := s.observer.Query(s.ctx, `
		select l.id from unnest($1::text[]) l (id) where not exists (select from public.order_broker_ids b where b.broker_order_id = l.id)`, ours)
	if err != nil {
		return err
	}
	unlinked, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, id := range unlinked {
		var state string
		err := s.observer.QueryRow(s.ctx, `select state from public.orders where id = $1`, s.referee.placedBy[id]).Scan(&state)
		if err != nil {
			return err
		}
		if state == "submitting" || state == "unknown" {
			return fmt.Errorf("%w: INV-8: a look was shown broker order %s, and order %s is still %s after it", errFinding, id, s.referee.placedBy[id], state)
		}
	}
	return nil
}

// judgeLinks compares when the broker listed our orders with when they were linked.
func (s *simulation) judgeLinks(v *verdict) error {
	rows, err := s.observer.Query(s.ctx, `
		select b.broker_order_id, b.linked_at, o.id, o.sent_at, a.broker_account_id,
			exists (select from public.order_events e where e.order_id = o.id and e.actor = 'reconciler' and e.from_state in ('submitting', 'unknown')
				and e.to_state not in ('submitting', 'unknown', 'not_placed')),
			exists (select from public.order_events e where e.order_id = o.id and e.from_state = 'rejected')
		from public.order_broker_ids b join public.orders o on o.id = b.order_id join public.accounts a on a.id = b.account_id
		where o.source <> 'detected' and o.sent_at is not null order by b.linked_at, o.id`)
	if err != nil {
		return err
	}
	var brokerID, account string
	var linked, sent time.Time
	var order uuid.UUID
	var byLook, refused bool
	_, err = pgx.ForEachRow(rows, []any{&brokerID, &linked, &order, &sent, &account, &byLook, &refused}, func() error {
		b, known := s.world.Order(brokerID)
		placed := slices.Contains(s.referee.real[order], brokerID) // else a twin's, or a successor
		if !known || !placed || b.ListedAt.After(sent.Add(firstMinutes)) || !linked.After(b.ListedAt) {
			return nil
		}
		within := linkWithin
		if refused {
			within = linkRefused
		}
		switch {
		case !linked.After(b.ListedAt.Add(within)):
			if byLook { // not by the answer to placing
				s.tally.linked++
			}
		case s.sight.keptBetween(account, b.ListedAt.Add(-within), linked):
			s.tally.linkedLate++
		default:
			v.say(&v.wrong, "INV-8: broker order %s was listed at %s and linked to order %s %s later, though nothing kept a look from it",
				brokerID, b.ListedAt.Format(time.TimeOnly), order, linked.Sub(b.ListedAt))
		}
		return nil
	})
	return err
}

// isList says that a fate of a request spoils a list.
func (f fate) isList() bool { return strings.HasPrefix(f.name, "list ") && f.mode != "lower_cum" }
