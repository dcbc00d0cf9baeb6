package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
)

// DeadLetter is a message that came to nothing, as operators see it: of its destination
// the label, never the secret.
type DeadLetter struct {
	ID        uuid.UUID `json:"id"`
	Channel   string    `json:"channel"`
	Platform  bool      `json:"platform"` // not a user's own destination
	Username  string    `json:"username"` // whose destination it is; empty: the platform's
	Label     string    `json:"label"`
	About     string    `json:"about"` // what it was to say
	Op        Op        `json:"op"`
	Reason    string    `json:"reason"` // what it died of
	Tries     int       `json:"tries"`
	CreatedAt time.Time `json:"createdAt"`
	DeadAt    time.Time `json:"deadAt"`
	Cutoff    time.Time `json:"cutoff"`
	Refusal   string    `json:"refusal"` // why it cannot be sent again; empty: it can

	trade struct{ side, filled, symbol, trader string } // of an alert, which has no title
}

// DeadDetail is one of them with everything that was tried and done about it.
type DeadDetail struct {
	DeadLetter
	State    string    `json:"state"`
	Body     string    `json:"body"` // the rest of what it was to say
	Attempts []Attempt `json:"attempts"`
	Log      []Ruling  `json:"log"`
}

// Ruling is what an operator did about a dead letter.
type Ruling struct {
	DeliveryID uuid.UUID `json:"deliveryId"`
	Act        string    `json:"act"` // replayed, discarded
	By         string    `json:"by"`
	Reason     string    `json:"reason"`
	At         time.Time `json:"at"`
}

// deadFrom are a delivery d, its destination t, that one's owner u, and what it is about:
// notification n, or alert a of trader w. It reads users', notifications' and alerts' tables.
const deadFrom = `
	from deliveries d join destinations t on t.id = d.destination_id left join users u on u.id = t.user_id
	left join deliveries changed on changed.id = d.changes
	left join notifications n on n.id = coalesce(d.notification_id, changed.notification_id)
	left join alerts a on a.id = d.alert_id left join users w on w.id = a.user_id`

// deadRefusal says why a dead letter must not be sent again at @now: it would reach
// nobody, come after its time, come a third time, or after what is newer in its lane.
const deadRefusal = `case
	when t.removed_at is not null then 'The destination was taken away.'
	when t.disabled_at is not null then 'The destination no longer takes messages; its owner has to set it up again.'
	when d.cutoff <= @now then 'It is past any use: it was worth sending until a time that has passed.'
	when d.op = 'create' and d.unknowns >= @unknownsMax then 'It may have arrived twice already.'
	when d.op = 'create' and d.side = 'BTO' and d.alert_id is not null and exists (` + positionOver + `d.position_id) then 'The position is closed.'
	when d.op = 'update' and not exists (
		select from deliveries c where (c.alert_id = d.alert_id and c.destination_id = d.destination_id and c.op = 'create' or c.id = d.changes)
		and c.message_id is not null and not c.message_gone and c.revision < d.revision) then 'The message says it already, or is not there.'
	when d.op = 'update' and exists (
		select from deliveries e where (e.alert_id = d.alert_id and e.destination_id = d.destination_id and e.op = 'update' or e.changes = d.changes)
		and e.state = 'pending') then 'A newer change of the message is on its way.'
	when exists (
		select from deliveries e where e.position_id = d.position_id and e.destination_id = d.destination_id and e.seq > d.seq
		and e.state in ('sending', 'delivered')) then 'Something newer about the position has been sent.'
	else '' end`

const deadColumns = `d.id, d.channel, t.user_id is null, coalesce(u.username, ''), coalesce(t.settings ->> 'label', ''),
	coalesce(n.title, ''), coalesce(a.side, ''), coalesce(a.facts ->> 'filled', ''), coalesce(a.symbol, ''), coalesce(w.username, ''),
	d.op, coalesce(d.last_error, ''), d.claims, d.created_at, d.updated_at, d.cutoff, ` + deadRefusal

func (l *DeadLetter) fields() []any {
	return []any{
		&l.ID, &l.Channel, &l.Platform, &l.Username, &l.Label, &l.About, &l.trade.side, &l.trade.filled, &l.trade.symbol, &l.trade.trader,
		&l.Op, &l.Reason, &l.Tries, &l.CreatedAt, &l.DeadAt, &l.Cutoff, &l.Refusal,
	}
}

// tell puts what was read in the words and times of people.
func (l *DeadLetter) tell() {
	inUTC(&l.CreatedAt, &l.DeadAt, &l.Cutoff)
	if l.trade.symbol == "" {
		return
	}
	contract := l.trade.symbol
	if c, err := exchange.ParseSymbol(contract); err == nil {
		contract = c.Display()
	}
	l.About = fmt.Sprintf("%s %s %s of @%s", l.trade.side, l.trade.filled, contract, l.trade.trader)
}

func (p *Post) deadArgs(more pgx.NamedArgs) pgx.NamedArgs {
	args := pgx.NamedArgs{"now": p.now(), "unknownsMax": unknownsMax}
	for name, value := range more {
		args[name] = value
	}
	return args
}

