package alerts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
)

// Preferences are what somebody wants to hear of, and where. The inbox has everything
// in any case.
type Preferences struct {
	Channels []string // that there are, besides the inbox
	Groups   []Preference
	Quiet    *Quiet
	Muted    []MutedTrader
}

// Preference is where one group of types goes.
type Preference struct {
	Group
	Wanted map[string]bool // by channel
	Usual  map[string]bool // unless chosen otherwise
}

// Quiet are quiet hours as their owner writes them: times of day as HH:MM, and a zone
// such as America/New_York.
type Quiet struct {
	From          string `json:"from"`
	To            string `json:"to"`
	TimeZone      string `json:"timeZone"`
	UrgentThrough bool   `json:"urgentThrough"`
}

// MutedTrader is a trader whose messages stay in the inbox.
type MutedTrader struct {
	ID       uuid.UUID `json:"id"`
	Username string    `json:"username"`
}

// Choices are preferences as somebody sets them: what is left out is as by default.
type Choices struct {
	Groups map[string]map[string]bool // by group and channel
	Quiet  *Quiet
	Muted  []string // usernames
}

// mutedMax bounds how many traders somebody mutes.
const mutedMax = 200

// Preferences reads a user's, for the channels there are.
func (a *Announcer) Preferences(ctx context.Context, user uuid.UUID, channels []string) (p Preferences, err error) {
	err = a.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		p, err = readPreferences(ctx, tx, user, channels)
		return err
	})
	if err != nil {
		return p, fmt.Errorf("read preferences of %s: %w", user, err)
	}
	return p, nil
}

func readPreferences(ctx context.Context, tx pgx.Tx, user uuid.UUID, channels []string) (Preferences, error) {
	p := Preferences{Channels: channels}
	chosen, err := readChoices(ctx, tx, user)
	if err != nil {
		return p, err
	}
	for _, g := range Groups() {
		one := Preference{Group: g, Wanted: map[string]bool{}, Usual: map[string]bool{}}
		for _, channel := range channels {
			one.Usual[channel] = usual(g.Types[0], channel)
			one.Wanted[channel] = one.Usual[channel]
			if wanted, differs := chosen[choice{g.Types[0], channel}]; differs {
				one.Wanted[channel] = wanted
			}
		}
		p.Groups = append(p.Groups, one)
	}
	if p.Quiet, err = readQuiet(ctx, tx, user); err != nil {
		return p, err
	}
	p.Muted, err = readMuted(ctx, tx, user)
	return p, err
}

// choice is one switch.
type choice struct {
	Type    Type
	Channel string
}

func readChoices(ctx context.Context, tx pgx.Tx, user uuid.UUID) (map[choice]bool, error) {
	rows, err := tx.Query(ctx, `select type, channel, wanted from notification_choices where user_id = $1`, user)
	if err != nil {
		return nil, fmt.Errorf("read choices: %w", err)
	}
	chosen := map[choice]bool{}
	var c choice
	var wanted bool
	if _, err = pgx.ForEachRow(rows, []any{&c.Type, &c.Channel, &wanted}, func() error { chosen[c] = wanted; return nil }); err != nil {
		return nil, fmt.Errorf("read choices: %w", err)
	}
	return chosen, nil
}

func readQuiet(ctx context.Context, tx pgx.Tx, user uuid.UUID) (*Quiet, error) {
	var q Quiet
	var from, to int
	err := tx.QueryRow(ctx, `select begins, ends, zone, urgent_through from quiet_hours where user_id = $1`, user).
		Scan(&from, &to, &q.TimeZone, &q.UrgentThrough)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read quiet hours: %w", err)
	}
	q.From, q.To = clockText(from), clockText(to)
	return &q, nil
}

// readMuted reads users' names.
func readMuted(ctx context.Context, tx pgx.Tx, user uuid.UUID) ([]MutedTrader, error) {
	rows, err := tx.Query(ctx, `
		select u.id, u.username from muted_traders m join users u on u.id = m.trader_id
		where m.user_id = $1 order by u.username limit $2`, user, mutedMax)
	if err != nil {
		return nil, fmt.Errorf("read muted traders: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[MutedTrader])
}

// SetPreferences makes a user's what is given, for the channels there are; everything
// left out is as by default. It holds from the next message that is about to be sent,
// those that wait already included. Errors: validation_failed, which names each field.
func (a *Announcer) SetPreferences(ctx context.Context, user uuid.UUID, channels []string, c Choices) (p Preferences, err error) {
	chosen, quiet, wrong := c.read(channels)
	err = a.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		muted, missing, err := findMuted(ctx, tx, user, c.Muted)
		if err != nil {
			return err
		}
		if missing != "" {
			wrong["mutedTraders"] = missing
		}
		if len(wrong) > 0 {
			return fault.Validation(wrong)
		}
		if err := a.storePreferences(ctx, tx, user, channels, chosen, quiet, muted); err != nil {
			return err
		}
		p, err = readPreferences(ctx, tx, user, channels)
		return err
	})
	if err != nil {
		return p, fmt.Errorf("set preferences of %s: %w", user, err)
	}
	return p, nil
}

