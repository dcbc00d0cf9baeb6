package delivery

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	// sendTimeout bounds one attempt; the connectors stop after 10 s by themselves.
	sendTimeout = 12 * time.Second
	// settleFor is how long the result of a request is offered to a database that is away.
	settleFor = 30 * time.Second
	// claimFor is longer than both together: a claim that ran out belongs to a dead process.
	claimFor = sendTimeout + settleFor + 3*time.Second

	// claimTimeout bounds one search for work, the waiting for a connection included.
	claimTimeout = 10 * time.Second

	// window is how many destinations with waiting messages one look considers.
	window = 256
)

// claimed is a delivery this process may send, until the deadline.
type claimed struct {
	ID             uuid.UUID
	DestinationID  uuid.UUID
	AlertID        *uuid.UUID
	NotificationID *uuid.UUID
	Op             Op
	Attempt        int
	Claims         int
	Unknowns       int
	Cutoff         time.Time
	ExecutedAt     *time.Time
	LearntAt       *time.Time
	FirstSentAt    time.Time
	Token          uuid.UUID
	Deadline       time.Time
}

// look is what one search for work found.
type look struct {
	claimed []claimed
	more    bool // not all destinations were considered
}

// claim takes up to limit messages of a channel, at most one of each lane, and
// commits that before any of them is sent: whoever finds a claim that ran out
// knows that the message may have arrived (C12).
func (p *Post) claim(ctx context.Context, c *counter, limit int) (look, error) {
	var found look
	var near, locked []uuid.UUID
	err := p.db.AsSystem(ctx, "delivery", func(ctx context.Context, tx pgx.Tx) (err error) {
		now := p.now()
		if near, err = waitingDestinations(ctx, tx, c); err != nil {
			return err
		}
		if locked, err = lockDestinations(ctx, tx, c, near, now, limit); err != nil || len(locked) == 0 {
			found.claimed = nil
			return err
		}
		if err = finishHopeless(ctx, tx, now, locked); err != nil {
			return err
		}
		if err = p.honour(ctx, tx, c, locked, now); err != nil {
			return err
		}
		found.claimed, err = takeHeads(ctx, tx, c, locked, now, limit)
		return err
	})
	if err != nil {
		return look{}, fmt.Errorf("claim deliveries of %s: %w", c.name, err)
	}
	found.more = c.moveOn(near, locked, limit)
	return found, nil
}

// waitingDestinations walks over the index deliveries_waiting from destination
// to destination, instead of reading every waiting row, starting where the last
// look ended: a busy destination cannot starve the others.
func waitingDestinations(ctx context.Context, tx pgx.Tx, c *counter) ([]uuid.UUID, error) {
	rows, err := tx.Query(ctx, `
		with recursive waiting as (
			(select destination_id from deliveries
			 where state = 'pending' and channel = $1 and destination_id > $2
			 order by destination_id limit 1)
			union all
			select (select d.destination_id from deliveries d
			        where d.state = 'pending' and d.channel = $1 and d.destination_id > w.destination_id
			        order by d.destination_id limit 1)
			from waiting w where w.destination_id is not null
		)
		select destination_id from waiting where destination_id is not null limit $3`,
		c.name, c.after, window)
	if err != nil {
		return nil, fmt.Errorf("find destinations: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
}

// lockDestinations holds those that may be sent to now, so that no two processes
// judge the same lane at once. One with enough requests in flight is passed over;
// whether it has is decided once more under the lock. Order and limit in the
// subquery make the planner use deliveries_waiting also before it has statistics.
func lockDestinations(ctx context.Context, tx pgx.Tx, c *counter, near []uuid.UUID, now time.Time, limit int) ([]uuid.UUID, error) {
	rows, err := tx.Query(ctx, `
		select t.id from destinations t
		where t.id = any($1) and (t.paused_until is null or t.paused_until <= $2)
		  and (select true from deliveries d where d.destination_id = t.id and d.channel = $3
		       and d.state = 'pending' and d.not_before <= $2 order by d.seq limit 1)
		  and (select count(*) from deliveries s where s.destination_id = t.id and s.state = 'sending') < $5
		order by t.id
		limit $4
		for no key update of t skip locked`, near, now, c.name, limit, c.each)
	if err != nil {
		return nil, fmt.Errorf("lock destinations: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
}

// takeHeads claims the lowest unfinished message of each lane. Its snapshot is
// taken after the destinations are locked, so it sees every other claim. A head
// that is just being revised is locked and passed over; those behind it stay,
// because it is still unfinished.
func takeHeads(ctx context.Context, tx pgx.Tx, c *counter, locked []uuid.UUID, now time.Time, limit int) ([]claimed, error) {
	rows, err := tx.Query(ctx, `
		with heads as (
			select head.id from unnest($1::uuid[]) t(id) cross join lateral (
				select d.id from deliveries d
				where d.destination_id = t.id and d.channel = $2 and d.state = 'pending' and d.not_before <= $3
				  and (select count(*) from deliveries s where s.destination_id = t.id and s.state = 'sending') < $4
				  and not exists (
					select 1 from deliveries e
					where e.destination_id = d.destination_id and e.position_id = d.position_id
					  and e.state in ('pending', 'sending') and e.seq < d.seq)
				order by d.seq
				limit $4
				for no key update of d skip locked) head
			limit $5
		)
		update deliveries d
		set state = 'sending', claim_token = gen_random_uuid(), claim_deadline = $6, claims = claims + 1,
		    first_sent_at = coalesce(first_sent_at, $3), updated_at = $3
		from heads where d.id = heads.id
		returning d.id, d.destination_id, d.alert_id, d.notification_id, d.op, d.attempt, d.claims, d.unknowns,
		          d.cutoff, d.executed_at, d.learnt_at, d.first_sent_at, d.claim_token, d.claim_deadline`,
		locked, c.name, now, c.each, limit, now.Add(claimFor))
	if err != nil {
		return nil, fmt.Errorf("take heads of lanes: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[claimed])
}

// moveOn says where the next look begins, and whether it should come at once.
func (c *counter) moveOn(near, locked []uuid.UUID, limit int) (more bool) {
	switch {
	case len(locked) == limit:
		c.after = locked[len(locked)-1]
		return true
	case len(near) == window:
		c.after = near[len(near)-1]
		return true
	default:
		begun := c.after == uuid.Nil
		c.after = uuid.Nil
		return !begun // there may be some before where we started
	}
}
