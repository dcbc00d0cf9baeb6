package positions

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
)

// Invented is a finished position that nobody traded: contracts that came at a price and
// left at another, or expired, without an order.
type Invented struct {
	Contract           exchange.Contract
	Quantity           int
	Paid, Got          decimal.Decimal // per share; nothing got: it expired
	OpenedAt, ClosedAt time.Time
}

// Imagine makes n of them, spread over the trading days between two dates, the last not
// among them. The same source of chance makes the same.
func Imagine(chance *rand.Rand, n int, from, to exchange.Date) ([]Invented, error) {
	var days []exchange.Session
	for d := from; d.Before(to); d = d.AddDays(1) {
		if s, open := exchange.SessionOf(d, "AAPL"); open {
			days = append(days, s)
		}
	}
	if len(days) == 0 {
		return nil, fmt.Errorf("no trading day from %s to %s", from, to)
	}
	list := make([]Invented, n)
	for i := range list {
		var err error
		if list[i], err = imagine(chance, days); err != nil {
			return nil, err
		}
	}
	return list, nil
}

var imagined = []string{"AAPL", "AMD", "AMZN", "F", "GOOG", "IWM", "META", "MSFT", "NVDA", "QQQ", "SPY", "TSLA"}

func imagine(chance *rand.Rand, days []exchange.Session) (made Invented, err error) {
	last := chance.IntN(len(days))
	first := max(last-chance.IntN(6), 0)
	moment := func(s exchange.Session, part time.Duration) time.Time {
		return s.Open.Add(time.Duration(chance.Int64N(int64(part)))).Truncate(time.Millisecond)
	}
	half := days[last].Close.Sub(days[last].Open) / 2
	made.OpenedAt, made.ClosedAt = moment(days[first], half), moment(days[last], half).Add(half)
	optionType := exchange.Call
	if chance.IntN(5) < 2 {
		optionType = exchange.Put
	}
	strike, expiration := decimal.NewFromInt(int64(5*(10+chance.IntN(90)))), days[last].Day.AddDays(1+chance.IntN(40))
	made.Contract, err = exchange.NewContract(imagined[chance.IntN(len(imagined))], optionType, strike, expiration)
	if err != nil {
		return made, fmt.Errorf("imagine a contract: %w", err)
	}
	made.Quantity = 1 + chance.IntN(10)
	made.Paid = decimal.New(int64(50+chance.IntN(950)), -2)
	if chance.IntN(30) > 0 { // from −80 % to +110 %
		made.Got = made.Paid.Mul(decimal.New(int64(20+chance.IntN(190)), -2)).RoundBank(2)
	}
	return made, nil
}

// Invent stores what was imagined as somebody's own, by two copies of whole rows, for
// development.
func Invent(ctx context.Context, tx pgx.Tx, user, account uuid.UUID, list []Invented) error {
	var rows, adjustments [][]any
	for _, i := range list {
		p, c := uuid.New(), i.Contract
		cost := i.Paid.Mul(decimal.NewFromInt(int64(i.Quantity * c.Multiplier)))
		proceeds := i.Got.Mul(decimal.NewFromInt(int64(i.Quantity * c.Multiplier)))
		status, left := Closed, External
		if i.Got.IsZero() {
			status, left = EndExpired, Expired
		}
		d := c.Expiration
		rows = append(rows, []any{
			p, user, account, c.Symbol, c.Underlying, string(c.Type), c.Strike, time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC), c.Multiplier,
			string(status), i.Quantity, i.Quantity, cost, proceeds, proceeds.Sub(cost), "detected", i.OpenedAt, i.ClosedAt, i.OpenedAt, i.ClosedAt,
		})
		adjustments = append(adjustments,
			[]any{p, user, string(External), c.Symbol, i.Quantity, cost, nil, nil, i.OpenedAt, i.OpenedAt},
			[]any{p, user, string(left), c.Symbol, -i.Quantity, cost.Neg(), proceeds, proceeds.Sub(cost), i.ClosedAt, i.ClosedAt})
	}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"positions"}, []string{
		"id", "user_id", "account_id", "symbol", "underlying", "option_type", "strike", "expiration", "multiplier",
		"status", "bought", "sold", "cost_bought", "proceeds", "realized", "source", "opened_at", "closed_at", "created_at", "updated_at",
	}, pgx.CopyFromRows(rows))
	if err != nil {
		return fmt.Errorf("invent positions: %w", err)
	}
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"position_adjustments"}, []string{
		"position_id", "user_id", "kind", "symbol", "quantity", "cost", "proceeds", "realized", "as_of", "learnt_at",
	}, pgx.CopyFromRows(adjustments))
	if err != nil {
		return fmt.Errorf("invent what changed them: %w", err)
	}
	return nil
}
