package market

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/postgres"
)

// warmMost is how many expirations are read ahead: with the underlyings' own at most twice as
// many calls, of some 200 a minute that Alpaca takes.
const warmMost = 40

// Warm reads ahead what people are about to ask for: which expirations there are of the
// underlyings that most of them hold, and the listings of those they hold. What is kept still
// is not read again. Without Alpaca's keys it does nothing. Foreign table: positions.
func (m *Market) Warm(ctx context.Context) error {
	if m.Off() != nil {
		return nil
	}
	held, err := m.mostHeld(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, h := range held {
		_, err := m.Expirations(ctx, h.underlying)
		if err == nil {
			_, err = m.listing(ctx, h.underlying, h.expiration, listingAge)
		}
		if IsAway(err) { // the rest would not be answered either
			return errors.Join(append(errs, err)...)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
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
