package delivery

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/postgres"
)

// A new message whose answer was lost is sent once more. If that comes to nothing too, it
// may be there, and nobody knows by what it could be changed. What its order filled since
// is then told once, in a new message, when the order has ended: its last word. The rules
// of one channel stop at the one repeat (Discord's do); this rule is everybody's, and stands
// above them. A last word is never repeated where it may have arrived, and does not wait for
// a place within its destination's limit: what it tells has waited for long.

// createLost is a create c that nobody can change: its message may be there, and no further
// attempt will tell its id.
const createLost = `c.op = 'create' and c.unanswered is not null and c.message_id is null and c.state in ('dead', 'stale')`

// ofLost tells whether an update d is of such a create.
const ofLost = `exists (
	select from deliveries c where c.alert_id = d.alert_id and c.destination_id = d.destination_id and ` + createLost + `)`

// orderEnded, with the id of an alert behind it, finds its order if no further fill is to be
// expected of it. It reads alerts' and orders' tables: an order may end without a fill.
const orderEnded = `select from alerts e join orders o on o.id = e.order_id
	where o.state in ('filled', 'cancelled', 'expired', 'rejected') and e.id = `

// wantLastWord are the lost creates c whose orders filled more than the lost requests told,
// and have ended. One that was superseded comes again only where its reason has gone.
const wantLastWord = `
	from deliveries c join alerts a on a.id = c.alert_id join destinations t on t.id = c.destination_id
	where ` + createLost + ` and c.created_at > @since and c.discarded_at is null and c.unanswered < a.revision
	  and exists (` + orderEnded + `c.alert_id)
	  and not (c.side = 'BTO' and exists (` + positionOver + `c.position_id))
	  and t.disabled_at is null and t.removed_at is null
	  and not exists (select from deliveries u where u.alert_id = c.alert_id and u.destination_id = c.destination_id
	                  and u.op = 'update' and u.state <> 'superseded')`

// lastWords leaves an update for each of them. One process at a time does: what it left may
// be on its way before another would see it.
func (p *Post) lastWords(ctx context.Context) error {
	now := p.now()
	args := pgx.NamedArgs{"now": now, "since": now.Add(-updatesFor), "updatesFor": updatesFor}
	var some bool
	if err := p.db.Pool().QueryRow(ctx, `select exists (select `+wantLastWord+`)`, args).Scan(&some); err != nil || !some {
		return err
	}
	return p.db.AsSystem(ctx, "delivery:last words", func(ctx context.Context, tx pgx.Tx) error {
		if err := postgres.Lock(ctx, tx, "last words of alerts"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, leaveUpdates+wantLastWord, args)
		if err != nil {
			return fmt.Errorf("leave last words: %w", err)
		}
		return ring(ctx, tx)
	})
}

// isLastWord tells whether an attempt was to tell, in a new message, what a lost one could
// not be changed to.
func (s sent) isLastWord() bool { return s.parcel[0].Op == Update && s.message.Op == Create }

// lastWord is the verdict about one: its alert may be there twice already.
func (v verdict) lastWord(r Result) verdict {
	v.Duplicate = true
	if r.Outcome == Unknown {
		v.State = "dead"
	}
	return v
}
