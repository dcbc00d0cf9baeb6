package analytics

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/postgres"
)

// Finished is one finished position.
type Finished struct {
	ID         uuid.UUID
	Contract   exchange.Contract
	Quantity   int // contracts bought
	Cost       money.Amount
	Proceeds   money.Amount
	PnL        money.Amount
	Fees       money.Amount
	Result     string // win, loss, breakeven
	Copied     bool
	CopiedFrom *string // the trader's username
	OpenedAt   time.Time
	ClosedAt   time.Time
	Ended      string // sold, expired, exercised
	Notes      string
	Tags       []string

	sold int    // contracts
	key  string // the value of the column that the list goes by
}

// Percent is the result over what the whole position cost; nil when it cost nothing.
func (f Finished) Percent() *money.Amount { return percent(f.PnL.Decimal, f.Cost.Decimal) }

// AvgBuy is what a share cost on average, fees included.
func (f Finished) AvgBuy() money.Price { return f.perShare(f.Cost, f.Quantity) }

// AvgSell is what a share brought on average, before fees.
func (f Finished) AvgSell() money.Price { return f.perShare(f.Proceeds, f.sold) }

func (f Finished) perShare(of money.Amount, contracts int) money.Price {
	shares := decimal.NewFromInt(int64(contracts) * int64(f.Contract.Multiplier))
	if shares.IsZero() {
		return money.Price{}
	}
	return money.Price{Decimal: of.DivRound(shares, 4)}
}

// HoldDays is how long it was held, in days of 24 hours, two places.
func (f Finished) HoldDays() money.Amount {
	held := decimal.NewFromInt(f.ClosedAt.Sub(f.OpenedAt).Microseconds())
	return amount(held.DivRound(decimal.NewFromInt((24 * time.Hour).Microseconds()), 16).RoundBank(cents))
}

// TradeType is manual or copied.
func (f Finished) TradeType() Source {
	if f.Copied {
		return Copied
	}
	return Manual
}

// finishedShape has the first product's names, in its order.
type finishedShape struct {
	ID         uuid.UUID     `json:"id"`
	Symbol     string        `json:"symbol"`
	Ticker     string        `json:"ticker"`
	OptionType string        `json:"option_type"`
	Strike     string        `json:"strike_price"`
	Expiration exchange.Date `json:"expiration_date"`
	Quantity   int           `json:"quantity"`
	AvgBuy     money.Price   `json:"avg_buy_price"`
	AvgSell    money.Price   `json:"avg_sell_price"`
	PnL        money.Amount  `json:"pnl"`
	Percent    *money.Amount `json:"pnl_pct"`
	Result     string        `json:"result"`
	TradeType  Source        `json:"trade_type"`
	OpenedAt   time.Time     `json:"opened_at"`
	ClosedAt   time.Time     `json:"closed_at"`
	HoldDays   money.Amount  `json:"hold_time_days"`
	Ended      string        `json:"ended"`
	Fees       money.Amount  `json:"fees"`
	Tags       []string      `json:"tags"`
}

// MarshalJSON writes the shape of the API.
func (f Finished) MarshalJSON() ([]byte, error) { return json.Marshal(f.shape()) }

func (f Finished) shape() finishedShape {
	tags := f.Tags
	if tags == nil {
		tags = []string{}
	}
	return finishedShape{
		ID: f.ID, Symbol: f.Contract.Symbol, Ticker: f.Contract.Underlying, OptionType: string(f.Contract.Type), Strike: money.Trim(f.Contract.Strike),
		Expiration: f.Contract.Expiration, Quantity: f.Quantity, AvgBuy: f.AvgBuy(), AvgSell: f.AvgSell(), PnL: f.PnL, Percent: f.Percent(),
		Result: f.Result, TradeType: f.TradeType(), OpenedAt: f.OpenedAt.UTC(), ClosedAt: f.ClosedAt.UTC(), HoldDays: f.HoldDays(),
		Ended: f.Ended, Fees: f.Fees, Tags: tags,
	}
}