// storePreferences writes one whole after the other: two tabs that save at once leave
// what one of them said.
func (a *Announcer) storePreferences(ctx context.Context, tx pgx.Tx, user uuid.UUID, channels []string, chosen map[choice]bool, quiet *delivery.QuietHours, muted []uuid.UUID) error {
	if err := lockPreferences(ctx, tx, user); err != nil {
		return err
	}
	var types, by []string
	var wanted []bool
	for c, w := range chosen {
		types, by, wanted = append(types, c.Type), append(by, c.Channel), append(wanted, w)
	}
	now := a.now()
	steps := []struct {
		sql  string
		args []any
	}{
		{`delete from notification_choices where user_id = $1 and channel = any($2)`, []any{user, channels}},
		{
			`insert into notification_choices (user_id, type, channel, wanted, changed_at)
			select $1, type, channel, wanted, $5 from unnest($2::text[], $3::text[], $4::bool[]) as c(type, channel, wanted)`,
			[]any{user, types, by, wanted, now},
		},
		{`delete from muted_traders where user_id = $1 and not trader_id = any($2::uuid[])`, []any{user, muted}},
		{
			`insert into muted_traders (user_id, trader_id, muted_at) select $1, id, $3 from unnest($2::uuid[]) as id on conflict do nothing`,
			[]any{user, muted, now},
		},
	}
	for _, s := range steps {
		if _, err := tx.Exec(ctx, s.sql, s.args...); err != nil {
			return fmt.Errorf("store preferences: %w", err)
		}
	}
	return storeQuiet(ctx, tx, user, quiet, now)
}

func lockPreferences(ctx context.Context, tx pgx.Tx, user uuid.UUID) error {
	return postgres.Lock(ctx, tx, "preferences of "+user.String())
}

// Unsubscribe switches off, in the caller's transaction, mail of the types that are in some
// categories: the same switches as those of the user's own preferences. Doing it twice
// changes nothing.
func (a *Announcer) Unsubscribe(ctx context.Context, tx pgx.Tx, user uuid.UUID, categories []string) error {
	var some, byDefault []string
	for _, t := range Types() {
		switch {
		case !slices.Contains(categories, mailCategory(t)):
		case usual(t, delivery.ChannelEmail):
			byDefault = append(byDefault, t)
		default:
			some = append(some, t)
		}
	}
	if err := lockPreferences(ctx, tx, user); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `
		with off_by_default as (
			delete from notification_choices where user_id = $1 and channel = 'email' and type = any($2)
		)
		insert into notification_choices (user_id, type, channel, wanted, changed_at)
		select $1, type, 'email', false, $4 from unnest($3::text[]) as type
		on conflict (user_id, type, channel) do update set wanted = false, changed_at = excluded.changed_at
		where notification_choices.wanted`, user, some, byDefault, a.now())
	if err != nil {
		return fmt.Errorf("unsubscribe %s: %w", user, err)
	}
	return nil
}

// storeQuiet also lets go what the hours of before hold back: the new ones decide.
func storeQuiet(ctx context.Context, tx pgx.Tx, user uuid.UUID, q *delivery.QuietHours, now time.Time) error {
	var err error
	if q == nil {
		_, err = tx.Exec(ctx, `delete from quiet_hours where user_id = $1`, user)
	} else {
		_, err = tx.Exec(ctx, `
			insert into quiet_hours (user_id, begins, ends, zone, urgent_through, changed_at) values ($1, $2, $3, $4, $5, $6)
			on conflict (user_id) do update set begins = excluded.begins, ends = excluded.ends, zone = excluded.zone,
				urgent_through = excluded.urgent_through, changed_at = excluded.changed_at`,
			user, q.From, q.To, q.Zone.String(), q.UrgentThrough, now)
	}
	if err != nil {
		return fmt.Errorf("store quiet hours: %w", err)
	}
	return delivery.Release(ctx, tx, user, now)
}

// findMuted reads users' table. missing says what is wrong with the names.
func findMuted(ctx context.Context, tx pgx.Tx, user uuid.UUID, names []string) (ids []uuid.UUID, missing string, err error) {
	if len(names) > mutedMax {
		return nil, fmt.Sprintf("At most %d traders.", mutedMax), nil
	}
	ids = []uuid.UUID{}
	known := map[string]bool{}
	names = slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == "" })
	for _, n := range names {
		if !postgres.Storable(n) {
			return nil, "Names are plain text.", nil
		}
	}
	rows, err := tx.Query(ctx, `select id, username from users where username = any($1) and role in ('trader', 'admin') and id <> $2`, names, user)
	if err != nil {
		return nil, "", fmt.Errorf("find muted traders: %w", err)
	}
	var id uuid.UUID
	var name string
	if _, err = pgx.ForEachRow(rows, []any{&id, &name}, func() error { ids, known[name] = append(ids, id), true; return nil }); err != nil {
		return nil, "", fmt.Errorf("find muted traders: %w", err)
	}
	for _, n := range names {
		if !known[n] {
			return nil, "No trader other than you is called " + cut(n, 40) + ".", nil
		}
	}
	return ids, "", nil
}
