package copytrade

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
)

// Listed is a trader as the directory shows them to everybody.
type Listed struct {
	Username   string        `json:"username"`
	Name       string        `json:"name"`
	Bio        string        `json:"bio"`
	AvatarURL  *string       `json:"avatarUrl"`
	VerifiedAt *time.Time    `json:"verifiedAt"`
	Followers  int           `json:"followers"`
	Finished   int           `json:"finished"` // own positions that came out in the period
	PnL        money.Amount  `json:"pnl"`      // dollars, of those
	WinRate    *money.Amount `json:"winRate"`  // percent of those; null without any

	value decimal.Decimal // what the list is sorted by
}

// DirectoryQuery asks for a page of the directory.
type DirectoryQuery struct {
	Sort   string // pnl, winRate, followers
	Period string // daily, weekly, monthly, all
	Text   string // part of the username or the name; empty: everybody
	Limit  int    // 1 to 200
	Cursor string // "" is the start
	Only   string // one username, exactly; empty: all
}

// Directory lists traders who publish, best first; next is the cursor of the page
// behind, empty on the last. What they made comes from their own finished positions
// by one statement (indexes positions_finished, subscriptions_followers). Foreign
// tables: users, positions.
func (c *Copier) Directory(ctx context.Context, q DirectoryQuery) (page []Listed, next string, err error) {
	value, username, err := directoryCursor(q.Cursor)
	if err != nil {
		return nil, "", err
	}
	rows, err := c.db.Pool().Query(ctx, `
		with t as (
			select u.* from users u
			where u.role in ('trader', 'admin') and u.status = 'active' and (@only = '' or u.username = @only)
			  and (@text = '' or strpos(u.username, lower(@text)) > 0 or strpos(lower(u.name), lower(@text)) > 0)
		), made as (
			select p.user_id, count(*) as finished, count(*) filter (where p.outcome = 'win') as wins, sum(p.realized) as pnl
			from t join positions p on p.user_id = t.id and p.outcome is not null and p.source <> 'copy' and p.closed_at >= @since
			group by p.user_id
		), follow as (
			select s.trader_id, count(*) as n from t join subscriptions s on s.trader_id = t.id and s.status <> 'cancelled' and not s.paper
			group by s.trader_id
		), listed as (
			select t.username, t.name, t.bio, t.avatar_url, t.verified_at, coalesce(f.n, 0)::int as followers, coalesce(m.finished, 0)::int as finished,
				coalesce(m.pnl, 0) as pnl, coalesce(m.wins, 0) as wins
			from t left join made m on m.user_id = t.id left join follow f on f.trader_id = t.id
		), sorted as (
			select *, case @sort when 'pnl' then pnl when 'winRate' then coalesce(wins::numeric / nullif(finished, 0), -1) else followers end as value from listed
		)
		select username, name, bio, avatar_url, verified_at, followers, finished, pnl, wins, value from sorted
		where @first or value < @value or value = @value and username > @username
		order by value desc, username limit @limit`, pgx.NamedArgs{
		"only": q.Only, "text": q.Text, "since": c.since(q.Period), "sort": q.Sort, "first": q.Cursor == "",
		"value": value, "username": username, "limit": q.Limit + 1,
	})
	if err != nil {
		return nil, "", fmt.Errorf("list traders: %w", err)
	}
	page, err = pgx.CollectRows(rows, scanListed)
	if err != nil {
		return nil, "", fmt.Errorf("list traders: %w", err)
	}
	if len(page) > q.Limit {
		page = page[:q.Limit]
		last := page[len(page)-1]
		next = base64.RawURLEncoding.EncodeToString([]byte(last.value.String() + " " + last.Username))
	}
	return page, next, nil
}

func scanListed(row pgx.CollectableRow) (t Listed, err error) {
	var pnl decimal.Decimal
	var wins int64
	err = row.Scan(&t.Username, &t.Name, &t.Bio, &t.AvatarURL, &t.VerifiedAt, &t.Followers, &t.Finished, &pnl, &wins, &t.value)
	t.PnL = money.Amount{Decimal: pnl}
	if rate := money.Percent(decimal.NewFromInt(wins), decimal.NewFromInt(int64(t.Finished))); rate.Valid {
		t.WinRate = &money.Amount{Decimal: rate.Decimal}
	}
	if t.VerifiedAt != nil {
		at := t.VerifiedAt.UTC()
		t.VerifiedAt = &at
	}
	return t, err
}

// since is when a period began: a day, a week or a month of trading days back from
// the market's own today, in New York.
func (c *Copier) since(period string) time.Time {
	days := map[string]int{"daily": 0, "weekly": 6, "monthly": 29}
	back, known := days[period]
	if !known {
		return time.Time{}
	}
	today := c.clock.Today()
	return time.Date(today.Year, today.Month, today.Day-back, 0, 0, 0, 0, exchange.NewYork)
}

func directoryCursor(text string) (value decimal.Decimal, username string, err error) {
	if text == "" {
		return decimal.Zero, "", nil
	}
	bad := fault.Field("cursor", "Not a cursor of this list.")
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return value, "", bad
	}
	number, username, found := strings.Cut(strings.ToValidUTF8(string(raw), ""), " ")
	if value, err = decimal.NewFromString(number); err != nil || !found || len(text) > 200 || strings.ContainsAny(number, "eE") || strings.ContainsRune(username, 0) {
		return value, "", bad
	}
	return value, username, nil
}

// Profile is one trader of the directory, over all time.
func (c *Copier) Profile(ctx context.Context, username string) (Listed, error) {
	page, _, err := c.Directory(ctx, DirectoryQuery{Sort: "pnl", Period: "all", Limit: 1, Only: strings.ToLower(username)})
	if err != nil {
		return Listed{}, err
	}
	if len(page) == 0 {
		return Listed{}, fault.NotFound()
	}
	return page[0], nil
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
	return id, err
}