// closedSorts are what the list goes by: a column with an index that holds the id beside
// it, and its type. (Indexes positions_closed_…; with a filter some are passed over.)
var closedSorts = map[string]struct{ column, kind string }{
	"closed_at":      {"coalesce(p.closed_at, p.created_at)", "timestamptz"},
	"opened_at":      {"coalesce(p.opened_at, p.created_at)", "timestamptz"},
	"pnl":            {"p.realized", "numeric"},
	"pnl_pct":        {"coalesce(p.realized / nullif(p.cost_bought, 0), 0)", "numeric"},
	"symbol":         {`p.symbol collate "C"`, "text"},
	"hold_time_days": {"(coalesce(p.closed_at, p.created_at) - coalesce(p.opened_at, p.created_at))", "interval"},
}

// ClosedQuery asks for a page of finished positions.
type ClosedQuery struct {
	Filter

	Tag    string // exactly; "" is any
	Text   string // how the symbol begins, in any case; "" is any
	Sort   string // closed_at, opened_at, pnl, pnl_pct, symbol, hold_time_days
	Up     bool   // from the smallest
	Limit  int    // 1 to 200
	Offset int    // rows passed over; with a cursor from there
	Cursor string // "" is the start
}

// Bounds of a list of finished positions.
const (
	OffsetMost = 10_000 // further pages go by cursor, which costs the same everywhere
	textMost   = 40     // characters of a tag, or of what a symbol begins with
)

// ClosedPage is a page of finished positions, how many there are in all, and the cursor of
// the next page, empty on the last.
type ClosedPage struct {
	Rows  []Finished
	Total int
	Next  string
}

// Closed lists finished positions.
func (r *Reports) Closed(ctx context.Context, user uuid.UUID, q ClosedQuery) (page ClosedPage, err error) {
	var total int
	page, err = r.page(ctx, user, q, &total)
	page.Total = total
	return page, err
}

// page reads a page of the list, and how many rows there are in all where that is asked.
func (r *Reports) page(ctx context.Context, user uuid.UUID, q ClosedQuery, total *int) (page ClosedPage, err error) {
	sql, args, err := q.statement(user)
	if err != nil {
		return page, err
	}
	err = r.read(ctx, user, q.Filter, func(b *pgx.Batch) {
		b.Queue(sql, args).Query(func(rows pgx.Rows) (err error) {
			page.Rows, err = pgx.CollectRows(rows, scanFinished)
			return err
		})
		if total != nil {
			q.queueTotal(b, user, total)
		}
	})
	if q.Cursor != "" && postgres.IsBadValue(err) {
		return page, wrongCursor()
	}
	if err != nil {
		return page, fmt.Errorf("list finished positions: %w", err)
	}
	if len(page.Rows) > q.Limit {
		page.Rows = page.Rows[:q.Limit]
		last := page.Rows[len(page.Rows)-1]
		page.Next = base64.RawURLEncoding.EncodeToString(append(last.ID[:], last.key...))
	}
	return page, nil
}

func wrongCursor() error { return fault.Field("cursor", "must be one that an earlier page gave") }

// matching are the conditions of a finished position p.
const matching = `p.user_id = @user and p.status in ('closed', 'expired', 'exercised') and p.outcome is not null
	and (@account::uuid is null or p.account_id = @account)
	and (@copied::bool is null or (p.source = 'copy') = @copied)
	and (@trader::text is null or p.copied_from = (select id from users where username = lower(@trader)))`