// DeadLetters lists those that nobody has put away, the newest first, of one channel or
// of all.
func (p *Post) DeadLetters(ctx context.Context, channel string, limit int, from *httpio.Cursor) (list []DeadLetter, next *httpio.Cursor, err error) {
	args := pgx.NamedArgs{"at": p.now().Add(24 * time.Hour), "id": uuid.Max, "limit": limit + 1, "channel": channel}
	if from != nil {
		args["at"], args["id"] = from.At, from.ID
	}
	of := ``
	if channel != "" {
		of = `d.channel = @channel and `
	}
	rows, err := p.db.Pool().Query(ctx, `select `+deadColumns+deadFrom+`
		where `+of+`d.state = 'dead' and d.discarded_at is null and (d.updated_at, d.id) < (@at, @id)
		order by d.updated_at desc, d.id desc limit @limit`, p.deadArgs(args))
	if err != nil {
		return nil, nil, fmt.Errorf("list dead letters: %w", err)
	}
	list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (l DeadLetter, err error) {
		err = row.Scan(l.fields()...)
		l.tell()
		return l, err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("list dead letters: %w", err)
	}
	if len(list) > limit {
		list = list[:limit]
		last := list[limit-1]
		next = &httpio.Cursor{At: last.DeadAt, ID: last.ID}
	}
	return list, next, nil
}

// DeadLetter reads one, also after something was done about it. Errors: not_found.
func (p *Post) DeadLetter(ctx context.Context, id uuid.UUID) (DeadDetail, error) {
	var l DeadDetail
	var attempts []byte
	err := p.db.Pool().QueryRow(ctx, `select `+deadColumns+`, d.state, coalesce(n.body, 'At ' || (a.facts ->> 'price') || ' a contract.', ''), `+attemptsOf+deadFrom+`
		where d.id = @id and (d.state = 'dead' or exists (select from dead_letter_log g where g.delivery_id = d.id))`,
		p.deadArgs(pgx.NamedArgs{"id": id})).Scan(append(l.fields(), &l.State, &l.Body, &attempts)...)
	if errors.Is(err, pgx.ErrNoRows) {
		return l, fault.NotFound()
	}
	if err == nil {
		l.tell()
		err = json.Unmarshal(attempts, &l.Attempts)
	}
	if err == nil {
		l.Log, err = p.rulings(ctx, `where g.delivery_id = $1 order by g.id desc limit 50`, id)
	}
	if err != nil {
		return l, fmt.Errorf("read dead letter %s: %w", id, err)
	}
	return l, nil
}

// Rulings are what operators did last, the newest first.
func (p *Post) Rulings(ctx context.Context) ([]Ruling, error) {
	list, err := p.rulings(ctx, `order by g.id desc limit 20`)
	if err != nil {
		return nil, fmt.Errorf("list rulings: %w", err)
	}
	return list, nil
}

// rulings reads users' names.
func (p *Post) rulings(ctx context.Context, which string, args ...any) ([]Ruling, error) {
	rows, err := p.db.Pool().Query(ctx, `
		select g.delivery_id, g.act, u.username, g.reason, g.at from dead_letter_log g join users u on u.id = g.by_user `+which, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Ruling, error) {
		g, err := pgx.RowToStructByPos[Ruling](row)
		inUTC(&g.At)
		return g, err
	})
}

// Replay sends a dead letter once more, in its place in its lane and in today's words.
// Pressed twice it is sent once. Errors: not_found, invalid_state with the reason where
// it is no dead letter any more or past any use.
func (p *Post) Replay(ctx context.Context, by, id uuid.UUID) error {
	return p.rule(ctx, by, id, "replayed", `
		update deliveries set state = 'pending', attempt = 0, not_before = $2, discarded_at = null, updated_at = $2
		where id = $1 and state = 'dead' and discarded_at is null`)
}

// Discard puts a dead letter away for good. Errors: not_found, invalid_state where it is
// none any more.
func (p *Post) Discard(ctx context.Context, by, id uuid.UUID) error {
	return p.rule(ctx, by, id, "discarded", `
		update deliveries set discarded_at = $2 where id = $1 and state = 'dead' and discarded_at is null`)
}

// rule does something about a dead letter and writes down who did. It locks the
// destination, then the delivery: the order every writer keeps, so that nothing newer of
// the lane is claimed meanwhile.
func (p *Post) rule(ctx context.Context, by, id uuid.UUID, act, change string) error {
	err := p.db.AsOperator(ctx, &by, func(ctx context.Context, tx pgx.Tx) error {
		var destination uuid.UUID
		err := tx.QueryRow(ctx, `
			select t.id from deliveries d join destinations t on t.id = d.destination_id where d.id = $1
			for no key update of t`, id).Scan(&destination)
		if errors.Is(err, pgx.ErrNoRows) {
			return fault.NotFound()
		}
		if err != nil {
			return err
		}
		var l DeadLetter
		err = tx.QueryRow(ctx, `select `+deadColumns+deadFrom+`
			where d.id = @id and d.state = 'dead' and d.discarded_at is null
			for no key update of d`, p.deadArgs(pgx.NamedArgs{"id": id})).Scan(l.fields()...)
		if errors.Is(err, pgx.ErrNoRows) {
			return fault.Conflict("invalid_state", "It is no dead letter any more.")
		}
		if err != nil {
			return err
		}
		if act == "replayed" && l.Refusal != "" {
			return fault.Conflict("invalid_state", l.Refusal)
		}
		now := p.now()
		if _, err := tx.Exec(ctx, change, id, now); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			insert into dead_letter_log (delivery_id, act, by_user, reason, at) values ($1, $2, $3, $4, $5)`, id, act, by, l.Reason, now)
		if err != nil {
			return err
		}
		return ring(ctx, tx)
	})
	if err != nil {
		return fmt.Errorf("dead letter %s, to be %s: %w", id, act, err)
	}
	p.log.InfoContext(ctx, "dead letter", "delivery", id, "act", act, "by", by)
	return nil
}
