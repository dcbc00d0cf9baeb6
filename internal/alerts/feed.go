package alerts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
)

// FeedKind is one of the feeds.
type FeedKind string

// The feeds: everybody's alerts, those of the traders one follows or copies, one trader's.
const (
	GlobalFeed   FeedKind = "global"
	TimelineFeed FeedKind = "timeline"
	TradeFeed    FeedKind = "trade"
)

// FeedQuery asks for a page of a feed, newest first, at most 100 (25 when Limit is 0).
type FeedQuery struct {
	Kind     FeedKind
	Viewer   uuid.UUID
	Username string // TradeFeed: whose
	Limit    int
	Cursor   string
}

// FeedItem is an alert as everybody may see it.
type FeedItem struct {
	ID              uuid.UUID         `json:"id"`
	TraderID        uuid.UUID         `json:"traderId"`
	Username        string            `json:"username"`
	Name            string            `json:"name"`
	Side            string            `json:"side"`
	Contract        exchange.Contract `json:"contract"`
	Quantity        int               `json:"quantity"`
	Filled          int               `json:"filled"`
	Price           money.Price       `json:"price"`
	Entry           *money.Price      `json:"entry"`
	Exit            *money.Price      `json:"exit"`
	RealizedPnl     *money.Amount     `json:"realizedPnl"`
	RealizedPercent *decimal.Decimal  `json:"realizedPercent"`
	OrderID         *uuid.UUID        `json:"orderId,omitempty"` // only in one's own
	At              time.Time         `json:"at"`                // first fill
	UpdatedAt       time.Time         `json:"updatedAt"`
}

// Feed reads a feed from our own tables. next is the cursor of the following
// page, empty on the last. Errors: not_found for an unknown username or kind,
// validation_failed for a cursor that is not ours.
func (a *Announcer) Feed(ctx context.Context, q FeedQuery) (items []FeedItem, next string, err error) {
	from, err := markOf(q.Cursor)
	if err != nil {
		return nil, "", err
	}
	size := pageSize(q.Limit)
	var rows []alertRow
	err = a.db.As(ctx, q.Viewer, func(ctx context.Context, tx pgx.Tx) error {
		rows, err = readFeed(ctx, tx, q, from, size+1)
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("read %s feed: %w", q.Kind, err)
	}
	if len(rows) > size {
		rows = rows[:size]
		next = mark{rows[size-1].CreatedAt, rows[size-1].ID}.cursor()
	}
	items = make([]FeedItem, len(rows))
	for i, r := range rows {
		if items[i], err = r.item(q.Viewer); err != nil {
			return nil, "", err
		}
	}
	return items, next, nil
}

const feedPage = ` and (a.created_at, a.id) < ($1, $2) order by a.created_at desc, a.id desc limit $3`

func readFeed(ctx context.Context, tx pgx.Tx, q FeedQuery, from mark, limit int) ([]alertRow, error) {
	switch q.Kind {
	case GlobalFeed:
		return readAlerts(ctx, tx, `a.public`+feedPage, from.at, from.id, limit)
	case TimelineFeed:
		// Reads copytrade's table: who is copied is followed too. Each gives their newest (index
		// alerts_user), so that nobody reads what all others said to find them. For a trader who
		// said little among many the plan would rather look through all of alerts_public, which
		// the coalesce, true or not as public is, keeps out of its sight.
		return readAlerts(ctx, tx, `a.id = any(array(
			select l.id from (
				select trader_id from follows where follower_id = $4
				union select trader_id from subscriptions where follower_id = $4 and status <> 'cancelled') t
			cross join lateral (
				select n.id, n.created_at from alerts n where n.user_id = t.trader_id and coalesce(n.public, false) and (n.created_at, n.id) < ($1, $2)
				order by n.created_at desc, n.id desc limit $3) l
			order by l.created_at desc, l.id desc limit $3)) order by a.created_at desc, a.id desc`,
			from.at, from.id, limit, q.Viewer)
	case TradeFeed:
		trader, err := traderNamed(ctx, tx, q.Username)
		if err != nil {
			return nil, err
		}
		return readAlerts(ctx, tx, `a.public and a.user_id = $4`+feedPage, from.at, from.id, limit, trader)
	default:
		return nil, fault.NotFound()
	}
}

func traderNamed(ctx context.Context, tx pgx.Tx, username string) (uuid.UUID, error) {
	var id uuid.UUID
	err := tx.QueryRow(ctx, `select id from users where username = $1 and status <> 'deleted'`, username).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return id, fault.NotFound()
	}
	return id, err
}

// alertRow is a row of the alerts table.
type alertRow struct {
	ID         uuid.UUID       `json:"id"`
	OrderID    uuid.UUID       `json:"order_id"`
	UserID     uuid.UUID       `json:"user_id"`
	PositionID uuid.UUID       `json:"position_id"`
	Facts      json.RawMessage `json:"facts"`
	ExecutedAt *time.Time      `json:"executed_at"`
	LearntAt   time.Time       `json:"learnt_at"`
	CreatedAt  time.Time       `json:"created_at"`
	UpdatedAt  time.Time       `json:"updated_at"`
	Record     *string         `json:"record"` // the first digits of the trader's track record
}

func readAlerts(ctx context.Context, tx pgx.Tx, where string, args ...any) ([]alertRow, error) {
	rows, err := tx.Query(ctx, `
		select a.id, a.order_id, a.user_id, a.position_id, a.facts, a.executed_at, a.learnt_at, a.created_at, a.updated_at, a.record
		from alerts a where `+where, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[alertRow])
}

// at is when the order first filled: by the broker's clock, else when we learnt of it.
func (r alertRow) at() time.Time {
	if r.ExecutedAt != nil {
		return *r.ExecutedAt
	}
	return r.LearntAt
}

func (r alertRow) facts() (facts, error) {
	var f facts
	if err := json.Unmarshal(r.Facts, &f); err != nil {
		return f, fmt.Errorf("read facts of alert %s: %w", r.ID, err)
	}
	return f, nil
}

func (r alertRow) item(viewer uuid.UUID) (FeedItem, error) {
	f, err := r.facts()
	if err != nil {
		return FeedItem{}, err
	}
	item := FeedItem{
		ID: r.ID, TraderID: r.UserID, Username: f.Username, Name: f.Name,
		Side: f.Side, Contract: f.Contract, Quantity: f.Ordered, Filled: f.Filled, Price: f.Price,
		At: r.at().UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
	if viewer == r.UserID {
		item.OrderID = &r.OrderID
	}
	if f.Side == buyToOpen {
		item.Entry = &f.Price
		return item, nil
	}
	item.Entry, item.Exit, item.RealizedPnl = f.Entry, &f.Price, f.Realized
	if p := f.percent(); p.Valid {
		item.RealizedPercent = &p.Decimal
	}
	return item, nil
}