// more are the conditions that not every list has. Days that are open are none: a plan for
// any two days would read them all, and sort, where the list's own index has the order.
func (q ClosedQuery) more() (sql string) {
	if q.From != nil {
		sql += ` and p.closed_at >= (@from::text::date::timestamp ` + newYork + `)`
	}
	if q.To != nil {
		sql += ` and p.closed_at < (@next::text::date::timestamp ` + newYork + `)`
	}
	if q.Tag != "" {
		sql += ` and p.tags <> '{}' and p.tags @> array[@tag::text]` // index positions_tagged
	}
	if q.Text != "" {
		sql += ` and p.symbol collate "C" >= @text::text and p.symbol collate "C" < @text::text || '~'`
	}
	return sql
}

func (q ClosedQuery) args(user uuid.UUID) pgx.NamedArgs {
	args := byDay.asked(user, q.Filter)
	args["tag"], args["text"] = q.Tag, strings.ToUpper(q.Text)
	return args
}

// statement is the page's query.
func (q ClosedQuery) statement(user uuid.UUID) (sql string, args pgx.NamedArgs, err error) {
	by, ok := closedSorts[q.Sort]
	if !ok {
		return "", nil, fault.Field("sort", "must be a column that this list goes by")
	}
	for name, text := range map[string]string{"tag": q.Tag, "q": q.Text} {
		if len([]rune(text)) > textMost || !postgres.Storable(text) || strings.ContainsFunc(text, unicode.IsControl) {
			return "", nil, fault.Field(name, fmt.Sprintf("must have at most %d plain characters", textMost))
		}
	}
	direction, beyond, after := "desc", "<", ""
	if q.Up {
		direction, beyond = "asc", ">"
	}
	args = q.args(user)
	args["limit"], args["offset"] = q.Limit+1, q.Offset
	if q.Cursor != "" {
		raw, err := base64.RawURLEncoding.Strict().DecodeString(q.Cursor)
		if err != nil || len(raw) <= len(uuid.Nil) || !postgres.Storable(string(raw[len(uuid.Nil):])) {
			return "", nil, wrongCursor()
		}
		args["id"], args["key"] = uuid.UUID(raw[:len(uuid.Nil)]), string(raw[len(uuid.Nil):])
		after = `and (` + by.column + `, p.id) ` + beyond + ` (@key::text::` + by.kind + `, @id::uuid)`
	}
	return `
		select p.id, p.symbol, p.underlying, p.option_type, p.strike, p.expiration, p.multiplier, p.bought, p.sold, p.cost_bought, p.proceeds, p.realized,
			p.fees, p.outcome, p.source = 'copy', u.username, coalesce(p.opened_at, p.created_at), p.closed_at,
			case p.status when 'closed' then 'sold' else p.status end, p.notes, p.tags, (` + by.column + `)::text
		from positions p left join users u on u.id = p.copied_from
		where ` + matching + q.more() + ` ` + after + `
		order by ` + by.column + ` ` + direction + `, p.id ` + direction + ` limit @limit offset @offset`, args, nil
}

// queueTotal counts what the list has: from the rollups, where they know.
func (q ClosedQuery) queueTotal(b *pgx.Batch, user uuid.UUID, total *int) {
	count := days + ` select coalesce(sum(trades), 0)::int from facts`
	if q.Tag != "" || q.Text != "" {
		count = `select count(*)::int from positions p where ` + matching + q.more()
	}
	b.Queue(count, q.args(user)).QueryRow(func(row pgx.Row) error { return row.Scan(total) })
}

func scanFinished(row pgx.CollectableRow) (f Finished, err error) {
	c := &f.Contract
	err = row.Scan(&f.ID, &c.Symbol, &c.Underlying, &c.Type, &c.Strike, &c.Expiration, &c.Multiplier, &f.Quantity, &f.sold, &f.Cost.Decimal, &f.Proceeds.Decimal,
		&f.PnL.Decimal, &f.Fees.Decimal, &f.Result, &f.Copied, &f.CopiedFrom, &f.OpenedAt, &f.ClosedAt, &f.Ended, &f.Notes, &f.Tags, &f.key)
	return f, err
}
