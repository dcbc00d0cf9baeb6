package delivery

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/postgres"
)

// bell is the channel on which a new row rings the posts of all processes.
const bell = "deliveries"

// Feed destinations: trades do not stand in line behind ten thousand notifications.
const (
	feedTrades        = "trades"
	feedNotifications = "notifications"
)

// Trade is an alert to be brought to the public destinations of its side: the
// platform's, the trader's own, and the feed.
type Trade struct {
	AlertID    uuid.UUID
	UserID     uuid.UUID // the trader
	PositionID uuid.UUID
	Side       string
	Revision   int
	ExecutedAt *time.Time
	LearntAt   time.Time
	Now        time.Time
}

// EnqueueTrade leaves one delivery for each destination in the caller's
// transaction. A trader whose own webhook is the platform's gets one message.
func EnqueueTrade(ctx context.Context, tx pgx.Tx, t Trade) error {
	_, err := tx.Exec(ctx, `
		insert into deliveries (destination_id, channel, user_id, alert_id, position_id, side, revision,
		                        not_before, cutoff, executed_at, learnt_at, created_at, updated_at)
		select distinct on (t.channel, t.address) t.id, t.channel, t.user_id, $1, $2, $3, $4, $5, $6, $7, $8, $5, $5
		from destinations t
		where (t.user_id is null and (t.channel = 'discord' or t.channel = 'feed' and t.address = $10)
		       or t.user_id = $9 and t.channel in ('discord', 'webhook'))
		  and $3 = any(t.sides) and t.disabled_at is null and t.removed_at is null
		order by t.channel, t.address, t.user_id nulls first
		on conflict do nothing`,
		t.AlertID, t.PositionID, t.Side, t.Revision, t.Now, Cutoff(t.Side, t.ExecutedAt, t.LearntAt),
		t.ExecutedAt, t.LearntAt, t.UserID, feedTrades)
	if err != nil {
		return fmt.Errorf("enqueue alert %s: %w", t.AlertID, err)
	}
	return ring(ctx, tx)
}

// leaveUpdates begins a statement that has messages changed to what their alerts a say now;
// c are the deliveries that made them. It needs @now and @updatesFor.
const leaveUpdates = `
	insert into deliveries (destination_id, channel, user_id, alert_id, position_id, side, op, revision,
	                        not_before, cutoff, executed_at, learnt_at, created_at, updated_at)
	select c.destination_id, c.channel, c.user_id, c.alert_id, c.position_id, c.side, 'update', a.revision,
	       @now, c.created_at + @updatesFor::interval, c.executed_at, c.learnt_at, @now, @now`

// Revise makes every message of an alert say what is true now. A message that
// was not sent yet takes the newest facts by itself; one that was gets an
// update, and updates that wait collapse into one.
func Revise(ctx context.Context, tx pgx.Tx, alertID uuid.UUID, revision int, now time.Time) error {
	// A row that is being claimed at this moment is locked: we wait, see that it
	// left "pending", and the next statement gives it an update instead.
	_, err := tx.Exec(ctx, `
		update deliveries set revision = $2, updated_at = $3
		where alert_id = $1 and op = 'create' and state = 'pending'`, alertID, revision, now)
	if err != nil {
		return fmt.Errorf("revise alert %s: %w", alertID, err)
	}
	_, err = tx.Exec(ctx, leaveUpdates+`
		from deliveries c join alerts a on a.id = c.alert_id join destinations t on t.id = c.destination_id
		where c.alert_id = @alert and c.op = 'create' and (c.state in ('sending', 'delivered') or c.message_id is not null)
		  and not c.message_gone and c.created_at + @updatesFor::interval > @now
		  and t.disabled_at is null and t.removed_at is null
		on conflict (alert_id, destination_id) where op = 'update' and state = 'pending'
		do update set revision = excluded.revision, updated_at = excluded.updated_at`,
		pgx.NamedArgs{"alert": alertID, "now": now, "updatesFor": updatesFor})
	if err != nil {
		return fmt.Errorf("update messages of alert %s: %w", alertID, err)
	}
	return ring(ctx, tx)
}

