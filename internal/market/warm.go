package market

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/postgres"
)

// warmMost is how many expirations are read ahead: with the underlyings' own at most twice as
// many calls, of some 200 a minute that Alpaca takes.
const warmMost = 40

// warmPatience is how many in a row Alpaca may leave unanswered until the rest is let be: one
// may be refused by itself.
const warmPatience = 3

// Warm reads ahead what people are about to ask for: which expirations there are of the
// underlyings that most of them hold, and the listings of those they hold. What is kept still
// is not read again. What Alpaca does not answer is read when somebody asks for it: that is no
// error. Without Alpaca's keys it does nothing. Foreign table: positions.
func (m *Market) Warm(ctx context.Context) error {
	if m.Off() != nil {
		return nil //nolint:nilerr // without keys there is nothing to read ahead
	}
	held, err := m.mostHeld(ctx)
	if err != nil {
		return err
	}
	silent := 0
	for _, h := range held {
		err := m.warm(ctx, h)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			m.log.WarnContext(ctx, "not read ahead", "underlying", h.underlying, "expiration", h.expiration.String(), "err", err)
		}
		if !IsAway(err) {
			silent = 0
		} else if silent++; silent == warmPatience {
			return nil
		}
	}
	return nil
}

func (m *Market) warm(ctx context.Context, h heldExpiration) error {
	if _, err := m.Expirations(ctx, h.underlying); err != nil {
		return err
	}
	_, err := m.listing(ctx, h.underlying, h.expiration, listingAge)
	return err
}

type heldExpiration struct {
	underlying string
	expiration exchange.Date
}

// mostHeld are the expirations in which most positions are open (index positions_open_symbol).
func (m *Market) mostHeld(ctx context.Context) ([]heldExpiration, error) {
	rows, err := m.db.Pool().Query(ctx, `
		select underlying, expiration from positions where status = 'open' and expiration >= $1
		group by underlying, expiration order by count(*) desc, underlying, expiration limit $2`, m.clock.Today(), warmMost)
	if err != nil {
		return nil, fmt.Errorf("read what is held most: %w", postgres.Translate(err))
	}
	held, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (h heldExpiration, err error) {
		err = row.Scan(&h.underlying, &h.expiration)
		return h, err
	})
	if err != nil {
		return nil, fmt.Errorf("read what is held most: %w", postgres.Translate(err))
	}
	return held, nil
}
