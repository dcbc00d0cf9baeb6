package delivery

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// sent is one attempt and what came of it.
type sent struct {
	parcel  parcel
	message Message
	said    map[uuid.UUID]int // the alerts or notifications in the message, and the revision that it told of each
	result  Result
	took    time.Duration
	part    bool // others of its claim go on without it
}

// settle writes down what came of an attempt. The message has left already, so it keeps
// trying whatever the database says: it may be away, a lock be held for long, a newer
// waiting update appear while this one goes back to waiting. If that takes too long, the
// claim runs out and the sweep treats it as unknown.
func (p *Post) settle(ctx context.Context, s sent) error {
	ctx, cancel := context.WithTimeout(ctx, settleFor)
	defer cancel()
	pause := 100 * time.Millisecond
	for {
		err := p.settleOnce(ctx, s)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
			pause = min(2*pause, 2*time.Second)
		}
	}
}

// settleOnce locks the destination, then what was in the message: the order every
// writer keeps. All of it is written or nothing.
func (p *Post) settleOnce(ctx context.Context, s sent) error {
	return p.db.AsSystem(ctx, "delivery", func(ctx context.Context, tx pgx.Tx) error {
		now := p.now()
		verdicts := p.judgeAll(s, now)
		if err := noteOutcome(ctx, tx, s, verdicts[0], now); err != nil {
			return err
		}
		if err := noteAttempts(ctx, tx, s, now); err != nil {
			return err
		}
		noted, err := noteDeliveries(ctx, tx, s, verdicts, now)
		if err != nil {
			return err
		}
		if noted < len(s.parcel) {
			p.log.WarnContext(ctx, "deliveries finished after their claim ran out", "first", s.parcel[0].ID, "of", len(s.parcel), "in time", noted)
		}
		if noted == 0 {
			return nil
		}
		if err := noteMessage(ctx, tx, s, verdicts[0]); err != nil {
			return err
		}
		if err := p.follow(ctx, tx, s, verdicts[0], now); err != nil {
			return err
		}
		return pauseChannel(ctx, tx, s, now)
	})
}

// judgeAll decides about each delivery of a message. One that was refused with others
// in its message, of which only some may be at fault, goes once more with fewer.
func (p *Post) judgeAll(s sent, now time.Time) []verdict {
	verdicts := make([]verdict, len(s.parcel))
	for i, d := range s.parcel {
		verdicts[i] = judge(d, s.result, now, p.jitter)
		if s.result.Outcome == Rejected && len(s.parcel) > 1 {
			verdicts[i] = verdict{Error: s.result.Detail, Together: len(s.parcel) / 2}.again(d, now)
		}
		if s.isLastWord() {
			verdicts[i] = verdicts[i].lastWord(s.result)
		}
	}
	return verdicts
}

// noteOutcome keeps the destination's health, and gives back the place within its
// limit that a message took which nobody got.
func noteOutcome(ctx context.Context, tx pgx.Tx, s sent, v verdict, now time.Time) error {
	var unused *time.Time
	if o := s.result.Outcome; o != Accepted && o != Unknown && s.parcel[0].Op == Create && !s.part {
		at := s.parcel[0].claimedAt()
		unused = &at
	}
	_, err := tx.Exec(ctx, `
		update destinations
		set last_success_at = case when $2 then $3 else last_success_at end,
		    last_failure_at = case when $2 then last_failure_at else $3 end,
		    failures = case when $2 then 0 when $7 then failures else failures + 1 end,
		    paused_until = greatest(paused_until, $4),
		    disabled_at = case when $5 then coalesce(disabled_at, $3) else disabled_at end,
		    disabled_reason = case when $5 then coalesce(disabled_reason, $6) else disabled_reason end,
		    recent_sends = coalesce(recent_sends[:array_position(recent_sends, $8) - 1]
		                            || recent_sends[array_position(recent_sends, $8) + 1:], recent_sends),
		    updated_at = $3
		where id = $1`,
		s.parcel[0].DestinationID, s.result.Outcome == Accepted, now, v.PauseUntil, v.Disable, v.Error, s.result.Limited, unused)
	if err != nil {
		return fmt.Errorf("note health of destination: %w", err)
	}
	return nil
}

func noteAttempts(ctx context.Context, tx pgx.Tx, s sent, now time.Time) error {
	ids, claims := make([]uuid.UUID, len(s.parcel)), make([]int, len(s.parcel))
	for i, d := range s.parcel {
		ids[i], claims[i] = d.ID, d.Claims
	}
	_, err := tx.Exec(ctx, `
		insert into delivery_attempts (delivery_id, claim, at, outcome, detail, took_ms)
		select a.id, a.claim, $3, $4, $5, $6 from unnest($1::uuid[], $2::int[]) a(id, claim)
		on conflict (delivery_id, claim) do update set outcome = excluded.outcome, detail = excluded.detail`,
		ids, claims, now, s.result.word(), s.result.Detail, s.took.Milliseconds())
	if err != nil {
		return fmt.Errorf("note attempt: %w", err)
	}
	return nil
}