// changeNotes begins a statement that has the messages c of notifications n changed to what
// these say now.
const changeNotes = `
	insert into deliveries (destination_id, channel, user_id, changes, position_id, op, revision,
	                        not_before, cutoff, executed_at, learnt_at, created_at, updated_at)
	select c.destination_id, c.channel, c.user_id, c.id, c.position_id, 'update', n.revision,
	       @now, c.created_at + @updatesFor::interval, c.executed_at, c.learnt_at, @now, @now`

// ReviseNote makes the messages of a notification say what is true now, on the channels
// where a message can be changed: a chat. One that was not sent yet takes the newest words
// by itself; updates that wait collapse into one.
func ReviseNote(ctx context.Context, tx pgx.Tx, notification uuid.UUID, revision int, now time.Time) error {
	// As in Revise: a row that is being claimed is waited for, and then gets an update.
	_, err := tx.Exec(ctx, `
		update deliveries set revision = $2, updated_at = $3
		where notification_id = $1 and channel = $4 and state = 'pending'`, notification, revision, now, ChannelTelegram)
	if err != nil {
		return fmt.Errorf("revise notification %s: %w", notification, err)
	}
	tag, err := tx.Exec(ctx, changeNotes+`
		from deliveries c join notifications n on n.id = c.notification_id join destinations t on t.id = c.destination_id
		where c.notification_id = @notification and c.channel = @telegram and c.state in ('sending', 'delivered')
		  and not c.message_gone and c.created_at + @updatesFor::interval > @now
		  and t.disabled_at is null and t.removed_at is null
		on conflict (changes) where changes is not null and state = 'pending'
		do update set revision = excluded.revision, updated_at = excluded.updated_at`,
		pgx.NamedArgs{"notification": notification, "telegram": ChannelTelegram, "now": now, "updatesFor": updatesFor})
	if err != nil {
		return fmt.Errorf("update messages of notification %s: %w", notification, err)
	}
	if tag.RowsAffected() == 0 {
		return nil
	}
	return ring(ctx, tx)
}

// Note is a stored notification and the roads it takes besides the inbox.
type Note struct {
	NotificationID uuid.UUID
	Channels       []string
	ExecutedAt     *time.Time
	LearntAt       time.Time
	Cutoff         time.Time
}

// EnqueueNotes leaves a delivery for each destination of each notification, in
// one statement however many there are; besides the roads they take by default, on
// those that their reader chose. Notifications that are not stored, such as one said
// before, are passed over.
func EnqueueNotes(ctx context.Context, tx pgx.Tx, now time.Time, notes []Note) error {
	var (
		ids      = make([]uuid.UUID, len(notes))
		channels = make([]string, len(notes))
		executed = make([]*time.Time, len(notes))
		learnt   = make([]time.Time, len(notes))
		cutoffs  = make([]time.Time, len(notes))
	)
	for i, n := range notes {
		ids[i], channels[i] = n.NotificationID, strings.Join(n.Channels, ",")
		executed[i], learnt[i], cutoffs[i] = n.ExecutedAt, n.LearntAt, n.Cutoff
	}
	// The feed is one destination for everybody, and GetStream sorts by time
	// itself: no lane there, or each would wait for all before it.
	_, err := tx.Exec(ctx, `
		with said as (
			select n.id, n.user_id, n.position_id, n.type, n.data ? 'test' as test, q.channels, q.executed_at, q.learnt_at, q.cutoff
			from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[])
			     as q(id, channels, executed_at, learnt_at, cutoff)
			join notifications n on n.id = q.id
		), roads as (
			select s.*, t.id as destination_id, t.channel, s.position_id as lane
			from said s join destinations t on t.user_id = s.user_id
			where t.channel = any($8) and t.channel = any(string_to_array(s.channels, ','))
			  and t.disabled_at is null and t.removed_at is null
			union all
			select s.*, t.id, t.channel, s.position_id
			from said s join notification_choices k on k.user_id = s.user_id and k.type = s.type and k.wanted
			join destinations t on t.user_id = s.user_id and t.channel = k.channel
			where not s.test and not t.channel = any(string_to_array(s.channels, ','))
			  and t.disabled_at is null and t.removed_at is null
			union all
			select s.*, t.id, t.channel, null
			from said s join destinations t on t.user_id is null and t.channel = 'feed' and t.address = $7
			where 'feed' = any(string_to_array(s.channels, ','))
			  and t.disabled_at is null and t.removed_at is null
		)
		insert into deliveries (destination_id, channel, user_id, notification_id, position_id,
		                        not_before, cutoff, executed_at, learnt_at, created_at, updated_at)
		select destination_id, channel, user_id, id, lane, $6, cutoff, executed_at, learnt_at, $6, $6
		from roads
		on conflict do nothing`,
		ids, channels, executed, learnt, cutoffs, now, feedNotifications, Personal)
	if err != nil {
		return fmt.Errorf("enqueue %d notifications: %w", len(notes), err)
	}
	return ring(ctx, tx)
}

