package positions

import (
	"testing"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/fault"
)

// A close with a profit is celebrated by the first page that asks, and by no other;
// what lost, is open, or is older than a day, by none.
func TestAWinningCloseIsCelebratedOnce(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	b := New(r.db)
	for name, c := range map[string]struct {
		status, realized, closed string
		want                     bool
	}{
		"won":              {"closed", "0.01", "now()", true},
		"came out even":    {"closed", "0", "now()", false},
		"lost":             {"closed", "-5", "now()", false},
		"half sold":        {"open", "12", "null", false},
		"won the day past": {"closed", "12", "now() - interval '25 hours'", false},
	} {
		id := r.opened().ID
		r.exec(`update positions set bought = 2, sold = 2, status = $2, realized = $3, closed_at = `+c.closed+` where id = $1`, id, c.status, c.realized)
		for again, want := range []bool{c.want, false} {
			if got, err := b.Celebrate(t.Context(), r.user, id); err != nil || got != want {
				t.Errorf("%s, asked %d times: %v %v", name, again+1, got, err)
			}
		}
		r.exec(`update positions set status = 'closed' where id = $1`, id) // makes room for the next
	}
	for _, id := range []uuid.UUID{r.opened().ID, uuid.New()} {
		if _, err := b.Celebrate(t.Context(), uuid.New(), id); fault.CodeOf(err) != "not_found" {
			t.Errorf("somebody else's: %v", err)
		}
	}
}
