package billing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/whop"
)

const (
	compareEvery = 24 * time.Hour
	compareAgain = 15 * time.Minute // after one that did not come to its end
	pagesMost    = 1000             // of a hundred memberships; more is a cursor that goes in circles
	unseenMost   = 500              // memberships that are read one by one in one night
)

// Compare compares all memberships with Whop's once a day, whichever process asks
// first: it repairs what an event that never came would have told. Between times it
// does nothing.
func (m *Members) Compare(ctx context.Context) error {
	if m.whop == nil {
		return nil
	}
	// Committed before anything is asked: others see it taken, and a process that dies
	// is followed by another soon.
	tag, err := m.db.Pool().Exec(ctx, `update membership_checks set due_at = $1::timestamptz + $2::interval where due_at <= $1`, m.now(), compareAgain)
	if err != nil {
		return fmt.Errorf("take the comparison of memberships: %w", postgres.Translate(err))
	}
	if tag.RowsAffected() == 0 {
		return nil
	}
	if err := m.CompareAll(ctx); err != nil {
		return err
	}
	_, err = m.db.Pool().Exec(ctx, `update membership_checks set due_at = $1::timestamptz + $2::interval`, m.now(), compareEvery)
	if err != nil {
		return fmt.Errorf("plan the next comparison of memberships: %w", postgres.Translate(err))
	}
	return nil
}

// CompareAll does it now: pages of everything Whop lists, then one by one what still has
// access here and was not listed, because a key that may not see a membership gets
// fewer rows, not an error.
func (m *Members) CompareAll(ctx context.Context) error {
	if m.whop == nil {
		return notSold()
	}
	began, err := m.nextRead(ctx)
	if err != nil {
		return err
	}
	repaired, seen := 0, 0
	after := ""
	for range pagesMost {
		changed, listed, next, err := m.comparePage(ctx, after)
		repaired, seen = repaired+changed, seen+listed
		if err != nil {
			return err
		}
		if after = next; after == "" {
			break
		}
	}
	if err := m.refreshUnseen(ctx, began); err != nil {
		return err
	}
	m.log.InfoContext(ctx, "memberships compared with whop", "listed", seen, "changed", repaired)
	return nil
}

func (m *Members) comparePage(ctx context.Context, after string) (changed, listed int, next string, err error) {
	number, err := m.nextRead(ctx)
	if err != nil {
		return 0, 0, "", err
	}
	page, next, err := m.whop.Memberships(ctx, after)
	if err != nil {
		return 0, 0, "", fmt.Errorf("list memberships: %w", err)
	}
	var list []held
	for _, w := range page {
		h, ours, err := m.judge(ctx, w)
		if err != nil && !whop.IsAway(err) {
			m.passOver(ctx, w.ID, err)
			continue
		}
		if err != nil {
			return 0, 0, "", err
		}
		if ours {
			list = append(list, h)
		}
	}
	changed, err = m.keep(ctx, number, list)
	return changed, len(list), next, err
}

// refreshUnseen reads what has access and was not read since (index memberships_unread).
func (m *Members) refreshUnseen(ctx context.Context, began int64) error {
	rows, err := m.db.Pool().Query(ctx, `select id from memberships where access and read < $1 order by read limit $2`, began, unseenMost)
	if err != nil {
		return fmt.Errorf("find memberships that were not listed: %w", postgres.Translate(err))
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("find memberships that were not listed: %w", postgres.Translate(err))
	}
	for _, id := range ids {
		err := m.Refresh(ctx, id)
		if err != nil && !whop.IsAway(err) {
			m.passOver(ctx, id, err)
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// passOver leaves a membership that Whop refuses to speak of as it was: one of them keeps
// nobody else's from being repaired.
func (m *Members) passOver(ctx context.Context, id string, err error) {
	m.alarm("whop_membership_refused")
	m.log.ErrorContext(ctx, "a membership could not be compared with whop", "membership", id, "err", err)
}

// Check asks Whop whether our key is good and our webhook works. Whop switches one off
// that has failed for three days; what was missed then is repaired by the comparison.
func (m *Members) Check(ctx context.Context) error {
	if err := m.whop.Check(ctx); err != nil {
		return err
	}
	endpoints, err := m.whop.Endpoints(ctx)
	if err != nil {
		return nil //nolint:nilerr // the key may not see them, and need not
	}
	for _, e := range endpoints {
		switch {
		case e.URL != m.appURL+"/api/webhooks/whop":
		case !e.Enabled:
			return errors.New("whop has switched our webhook off; switch it on in its dashboard")
		case !e.Failing.IsZero():
			return fmt.Errorf("whop has not reached our webhook since %s", e.Failing.UTC().Format(time.RFC3339))
		}
	}
	return nil
}
