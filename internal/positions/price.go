package positions

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/money"
)

// BrokerPrice is the last price of a held contract, in dollars a share, that came with
// a reading of the account's holdings.
type BrokerPrice struct {
	Price money.Price
	At    time.Time
}

// notePrices keeps the prices of a reading for the positions that are open, unless a
// later reading was kept.
func (b *Book) notePrices(ctx context.Context, r Reading) error {
	var symbols []string
	var prices []decimal.Decimal
	for _, h := range r.Held {
		if h.Price != nil && !h.Price.IsNegative() {
			symbols, prices = append(symbols, h.Contract.Symbol), append(prices, *h.Price)
		}
	}
	if len(symbols) == 0 {
		return nil
	}
	_, err := b.db.Pool().Exec(ctx, `
		insert into broker_prices (position_id, user_id, price, at)
		select p.id, p.user_id, q.price, $4 from unnest($2::text[], $3::numeric[]) q (symbol, price)
		join positions p on p.account_id = $1 and p.symbol = q.symbol and p.status = 'open'
		on conflict (position_id) do update set price = excluded.price, at = excluded.at where broker_prices.at < excluded.at`,
		r.AccountID, symbols, prices, r.AsOf)
	if err != nil {
		return fmt.Errorf("note the prices of account %s: %w", r.AccountID, err)
	}
	return nil
}

// BrokerPrices gives what brokers last said of a user's positions; those of which none
// did are left out.
func (b *Book) BrokerPrices(ctx context.Context, user uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]BrokerPrice, error) {
	found := make(map[uuid.UUID]BrokerPrice, len(ids))
	err := b.db.ReadAs(ctx, user, func(batch *pgx.Batch) {
		batch.Queue(`select position_id, price, at from broker_prices where user_id = $1 and position_id = any($2)`, user, ids).Query(func(rows pgx.Rows) error {
			var id uuid.UUID
			var price BrokerPrice
			_, err := pgx.ForEachRow(rows, []any{&id, &price.Price.Decimal, &price.At}, func() error { found[id] = price; return nil })
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read brokers' prices: %w", err)
	}
	return found, nil
}
