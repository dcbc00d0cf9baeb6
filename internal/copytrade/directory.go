package copytrade

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/record"
)

// Listed is a trader as the directory shows them to everybody.
type Listed struct {
	Username   string        `json:"username"`
	Name       string        `json:"name"`
	Bio        string        `json:"bio"`
	AvatarURL  *string       `json:"avatarUrl"`
	VerifiedAt *time.Time    `json:"verifiedAt"`
	Followers  int           `json:"followers"`
	Finished   int           `json:"finished"` // published trades that came out in the period
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
}

const searchMost = 100 // characters

// realFollowers are the subscriptions s of those who follow a trader: a copy on paper
// is its follower's own affair.
const realFollowers = `s.status <> 'cancelled' and not s.paper`

// Directory lists traders who publish, best first; next is the cursor of the page
// behind, empty on the last. What they made comes from what they published, by one
// statement (key of published_days, index subscriptions_followers). Foreign
// tables: users, published_days.
func (c *Copier) Directory(ctx context.Context, q DirectoryQuery) (page []Listed, next string, err error) {
	if len(q.Text) > searchMost || !postgres.Storable(q.Text) {
		return nil, "", fault.Field("q", "At most 100 characters of plain text.")
	}
	value, username, err := directoryCursor(q.Cursor)
	if err != nil {
		return nil, "", err
	}
	rows, err := c.db.Pool().Query(ctx, `
		with t as (
			select u.* from users u
			where `+record.Trader+` and `+record.StoppedAt+` is null and (@text = '' or strpos(u.username, lower(@text)) > 0 or strpos(lower(u.name), lower(@text)) > 0)
		), made as (
			select d.trader_id, sum(d.finished) as finished, sum(d.wins) as wins, sum(d.pnl) as pnl
			from t join published_days d on d.trader_id = t.id and d.day >= (@since::timestamptz at time zone 'America/New_York')::date
			where `+record.CountedDays+`
			group by d.trader_id
		), follow as (
			select s.trader_id, count(*) as n from t join subscriptions s on s.trader_id = t.id and `+realFollowers+`
			group by s.trader_id
		), listed as (
			select t.username, t.name, t.bio, t.avatar_url, t.verified_at, coalesce(f.n, 0)::int as followers, coalesce(m.finished, 0)::int as finished,
				coalesce(m.pnl, 0) as pnl, coalesce(m.wins, 0) as wins
			from t left join made m on m.trader_id = t.id left join follow f on f.trader_id = t.id
		), sorted as (
			select *, case @sort when 'pnl' then pnl when 'winRate' then coalesce(wins::numeric / nullif(finished, 0), -1) else followers end as value from listed
		)
		select username, name, bio, avatar_url, verified_at, followers, finished, pnl, wins, value from sorted
		where @first or value < @value or value = @value and username > @username
		order by value desc, username limit @limit`, pgx.NamedArgs{
		"text": q.Text, "paperCounts": c.paperCounts, "since": record.Period(q.Period).Since(c.clock.Today()), "sort": q.Sort, "first": q.Cursor == "",
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
	t.PnL, t.VerifiedAt = money.Amount{Decimal: pnl}, utc(t.VerifiedAt)
	if rate := money.Percent(decimal.NewFromInt(wins), decimal.NewFromInt(int64(t.Finished))); rate.Valid {
		t.WinRate = &money.Amount{Decimal: rate.Decimal}
	}
	return t, err
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
	number, username, found := strings.Cut(string(raw), " ")
	if value, err = decimal.NewFromString(number); err != nil || !found || len(text) > 200 || strings.ContainsAny(number, "eE") || !postgres.Storable(username) {
		return value, "", bad
	}
	return value, username, nil
}
