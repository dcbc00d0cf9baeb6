package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/postgres"
)

// sent is one attempt and what came of it.
type sent struct {
	claimed  claimed
	message  Message
	revision int // what the words said
	result   Result
	took     time.Duration
}

var errClaimLost = errors.New("the claim was taken back meanwhile")

// settle writes down what came of an attempt. The message has left already, so
// it keeps trying while the database is away; if that takes too long, the claim
// runs out and the sweep treats it as unknown.
func (p *Post) settle(ctx context.Context, s sent) error {
	ctx, cancel := context.WithTimeout(ctx, settleFor)
	defer cancel()
	pause := 100 * time.Millisecond
	for {
		err := p.settleOnce(ctx, s)
		// A new waiting update may appear while this one goes back to waiting.
		again := postgres.IsUnavailable(err) || postgres.IsUnique(err, "deliveries_update")
		if !again {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
			pause = min(2*pause, 2*time.Second)
		}
	}
}

// settleOnce locks the destination, then the delivery: the order every writer keeps.
func (p *Post) settleOnce(ctx context.Context, s sent) error {
	return p.db.AsSystem(ctx, "delivery", func(ctx context.Context, tx pgx.Tx) error {
		now := p.now()
		v := judge(s.claimed, s.result, now, p.jitter)
		if err := noteOutcome(ctx, tx, s, v, now); err != nil {
			return err
		}
		if err := noteAttempt(ctx, tx, s, now); err != nil {
			return err
		}
		err := noteDelivery(ctx, tx, s, v, now)
		if errors.Is(err, errClaimLost) {
			p.log.WarnContext(ctx, "delivery finished after its claim ran out", "delivery", s.claimed.ID)
			return nil
		}
		if err != nil {
			return err
		}
		if err := noteMessage(ctx, tx, s, v); err != nil {
			return err
		}
		return p.follow(ctx, tx, s, v, now)
	})
}

// noteOutcome keeps the destination's health.
func noteOutcome(ctx context.Context, tx pgx.Tx, s sent, v verdict, now time.Time) error {
	_, err := tx.Exec(ctx, `
		update destinations
		set last_success_at = case when $2 then $3 else last_success_at end,
		    last_failure_at = case when $2 then last_failure_at else $3 end,
		    failures = case when $2 then 0 when $7 then failures else failures + 1 end,
		    paused_until = greatest(paused_until, $4),
		    disabled_at = case when $5 then coalesce(disabled_at, $3) else disabled_at end,
		    disabled_reason = case when $5 then coalesce(disabled_reason, $6) else disabled_reason end,
		    updated_at = $3
		where id = $1`,
		s.claimed.DestinationID, s.result.Outcome == Accepted, now, v.PauseUntil, v.Disable, v.Error, s.result.Limited)
	if err != nil {
		return fmt.Errorf("note health of destination: %w", err)
	}
	return nil
}

func noteAttempt(ctx context.Context, tx pgx.Tx, s sent, now time.Time) error {
	_, err := tx.Exec(ctx, `
		insert into delivery_attempts (delivery_id, claim, at, outcome, detail, took_ms)
		values ($1, $2, $3, $4, $5, $6)
		on conflict (delivery_id, claim) do update set outcome = excluded.outcome, detail = excluded.detail`,
		s.claimed.ID, s.claimed.Claims, now, s.result.word(), s.result.Detail, s.took.Milliseconds())
	if err != nil {
		return fmt.Errorf("note attempt: %w", err)
	}
	return nil
}

// noteDelivery moves the delivery on, if the claim is still ours. An update that
// would wait again while a newer one waits is not needed any more. What arrived
// although its claim ran out is not sent again, if that has not begun.
func noteDelivery(ctx context.Context, tx pgx.Tx, s sent, v verdict, now time.Time) error {
	accepted := s.result.Outcome == Accepted
	tag, err := tx.Exec(ctx, `
		update deliveries d
		set state = case when $3 = 'pending' and d.op = 'update' and exists (
		                      select 1 from deliveries n where n.alert_id = d.alert_id
		                      and n.destination_id = d.destination_id and n.op = 'update' and n.state = 'pending')
		                 then 'superseded' else $3 end,
		    not_before = coalesce($4, not_before), attempt = attempt + $5, unknowns = unknowns + $6,
		    possible_duplicate = possible_duplicate or $7, last_error = nullif($8, ''),
		    claim_token = null, claim_deadline = null,
		    accepted_at = case when $9 then $10 else accepted_at end,
		    revision = case when $9 then $11 else revision end,
		    message_id = case when $9 and d.op = 'create' then nullif($12, '') else message_id end,
		    slot = case when $9 and d.op = 'create' then 0 else slot end,
		    updated_at = $10
		where id = $1 and (claim_token = $2 or $9 and state = 'pending')`,
		s.claimed.ID, s.claimed.Token, v.State, nullTime(v.NotBefore), v.Failed, v.Unknowns,
		v.Duplicate, v.Error, accepted, now, s.revision, s.result.MessageID)
	if err != nil {
		return fmt.Errorf("note outcome of delivery: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return errClaimLost
	}
	return nil
}

// noteMessage keeps, on the delivery that made a message, what the message says
// now and whether it still exists.
func noteMessage(ctx context.Context, tx pgx.Tx, s sent, v verdict) error {
	if s.claimed.Op != Update || (s.result.Outcome != Accepted && !v.MessageGone) {
		return nil
	}
	_, err := tx.Exec(ctx, `
		update deliveries set revision = greatest(revision, $3), message_gone = message_gone or $4
		where alert_id = $1 and destination_id = $2 and op = 'create'`,
		s.claimed.AlertID, s.claimed.DestinationID, s.revision, v.MessageGone)
	if err != nil {
		return fmt.Errorf("note state of message: %w", err)
	}
	return nil
}

// follow does what a dead or misconfigured destination asks for: nothing more is
// sent to it, and its owner hears of it.
func (p *Post) follow(ctx context.Context, tx pgx.Tx, s sent, v verdict, now time.Time) error {
	if v.Disable {
		_, err := tx.Exec(ctx, `
			update deliveries set state = 'dead', last_error = 'destination gone', updated_at = $2
			where destination_id = $1 and state = 'pending'`, s.claimed.DestinationID, now)
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
