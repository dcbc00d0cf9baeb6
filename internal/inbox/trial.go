package inbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/postgres"
)

// TrialType is the type of the events by which we try our own doors. Nobody works them: they
// end as done, and change nothing.
const TrialType = "alertsify.test"

// Trial is what trying the door of one provider came to.
type Trial struct {
	Provider string        // such as "snaptrade"
	Path     string        // of its door
	Refused  bool          // what was wrongly signed was refused, and left nothing
	Arrived  bool          // what was rightly signed is in the inbox, as a test
	Worked   bool          // and was handed to a worker and ended
	Took     time.Duration // from sending to the answer
	Problem  string        // in a sentence, when one of them is not so
}

// OK says that all is as it should be.
func (t Trial) OK() bool { return t.Refused && t.Arrived && t.Worked }

// Find reads the log's entry of a webhook by its name; there is false where it has none.
func (b *Inbox) Find(ctx context.Context, provider, webhook string) (e Entry, there bool, err error) {
	rows, err := b.db.Pool().Query(ctx, `select `+entryColumns+` from inbound_webhooks where provider = $1 and webhook_id = $2`, provider, webhook)
	if err == nil {
		e, err = pgx.CollectExactlyOneRow(rows, scanEntry)
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return Entry{}, false, nil
	}
	if err != nil {
		return Entry{}, false, fmt.Errorf("look for a webhook: %w", postgres.Translate(err))
	}
	return e, true, nil
}
