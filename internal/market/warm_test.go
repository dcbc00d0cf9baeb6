package market

import (
	"testing"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/pgtest"
)

// What many hold is read ahead, once for as long as it is kept, and what nobody holds any more
// is not.
func TestWhatIsHeldIsReadAheadOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	db := pgtest.New(t)
	s.market.db = db
	user := person(t, db, "ava")
	var account uuid.UUID
	err := db.Pool().QueryRow(s.ctx, `
		with linked as (
			insert into connections (user_id, authorization_id, broker_slug, institution, trading, status) values ($1, 'c', 'ALPACA', 'Alpaca', true, 'ok') returning id)
		insert into accounts (user_id, connection_id, broker_account_id, institution) select $1, id, 'a', 'Alpaca' from linked returning id`, user).Scan(&account)
	if err != nil {
		t.Fatal(err)
	}
	for _, held := range []struct{ symbol, underlying, status string }{{symbol, "AAPL", "open"}, {"MSFT  " + expiryCode + "C00400000", "MSFT", "closed"}} {
		_, err := db.Pool().Exec(s.ctx, `
			insert into positions (user_id, account_id, symbol, underlying, option_type, strike, expiration, multiplier, source, status)
			values ($1, $2, $3, $4, 'call', 200, to_date($5, 'YYMMDD'), 100, 'manual', $6)`, user, account, held.symbol, held.underlying, expiryCode, held.status)
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.market.Warm(s.ctx); err != nil {
		t.Fatal(err)
	}
	calls := s.calls.of("/")
	if calls == 0 {
		t.Fatal("nothing was read")
	}
	if err := s.market.Warm(s.ctx); err != nil || s.calls.of("/") != calls {
		t.Errorf("read again: %d calls after %d, %v", s.calls.of("/"), calls, err)
	}
	if days, err := s.market.Expirations(s.ctx, "AAPL"); err != nil || len(days) == 0 || s.calls.of("/") != calls {
		t.Errorf("somebody asks: %d days, %d calls after %d, %v", len(days), s.calls.of("/"), calls, err)
	}
	if _, err := s.market.Expirations(s.ctx, "MSFT"); err != nil || s.calls.of("/") == calls {
		t.Errorf("what nobody holds was read ahead, %v", err)
	}
	if err := New(Options{DB: db}).Warm(s.ctx); err != nil {
		t.Errorf("without Alpaca: %v", err)
	}
}

// One underlying that is refused keeps nobody else's from being read, and an Alpaca that is away
// is left alone after three; neither is a job that failed.
func TestWhatAlpacaDoesNotAnswerIsNotReadAhead(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	db := pgtest.New(t)
	s.market.db = db
	user := person(t, db, "ava")
	_, err := db.Pool().Exec(s.ctx, `
		with linked as (
			insert into connections (user_id, authorization_id, broker_slug, institution, trading, status) values ($1, 'c', 'ALPACA', 'Alpaca', true, 'ok') returning id),
		account as (
			insert into accounts (user_id, connection_id, broker_account_id, institution) select $1, id, 'a', 'Alpaca' from linked returning id)
		insert into positions (user_id, account_id, symbol, underlying, option_type, strike, expiration, multiplier, source, status)
		select $1, account.id, rpad(u, 6) || $2::text || 'C00200000', u, 'call', 200, to_date($2, 'YYMMDD'), 100, 'manual', 'open'
		from account, unnest(array['AAPL', 'AMD', 'MSFT', 'NVDA', 'SPY']) u`, user, expiryCode)
	if err != nil {
		t.Fatal(err)
	}
	fault := map[string]any{"target": "alpaca", "match": "/", "mode": "error", "status": 422, "count": 2}
	s.control("/_sandbox/faults", fault)
	before := s.calls.of("/")
	if err := s.market.Warm(s.ctx); err != nil || s.calls.of("/") < before+5 {
		t.Errorf("%d calls after %d, %v", s.calls.of("/"), before, err)
	}
	fault["count"] = 1000
	s.market = s.open("AS") // which keeps nothing
	s.market.db = db
	s.control("/_sandbox/faults", fault)
	before = s.calls.of("/")
	if err := s.market.Warm(s.ctx); err != nil || s.calls.of("/") != before+warmPatience {
		t.Errorf("away: %d calls after %d, %v", s.calls.of("/"), before, err)
	}
}