// noteDeliveries moves them on, if the claim is still ours, and says how many. An
// update that would wait again while a newer one waits is not needed any more. What
// arrived although its claim ran out is not sent again, if that has not begun, nor is it
// dead, if it was given up meanwhile.
func noteDeliveries(ctx context.Context, tx pgx.Tx, s sent, verdicts []verdict, now time.Time) (int, error) {
	n := len(s.parcel)
	ids, states, waits := make([]uuid.UUID, n), make([]string, n), make([]*time.Time, n)
	failed, unknowns, together, revisions := make([]int, n), make([]int, n), make([]int, n), make([]int, n)
	duplicates, reasons := make([]bool, n), make([]string, n)
	for i, d := range s.parcel {
		v := verdicts[i]
		ids[i], states[i], waits[i], failed[i], unknowns[i] = d.ID, v.State, nullTime(v.NotBefore), v.Failed, v.Unknowns
		duplicates[i], reasons[i], together[i] = v.Duplicate, v.Error, v.Together
		switch {
		case d.AlertID != nil:
			revisions[i] = s.said[*d.AlertID]
		case d.NotificationID != nil:
			revisions[i] = s.said[*d.NotificationID]
		}
	}
	tag, err := tx.Exec(ctx, `
		update deliveries d
		set state = case when v.state = 'pending' and d.op = 'update' and exists (
		                      select 1 from deliveries n where (n.alert_id = d.alert_id
		                      and n.destination_id = d.destination_id and n.op = 'update' or n.changes = d.changes) and n.state = 'pending')
		                 then 'superseded' else v.state end,
		    not_before = coalesce(v.wait, not_before), attempt = attempt + v.failed, unknowns = d.unknowns + v.unknowns,
		    possible_duplicate = possible_duplicate or v.duplicate, last_error = nullif(v.reason, ''),
		    together = coalesce(nullif(v.together, 0), d.together),
		    claim_token = null, claim_deadline = null,
		    accepted_at = case when $2 then $3 else accepted_at end,
		    revision = case when $2 then v.revision else d.revision end,
		    message_id = case when $2 and d.op = 'create' then nullif($4, '') else message_id end,
		    slot = case when $2 and d.op = 'create' then v.slot - 1 else d.slot end,
		    unanswered = case when $14 and d.op = 'create' and d.alert_id is not null then greatest(d.unanswered, v.revision) else d.unanswered end,
		    updated_at = $3
		from unnest($5::uuid[], $6::text[], $7::timestamptz[], $8::int[], $9::int[], $10::int[], $11::int[], $12::bool[], $13::text[])
		     with ordinality as v(id, state, wait, failed, unknowns, together, revision, duplicate, reason, slot)
		where d.id = v.id and (d.claim_token = $1 or $2 and d.state in ('pending', 'dead'))`,
		s.parcel[0].Token, s.result.Outcome == Accepted, now, s.result.MessageID,
		ids, states, waits, failed, unknowns, together, revisions, duplicates, reasons, s.result.Outcome == Unknown)
	if err != nil {
		return 0, fmt.Errorf("note outcome of delivery: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

// noteMessage keeps, on the deliveries that made a message, what it says of each now
// and whether it still exists: what changed it has told all of it anew. By a last word a
// message is known that can be changed.
func noteMessage(ctx context.Context, tx pgx.Tx, s sent, v verdict) error {
	if s.parcel[0].Op != Update || (s.result.Outcome != Accepted && !v.MessageGone) {
		return nil
	}
	told, revisions := make([]uuid.UUID, 0, len(s.said)), make([]int, 0, len(s.said))
	for id, revision := range s.said {
		told, revisions = append(told, id), append(revisions, revision)
	}
	_, err := tx.Exec(ctx, `
		update deliveries c
		set revision = greatest(c.revision, said.revision), message_gone = message_gone or $4,
		    message_id = coalesce(c.message_id, nullif($5, '')), slot = coalesce(c.slot, 0)
		from unnest($2::uuid[], $3::int[]) said(id, revision)
		where c.destination_id = $1 and c.op = 'create' and (c.alert_id = said.id or c.notification_id = said.id)`,
		s.parcel[0].DestinationID, told, revisions, v.MessageGone, s.result.MessageID)
	if err != nil {
		return fmt.Errorf("note state of message: %w", err)
	}
	return nil
}

// pauseChannel lets every process wait when the other side refuses us as a whole. What a
// push service says of our key is about that service only.
func pauseChannel(ctx context.Context, tx pgx.Tx, s sent, now time.Time) error {
	wait := s.result.After
	switch {
	case !s.result.Everyone:
		return nil
	case s.result.Outcome == Misconfigured && s.message.Destination.Settings.Host == "":
		wait = max(oursWait, wait)
	case s.result.Outcome != Retry || wait <= 0:
		return nil
	}
	_, err := tx.Exec(ctx, `
		insert into channel_pauses (channel, paused_until, reason) values ($1, $2, $3)
		on conflict (channel) do update set paused_until = excluded.paused_until, reason = excluded.reason
		where channel_pauses.paused_until < excluded.paused_until`,
		s.message.Destination.Channel, now.Add(wait), s.result.Detail)
	if err != nil {
		return fmt.Errorf("pause channel: %w", err)
	}
	return nil
}

// follow does what a dead or misconfigured destination asks for: nothing more is
// sent to it, and its owner hears of it.
func (p *Post) follow(ctx context.Context, tx pgx.Tx, s sent, v verdict, now time.Time) error {
	if v.Disable {
		_, err := tx.Exec(ctx, `
			update deliveries set state = 'dead', last_error = 'destination gone', updated_at = $2
			where destination_id = $1 and state = 'pending'`, s.parcel[0].DestinationID, now)
		if err != nil {
			return fmt.Errorf("cancel what waits for a dead destination: %w", err)
		}
	}
	if !v.Tell || p.tell == nil {
		return nil
	}
	t := s.message.Destination
	err := p.tell(ctx, tx, Lost{
		DestinationID: t.ID, UserID: t.UserID, Channel: t.Channel, Label: t.Settings.Label,
		Reason: v.Error, Paused: !v.Disable,
	})
	if err != nil {
		return fmt.Errorf("tell owner of destination: %w", err)
	}
	return nil
}

func nullTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
