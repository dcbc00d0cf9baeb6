package delivery

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// healthFor is how far back a channel's health looks.
const healthFor = time.Hour

// ChannelHealth is how a channel does: what came of its attempts in the last hour, what
// waits, and what is held up.
type ChannelHealth struct {
	Channel       string     `json:"channel"`
	Accepted      int        `json:"accepted"` // attempts of the last hour
	Failed        int        `json:"failed"`
	Limited       int        `json:"limited"`       // told to wait
	Waiting       int        `json:"waiting"`       // due now
	OldestWaiting *time.Time `json:"oldestWaiting"` // since when the longest of these waits
	Dead          int        `json:"dead"`          // dead letters nobody has put away
	Destinations  int        `json:"destinations"`  // in use
	Disabled      int        `json:"disabled"`      // of no use until their owners act
	Paused        int        `json:"paused"`        // destinations that were told to wait
	PausedUntil   *time.Time `json:"pausedUntil"`   // the last of them
	HeldUntil     *time.Time `json:"heldUntil"`     // the whole channel, in every process: its other side said so
	HeldReason    string     `json:"heldReason"`    // in which words
	RestsUntil    *time.Time `json:"restsUntil"`    // the whole channel, in the process that answers: too many failures, or told to wait
}

// Health looks at every channel there is.
func (p *Post) Health(ctx context.Context) ([]ChannelHealth, error) {
	now := p.now()
	names := make([]string, len(p.counters))
	for i, c := range p.counters {
		names[i] = c.name
	}
	rows, err := p.db.Pool().Query(ctx, `
		with tried as (
			select d.channel, count(*) filter (where a.outcome = 'accepted') as accepted, count(*) filter (where a.outcome = 'limited') as limited,
			       count(*) filter (where a.outcome in ('retry', 'unknown', 'rejected', 'gone', 'misconfigured')) as failed
			from delivery_attempts a join deliveries d on d.id = a.delivery_id
			where a.at > $2 group by d.channel
		), waiting as (
			select channel, count(*) as n, min(created_at) as oldest from deliveries
			where state = 'pending' and channel = any($1) and not_before <= $3 group by channel
		), dead as (
			select channel, count(*) as n from deliveries
			where state = 'dead' and discarded_at is null and channel = any($1) group by channel
		), places as (
			select channel, count(*) filter (where disabled_at is null) as live, count(*) filter (where disabled_at is not null) as disabled,
			       count(*) filter (where paused_until > $3) as paused, max(paused_until) filter (where paused_until > $3) as until
			from destinations where removed_at is null and channel = any($1) group by channel
		)
		select c.channel, coalesce(r.accepted, 0), coalesce(r.failed, 0), coalesce(r.limited, 0), coalesce(w.n, 0), w.oldest, coalesce(x.n, 0),
		       coalesce(t.live, 0), coalesce(t.disabled, 0), coalesce(t.paused, 0), t.until, h.paused_until, coalesce(h.reason, '')
		from unnest($1::text[]) with ordinality as c(channel, place)
		left join tried r on r.channel = c.channel left join waiting w on w.channel = c.channel
		left join dead x on x.channel = c.channel left join places t on t.channel = c.channel
		left join channel_pauses h on h.channel = c.channel and h.paused_until > $3
		order by c.place`, names, now.Add(-healthFor), now)
	if err != nil {
		return nil, fmt.Errorf("read the health of channels: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (h ChannelHealth, err error) {
		err = row.Scan(&h.Channel, &h.Accepted, &h.Failed, &h.Limited, &h.Waiting, &h.OldestWaiting, &h.Dead,
			&h.Destinations, &h.Disabled, &h.Paused, &h.PausedUntil, &h.HeldUntil, &h.HeldReason)
		inUTC(h.OldestWaiting, h.PausedUntil, h.HeldUntil)
		return h, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the health of channels: %w", err)
	}
	for i := range list {
		list[i].RestsUntil = p.restsUntil(list[i].Channel, now)
	}
	return list, nil
}

// restsUntil is when this process calls a channel again, or one of its hosts.
func (p *Post) restsUntil(channel string, now time.Time) *time.Time {
	until := p.breaker.OpenUntil(channel)
	if i := slices.IndexFunc(p.counters, func(c *counter) bool { return c.name == channel }); i >= 0 {
		if told := time.Unix(0, p.counters[i].paused.Load()); told.After(until) {
			until = told
		}
	}
	if !until.After(now) {
		return nil
	}
	until = until.UTC()
	return &until
}
