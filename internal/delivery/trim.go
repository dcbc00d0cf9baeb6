package delivery

import (
	"context"
	"time"

	"github.com/alertsify/alertsify/internal/postgres"
)

// deliveriesKept is how long what became of a message can be looked up, from when it was
// decided on (rule 9: an alert's key is kept for a year).
const deliveriesKept = 365 * 24 * time.Hour

const (
	bodiesKept = 7 * 24 * time.Hour  // longer than any repeat or replay needs them
	mailsKept  = 90 * 24 * time.Hour // longer than anybody takes to complain about one
)

// Trim removes deliveries that ended and are older than a year, with their attempts and what
// operators did about them, a slice at a time (index deliveries_age), and tells how many. One
// whose message something younger changed goes with that.
func Trim(ctx context.Context, db *postgres.DB, now time.Time) (int64, error) {
	return db.TrimOld(ctx, "trim deliveries", `
		with old as (
			select id from deliveries d
			where created_at < $1 and state not in ('pending', 'sending')
			  and not exists (select from deliveries u where u.changes = d.id and (u.created_at >= $1 or u.state in ('pending', 'sending')))
			limit $2
		), gone as (
			select id from old union select u.id from deliveries u join old on u.changes = old.id
		), tries as (
			delete from delivery_attempts a using gone where a.delivery_id = gone.id
		), acts as (
			delete from dead_letter_log l using gone where l.delivery_id = gone.id
		)
		delete from deliveries d using gone where d.id = gone.id`, now.Add(-deliveriesKept))
}

// TrimMails drops what mails said once nothing can repeat them, and forgets them, with their
// parts, once nothing can be reported about them any more, a slice at a time, and tells how many
// it forgot. Receipts and dead letters are deliveries and stay.
func TrimMails(ctx context.Context, db *postgres.DB, now time.Time) (int64, error) {
	if _, err := db.TrimOld(ctx, "drop what mails said", `
		update mails set body = null where id in (select id from mails where body is not null and created_at < $1 order by created_at limit $2)`, now.Add(-bodiesKept)); err != nil {
		return 0, err
	}
	return db.TrimOld(ctx, "trim mails", `
		delete from mails where id in (select id from mails where created_at < $1 order by created_at limit $2)`, now.Add(-mailsKept))
}
