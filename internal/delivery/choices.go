package delivery

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/exchange"
)

// Personal are the channels that bring a person's own notifications. What goes by them
// is theirs to choose; the public ones carry alerts for everybody.
var Personal = []string{ChannelPush, ChannelEmail, ChannelTelegram, ChannelWebhook}

// AllChannels are the personal and the public ones.
func AllChannels() []string { return append(slices.Clone(Personal), ChannelDiscord, ChannelFeed) }

// ringing are those that make a noise: quiet hours hold them back. Mail can lie, and
// nobody is woken by a webhook.
var ringing = []string{ChannelPush, ChannelTelegram}

// Manners are what has to be known of notifications when one is about to be sent.
type Manners struct {
	Usual  map[string][]string  // by channel, the types that go there unless their reader chose otherwise; nil: all do
	Urgent []string             // the types that quiet hours let through
	Fixed  []string             // the types that neither a choice nor a complaint stops
	Today  func() exchange.Date // the market's own
}

// Channels are the personal channels that this installation has.
func (p *Post) Channels() []string {
	var have []string
	for _, name := range Personal {
		if slices.ContainsFunc(p.counters, func(c *counter) bool { return c.name == name }) {
			have = append(have, name)
		}
	}
	return have
}

// Why a message that its reader did not want just then came to its end.
const (
	reasonOff       = "switched off in the settings of notifications; it is in the inbox"
	reasonUnwanted  = "its reader reported our mail as unwanted; it is in the inbox"
	reasonDecided   = "it was decided before"
	reasonMuted     = "the trader is muted; it is in the inbox"
	reasonMutedDay  = "the trader is muted for the day; it is in the inbox"
	reasonQuiet     = "held back by quiet hours"
	reasonTooLate   = "quiet hours end when it is worth nothing any more; it is in the inbox"
	reasonOvertaken = "held back by quiet hours, and something newer about the position went out; it is in the inbox"
)

// honour ends or holds back, of what waits for these destinations, what its readers do
// not want now. It is asked in the transaction that claims, so that a switch flipped a
// second ago counts. The caller holds the destinations.
func (p *Post) honour(ctx context.Context, tx pgx.Tx, c *counter, destinations []uuid.UUID, now time.Time) error {
	if !slices.Contains(Personal, c.name) {
		return nil
	}
	if err := p.finishUnwanted(ctx, tx, c, destinations, now); err != nil {
		return err
	}
	if !slices.Contains(ringing, c.name) {
		return nil
	}
	quiet, err := quietNow(ctx, tx, destinations, now)
	if err != nil || len(quiet) == 0 {
		return err
	}
	return p.holdBack(ctx, tx, c, destinations, quiet, now)
}

// finishUnwanted ends what is switched off, what is of a muted trader, and a question
// that was answered; and all mail to who reported ours as unwanted, a test too, but for
// what nobody switches off. A muted
// trader's sells come through where they need their reader: a question, or one that failed.
// Muting for the day is about questions to buy only.
// It reads copytrade's tables: a question, and what came of it, have the decision's id
// for their subject.
func (p *Post) finishUnwanted(ctx context.Context, tx pgx.Tx, c *counter, destinations []uuid.UUID, now time.Time) error {
	var usual []string // null: every type
	if p.manners.Usual != nil {
		usual = append([]string{}, p.manners.Usual[c.name]...)
	}
	_, err := tx.Exec(ctx, `
		with waiting as (
			select d.id, case
				when n.type = any($11) then null
				when d.channel = 'email' and x.user_id is not null then $10
				when n.data ? 'test' then null
				when not coalesce(k.wanted, $4::text[] is null or n.type = any($4)) then $6
				when n.data ? 'decisionId' and q.result <> 'awaiting_approval' then $7
				when m.user_id is not null and (q.side = 'BTO' or n.type = 'copy_trade_executed') then $8
				when n.type = 'copy_trade_alert' and s.muted_on = $5::date then $9
				end as reason
			from deliveries d
			join notifications n on n.id = d.notification_id
			left join notification_choices k on k.user_id = n.user_id and k.type = n.type and k.channel = d.channel
			left join mail_complaints x on x.user_id = n.user_id
			left join copy_decisions q on q.user_id = n.user_id and q.id = case
				when n.type like 'copy!_trade!_%' escape '!' and n.subject_key ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then n.subject_key::uuid end
			left join muted_traders m on m.user_id = n.user_id and m.trader_id = q.trader_id
			left join subscriptions s on s.id = q.subscription_id
			where d.destination_id = any($1) and d.channel = $2 and d.state = 'pending' and d.not_before <= $3
		)
		update deliveries d set state = 'superseded', last_error = w.reason, updated_at = $3
		from waiting w where d.id = w.id and d.state = 'pending' and w.reason is not null`,
		destinations, c.name, now, usual, p.manners.Today(), reasonOff, reasonDecided, reasonMuted, reasonMutedDay, reasonUnwanted, append([]string{}, p.manners.Fixed...))
	if err != nil {
		return fmt.Errorf("finish what is not wanted: %w", err)
	}
	return nil
}

