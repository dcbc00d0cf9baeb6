package delivery

import (
	"cmp"
	"context"
	"fmt"
	"slices"
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
	Seq            int64
	DestinationID  uuid.UUID
	AlertID        *uuid.UUID
	NotificationID *uuid.UUID
	Changes        *uuid.UUID // an update: the delivery of a notification whose message it changes
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

// claimedAt is when the claim was made, as the database has it.
func (d claimed) claimedAt() time.Time { return d.Deadline.Add(-claimFor) }

// parcel is what travels as one message to one destination under one claim, oldest
// first: one delivery, or several new ones of different lanes.
type parcel []claimed

// alerts are those it tells of.
func (p parcel) alerts() (ids []uuid.UUID) {
	for _, d := range p {
		if d.AlertID != nil {
			ids = append(ids, *d.AlertID)
		}
	}
	return ids
}

// look is what one search for work found.
type look struct {
	parcels []parcel
	more    bool // not all destinations were considered
}

// claim takes up to limit messages of a channel, with at most one delivery of each
// lane, and commits that before any of them is sent: whoever finds a claim that ran
// out knows that the message may have arrived (C12).
func (p *Post) claim(ctx context.Context, c *counter, limit int) (look, error) {
	var found look
	var near []uuid.UUID
	var locked []room
	err := p.db.AsSystem(ctx, "delivery", func(ctx context.Context, tx pgx.Tx) (err error) {
		now := p.now()
		if near, err = waitingDestinations(ctx, tx, c); err != nil {
			return err
		}
		if locked, err = lockDestinations(ctx, tx, c, near, now, limit); err != nil || len(locked) == 0 {
			found.parcels = nil
			return err
		}
		if err = finishHopeless(ctx, tx, now, idsOf(locked)); err != nil {
			return err
		}
		if err = p.honour(ctx, tx, c, idsOf(locked), now); err != nil {
			return err
		}
		found.parcels, err = p.takeHeads(ctx, tx, c, locked, now, limit)
		return err
	})
	if err != nil {
		return look{}, fmt.Errorf("claim deliveries of %s: %w", c.name, err)
	}
	found.more = c.moveOn(near, idsOf(locked), limit)
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
// judge the same lane at once, nor spend the same place within a limit. One with
// enough requests in flight, or whose limit is used up and where nothing but new
// messages waits, is passed over; whether it is, is decided once more under the lock.
// Order and limit in the subquery make the planner use deliveries_waiting also before
// it has statistics.
func lockDestinations(ctx context.Context, tx pgx.Tx, c *counter, near []uuid.UUID, now time.Time, limit int) ([]room, error) {
	rows, err := tx.Query(ctx, `
		select t.id, t.recent_sends from destinations t
		where t.id = any($1) and (t.paused_until is null or t.paused_until <= $2)
		  and not exists (select from channel_pauses p where p.channel = $3 and p.paused_until > $2)
		  and (select true from deliveries d where d.destination_id = t.id and d.channel = $3
		       and d.state = 'pending' and d.not_before <= $2
		       and (d.op = 'update' or $6 = 0 or coalesce(t.recent_sends[cardinality(t.recent_sends) - $6 + 1] <= $7, true))
		       order by d.seq limit 1)
		  and (select count(*) from deliveries s where s.destination_id = t.id and s.state = 'sending') < $5
		order by t.id
		limit $4
		for no key update of t skip locked`, near, now, c.name, limit, c.each, c.limit.Messages, now.Add(-c.limit.Per))
	if err != nil {
		return nil, fmt.Errorf("lock destinations: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[room])
}

// takeHeads claims the lowest unfinished delivery of each lane, several for one
// message where the destination's limit asks for it. Its snapshots are taken after the
// destinations are locked, so they see every other claim.
func (p *Post) takeHeads(ctx context.Context, tx pgx.Tx, c *counter, locked []room, now time.Time, limit int) ([]parcel, error) {
	heads, err := findHeads(ctx, tx, c, locked, now)
	if err != nil {
		return nil, err
	}
	var messages [][]uuid.UUID
	for _, r := range locked {
		messages = append(messages, c.limit.share(heads[r.ID], r.left(c.limit, now), c.each)...)
	}
	parcels, err := p.take(ctx, tx, messages[:min(limit, len(messages))], now)
	if err != nil || c.limit.Messages == 0 {
		return parcels, err
	}
	return parcels, countSends(ctx, tx, c.limit, parcels, now)
}

// findHeads reads the lowest unfinished delivery of each lane that is due, oldest
// first, as far as it is of use.
func findHeads(ctx context.Context, tx pgx.Tx, c *counter, locked []room, now time.Time) (map[uuid.UUID][]head, error) {
	ids, most, news := idsOf(locked), make([]int, len(locked)), make([]bool, len(locked))
	for i, r := range locked {
		left := r.left(c.limit, now)
		most[i], news[i] = c.limit.foresight(left, c.each), left > 0
	}
	rows, err := tx.Query(ctx, `
		select t.id, head.id, head.op, head.together
		from unnest($1::uuid[], $2::int[], $3::bool[]) t(id, most, news) cross join lateral (
			select d.id, d.op, d.together, d.seq from deliveries d
			where d.destination_id = t.id and d.channel = $4 and d.state = 'pending' and d.not_before <= $5
			  and (d.op = 'update' or t.news)
			  and (select count(*) from deliveries s where s.destination_id = t.id and s.state = 'sending') < $6
			  and not exists (
				select 1 from deliveries e
				where e.destination_id = d.destination_id and e.position_id = d.position_id
				  and e.state in ('pending', 'sending') and e.seq < d.seq)
			order by d.seq
			limit t.most) head
		order by t.id, head.seq`, ids, most, news, c.name, now, c.each)
	if err != nil {
		return nil, fmt.Errorf("find heads of lanes: %w", err)
	}
	heads := make(map[uuid.UUID][]head, len(locked))
	var destination uuid.UUID
	var h head
	_, err = pgx.ForEachRow(rows, []any{&destination, &h.ID, &h.Op, &h.Together}, func() error {
		heads[destination] = append(heads[destination], h)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find heads of lanes: %w", err)
	}
	return heads, nil
}

// take makes the claims. One that is just being revised is locked and left out; those
// behind it in its lane stay, because it is still unfinished.
func (p *Post) take(ctx context.Context, tx pgx.Tx, messages [][]uuid.UUID, now time.Time) ([]parcel, error) {
	var ids, tokens []uuid.UUID
	for _, m := range messages {
		token := uuid.New()
		for _, id := range m {
			ids, tokens = append(ids, id), append(tokens, token)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := tx.Query(ctx, `
		with taken as (
			select d.id, m.token from unnest($1::uuid[], $2::uuid[]) m(id, token) join deliveries d on d.id = m.id
			where d.state = 'pending'
			for no key update of d skip locked
		)
		update deliveries d
		set state = 'sending', claim_token = taken.token, claim_deadline = $3, claim_instance = $4, claims = claims + 1,
		    first_sent_at = coalesce(first_sent_at, $5), updated_at = $5
		from taken where d.id = taken.id
		returning d.id, d.seq, d.destination_id, d.alert_id, d.notification_id, d.changes, d.op, d.attempt, d.claims, d.unknowns,
		          d.cutoff, d.executed_at, d.learnt_at, d.first_sent_at, d.claim_token, d.claim_deadline`,
		ids, tokens, now.Add(claimFor), p.process, now)
	if err != nil {
		return nil, fmt.Errorf("take heads of lanes: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[claimed])
	if err != nil {
		return nil, fmt.Errorf("take heads of lanes: %w", err)
	}
	return pack(all), nil
}

// pack puts what has one claim together.
func pack(all []claimed) (parcels []parcel) {
	slices.SortFunc(all, func(a, b claimed) int { return cmp.Compare(a.Seq, b.Seq) })
	at := map[uuid.UUID]int{}
	for _, d := range all {
		i, known := at[d.Token]
		if !known {
			i = len(parcels)
			at[d.Token], parcels = i, append(parcels, nil)
		}
		parcels[i] = append(parcels[i], d)
	}
	return parcels
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
