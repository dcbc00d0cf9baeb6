package copytrade

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/record"
)

// Profile is what everybody may see of one trader: what the directory lists of them
// over all time, and what they made in each of its periods.
type Profile struct {
	Listed
	Periods   []Made     // daily, weekly, monthly, all
	StoppedAt *time.Time // since when they publish nothing new; nil: they do
}

// Made is what a trader's published trades of a period came to.
type Made struct {
	Period   string        `json:"period"`
	Finished int           `json:"finished"`
	PnL      money.Amount  `json:"pnl"`
	WinRate  *money.Amount `json:"winRate"` // percent; null without any
}

// Profile shows a trader who publishes; everybody else is not found. It is one
// statement over the indexes of the directory. Foreign tables: users, published_days.
func (c *Copier) Profile(ctx context.Context, username string) (p Profile, err error) {
	if !postgres.Storable(username) {
		return Profile{}, fault.NotFound()
	}
	periods, today := record.Periods(), c.clock.Today()
	since := make([]time.Time, len(periods))
	for i, period := range periods {
		since[i] = period.Since(today)
	}
	rows, err := c.db.Pool().Query(ctx, `
		select u.username, u.name, u.bio, u.avatar_url, u.verified_at, `+record.StoppedAt+`,
			(select count(*) from subscriptions s where s.trader_id = u.id and `+realFollowers+`)::int, w.period, made.finished, made.wins, made.pnl
		from users u cross join unnest(@periods::text[], @since::timestamptz[]) with ordinality w(period, since, nth)
		cross join lateral (
			select coalesce(sum(d.finished), 0)::int as finished, coalesce(sum(d.wins), 0)::int as wins, coalesce(sum(d.pnl), 0) as pnl
			from published_days d
			where d.trader_id = u.id and d.day >= (w.since at time zone 'America/New_York')::date and `+record.CountedDays+`) made
		where u.username = lower(@username) and `+record.Trader+`
		order by w.nth`, pgx.NamedArgs{"username": username, "periods": periods, "since": since, "paperCounts": c.paperCounts})
	if err != nil {
		return Profile{}, fmt.Errorf("read a trader's profile: %w", err)
	}
	var m Made
	var wins int
	var pnl decimal.Decimal
	into := []any{&p.Username, &p.Name, &p.Bio, &p.AvatarURL, &p.VerifiedAt, &p.StoppedAt, &p.Followers, &m.Period, &m.Finished, &wins, &pnl}
	_, err = pgx.ForEachRow(rows, into, func() error {
		m.PnL, m.WinRate = money.Amount{Decimal: pnl}, nullAmount(money.Percent(decimal.NewFromInt(int64(wins)), decimal.NewFromInt(int64(m.Finished))))
		p.Periods = append(p.Periods, m)
		return nil
	})
	if err != nil {
		return Profile{}, fmt.Errorf("read a trader's profile: %w", err)
	}
	if len(p.Periods) == 0 {
		return Profile{}, fault.NotFound()
	}
	p.VerifiedAt, p.StoppedAt = utc(p.VerifiedAt), utc(p.StoppedAt)
	p.Finished, p.PnL, p.WinRate = m.Finished, m.PnL, m.WinRate
	return p, nil
}

func nullAmount(d decimal.NullDecimal) *money.Amount {
	if !d.Valid {
		return nil
	}
	return &money.Amount{Decimal: d.Decimal}
}

func utc(at *time.Time) *time.Time {
	if at == nil {
		return nil
	}
	inUTC := at.UTC()
	return &inUTC
}

// Following tells whether a user copies a trader now, for real or on paper, and by
// which subscription; nil where not.
func (c *Copier) Following(ctx context.Context, follower uuid.UUID, trader string) (id *uuid.UUID, err error) {
	err = c.db.As(ctx, follower, func(ctx context.Context, tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `
			select s.id from subscriptions s join users u on u.id = s.trader_id
			where s.follower_id = $1 and u.username = lower($2) and s.status <> 'cancelled' order by s.paper, s.created_at limit 1`, follower, trader).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ask whether a trader is copied: %w", err)
	}
	return id, nil
}
