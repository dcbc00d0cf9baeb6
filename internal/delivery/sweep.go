package delivery

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// sweep finishes what cannot be sent any more and takes up what a dead process
// left in the middle.
func (p *Post) sweep(ctx context.Context) error {
	err := p.db.AsSystem(ctx, "delivery:sweep", func(ctx context.Context, tx pgx.Tx) error {
		now := p.now()
		if err := takeBack(ctx, tx, now); err != nil {
			return err
		}
		return finishHopeless(ctx, tx, now, nil)
	})
	if err != nil {
		return err
	}
	return p.lastWords(ctx)
}

// takeBack ends claims whose process died (C12). Nobody knows whether the
// message arrived: a new one is sent once more and marked, a second time not, nor a last
// word; an update is just repeated, because it says the same again.
func takeBack(ctx context.Context, tx pgx.Tx, now time.Time) error {
	_, err := tx.Exec(ctx, `
		with lost as (
			select id, claims from deliveries
			where state = 'sending' and claim_deadline < $1
			for no key update skip locked
		), told as (
			insert into delivery_attempts (delivery_id, claim, at, outcome, detail, took_ms)
			select id, claims, $1, 'unknown', 'the process that sent it died', 0 from lost
			on conflict do nothing
		)
		update deliveries d
		set state = case when d.op = 'create' and d.unknowns >= 1 or d.op = 'update' and `+ofLost+` then 'dead'
		                 when d.op = 'update' and exists (
		                      select 1 from deliveries n where (n.alert_id = d.alert_id
		                      and n.destination_id = d.destination_id and n.op = 'update' or n.changes = d.changes) and n.state = 'pending') then 'superseded'
		                 else 'pending' end,
		    unknowns = d.unknowns + case when d.op = 'create' then 1 else 0 end,
		    unanswered = case when d.op = 'create' and d.alert_id is not null then greatest(d.unanswered, d.revision) else d.unanswered end,
		    possible_duplicate = d.possible_duplicate or d.op = 'create',
		    claim_token = null, claim_deadline = null, not_before = $1,
		    last_error = 'the process that sent it died', updated_at = $1
		from lost where d.id = lost.id`, now)
	if err != nil {
		return fmt.Errorf("take back claims: %w", err)
	}
	return nil
}

// positionOver, with the id of a position behind it, finds one that is no more. It reads
// positions' table: only there is it known.
const positionOver = `select from positions p where p.status in ('closed', 'void', 'expired', 'exercised') and p.id = `

// finishHopeless ends waiting messages that must not be sent any more: past their
// cut-off, an entry whose position is closed, an update of a message that does
// not exist or says it already, anything for a destination that is gone. With
// destinations nil it looks at all.
func finishHopeless(ctx context.Context, tx pgx.Tx, now time.Time, destinations []uuid.UUID) error {
	for _, rule := range []struct{ state, reason, where string }{
		{"stale", "past its cut-off", `d.cutoff <= $1`},
		{"superseded", "the position is closed", `
			d.side = 'BTO' and d.alert_id is not null and exists (` + positionOver + `d.position_id)
			and (d.op = 'create' or ` + ofLost + `)`},
		{"superseded", "the message says it already, or is not there", `
			d.op = 'update' and exists (
				select 1 from deliveries c
				where (c.alert_id = d.alert_id and c.destination_id = d.destination_id and c.op = 'create' or c.id = d.changes) and case
					when c.message_id is not null then c.message_gone or c.revision >= d.revision
					when ` + createLost + ` then c.unanswered >= d.revision or not exists (` + orderEnded + `d.alert_id)
					else c.state in ('stale', 'dead', 'superseded', 'delivered') end)`},
		{"superseded", "the destination is gone", `
			exists (select 1 from destinations t where t.id = d.destination_id
			        and (t.removed_at is not null or t.disabled_at is not null))`},
	} {
		_, err := tx.Exec(ctx, `
			update deliveries d set state = $3, last_error = $4, updated_at = $1
			where d.state = 'pending' and ($2::uuid[] is null or d.destination_id = any($2)) and `+rule.where,
			now, destinations, rule.state, rule.reason)
		if err != nil {
			return fmt.Errorf("finish what is %s (%s): %w", rule.state, rule.reason, err)
		}
	}
	return nil
}