// EnqueueStored is EnqueueNotes for notifications that a statement stores, all of
// which take the same roads; one that is valid until some time is cut off then. The
// statement returns id, user_id, position_id and valid_until.
func EnqueueStored(ctx context.Context, tx pgx.Tx, now time.Time, alike Note, store string, args pgx.NamedArgs) error {
	named := pgx.NamedArgs{
		"roads": alike.Channels, "executed": alike.ExecutedAt, "learnt": alike.LearntAt, "cutoff": alike.Cutoff, "enqueuedAt": now, "feed": feedNotifications,
	}
	for name, value := range args {
		named[name] = value
	}
	// As in EnqueueNotes, for one list of roads.
	_, err := tx.Exec(ctx, `
		with said as (`+store+`), roads as (
			select s.*, t.id as destination_id, t.channel, s.position_id as lane
			from said s join destinations t on t.user_id = s.user_id
			where t.channel in ('push', 'email', 'telegram', 'webhook') and t.channel = any(@roads) and t.disabled_at is null and t.removed_at is null
			union all
			select s.*, t.id, t.channel, null from said s cross join destinations t
			where t.user_id is null and t.channel = 'feed' and t.address = @feed and 'feed' = any(@roads)
			  and t.disabled_at is null and t.removed_at is null
		)
		insert into deliveries (destination_id, channel, user_id, notification_id, position_id,
		                        not_before, cutoff, executed_at, learnt_at, created_at, updated_at)
		select destination_id, channel, user_id, id, lane, @enqueuedAt, coalesce(valid_until, @cutoff), @executed, @learnt, @enqueuedAt, @enqueuedAt
		from roads`, named)
	if err != nil {
		return err
	}
	return ring(ctx, tx)
}

// EnqueueChosen does for notifications of one type, whose ids begin alike, what
// EnqueueStored leaves out: their readers may have chosen more roads than the default.
// It is a statement of its own, because nearly always there is none.
func EnqueueChosen(ctx context.Context, tx pgx.Tx, now time.Time, alike Note, kind, ids string) error {
	var some bool
	roads := append([]string{}, alike.Channels...)
	err := tx.QueryRow(ctx, `
		select exists (select from notification_choices where type = $1 and wanted and not channel = any($2::text[]))`,
		kind, roads).Scan(&some)
	if err != nil || !some {
		return err
	}
	_, err = tx.Exec(ctx, `
		insert into deliveries (destination_id, channel, user_id, notification_id, position_id,
		                        not_before, cutoff, executed_at, learnt_at, created_at, updated_at)
		select t.id, t.channel, n.user_id, n.id, n.position_id, $4, coalesce(n.valid_until, $5), $6, $7, $4, $4
		from notification_choices k
		join notifications n on n.user_id = k.user_id and n.id between ($3::text || '000000000000')::uuid and ($3::text || 'ffffffffffff')::uuid
		join destinations t on t.user_id = k.user_id and t.channel = k.channel
		where k.type = $1 and k.wanted and not k.channel = any($2::text[])
		  and t.disabled_at is null and t.removed_at is null
		on conflict do nothing`,
		kind, roads, ids, now, alike.Cutoff, alike.ExecutedAt, alike.LearntAt)
	return err
}

// ring wakes the posts when the caller's transaction commits.
func ring(ctx context.Context, tx pgx.Tx) error {
	return postgres.Ring(ctx, tx, bell)
}