// quietOwner is somebody who is to be left in peace for now.
type quietOwner struct {
	user          uuid.UUID
	until         time.Time
	urgentThrough bool
}

func quietNow(ctx context.Context, tx pgx.Tx, destinations []uuid.UUID, now time.Time) ([]quietOwner, error) {
	rows, err := tx.Query(ctx, `
		select distinct q.user_id, q.begins, q.ends, q.zone, q.urgent_through
		from destinations t join quiet_hours q on q.user_id = t.user_id
		where t.id = any($1)`, destinations)
	if err != nil {
		return nil, fmt.Errorf("read quiet hours: %w", err)
	}
	var owners []quietOwner
	var user uuid.UUID
	var q QuietHours
	var zone string
	_, err = pgx.ForEachRow(rows, []any{&user, &q.From, &q.To, &zone, &q.UrgentThrough}, func() error {
		place, err := time.LoadLocation(zone)
		if err == nil { // of a zone that is no more: to be told is better than never
			q.Zone = place
			if until, quiet := q.Until(now); quiet {
				owners = append(owners, quietOwner{user, until, q.UrgentThrough})
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read quiet hours: %w", err)
	}
	return owners, nil
}

// holdBack keeps messages until the end of quiet hours, if they are worth something
// then. One about a position that something urgent follows ends here: it must not come
// after what is newer, nor keep it waiting.
func (p *Post) holdBack(ctx context.Context, tx pgx.Tx, c *counter, destinations []uuid.UUID, quiet []quietOwner, now time.Time) error {
	users, until, through := make([]uuid.UUID, len(quiet)), make([]time.Time, len(quiet)), make([]bool, len(quiet))
	for i, q := range quiet {
		users[i], until[i], through[i] = q.user, q.until, q.urgentThrough
	}
	_, err := tx.Exec(ctx, `
		with waiting as (
			select d.id, d.destination_id, d.position_id, d.seq, d.cutoff, d.not_before, q.until,
			       n.data ? 'test' or q.through and coalesce(n.type = any($7), false) as passes
			from unnest($4::uuid[], $5::timestamptz[], $6::bool[]) as q(user_id, until, through)
			join deliveries d on d.user_id = q.user_id
			join notifications n on n.id = d.notification_id
			where d.destination_id = any($1) and d.channel = $2 and d.state = 'pending'
		), held as (
			select w.*, exists (
				select from waiting u where u.passes and u.destination_id = w.destination_id
				and u.position_id = w.position_id and u.seq > w.seq) as overtaken
			from waiting w where not w.passes
		)
		update deliveries d
		set state = case when h.overtaken then 'superseded' when h.until >= h.cutoff then 'stale' else 'pending' end,
		    last_error = case when h.overtaken then $8 when h.until >= h.cutoff then $9 else $10 end,
		    not_before = case when h.overtaken or h.until >= h.cutoff then d.not_before else greatest(d.not_before, h.until) end,
		    quiet_until = h.until, updated_at = $3
		from held h where d.id = h.id and d.state = 'pending' and (h.overtaken or h.not_before < h.until)`,
		destinations, c.name, now, users, until, through, p.manners.Urgent, reasonOvertaken, reasonTooLate, reasonQuiet)
	if err != nil {
		return fmt.Errorf("hold back until quiet hours end: %w", err)
	}
	return nil
}

// Release lets what somebody's quiet hours hold back be judged anew, because these have
// changed. It locks the user's destinations, then the deliveries: the order every
// writer keeps.
func Release(ctx context.Context, tx pgx.Tx, user uuid.UUID, now time.Time) error {
	_, err := tx.Exec(ctx, `
		select from destinations where user_id = $1 and removed_at is null order by id for no key update`, user)
	if err != nil {
		return fmt.Errorf("lock the destinations of %s: %w", user, err)
	}
	_, err = tx.Exec(ctx, `
		update deliveries d set not_before = least(d.not_before, $2), quiet_until = null, last_error = null, updated_at = $2
		from destinations t
		where t.user_id = $1 and t.removed_at is null and d.destination_id = t.id
		  and d.state = 'pending' and d.channel = t.channel and d.quiet_until is not null`, user, now)
	if err != nil {
		return fmt.Errorf("release what quiet hours hold back: %w", err)
	}
	return ring(ctx, tx)
}
