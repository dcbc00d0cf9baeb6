package brokers

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Rule 14: somebody else's account and none at all are the same NotFound.
func TestNobodyReachesSomebodyElsesAccount(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	_, theirs := s.linked("ava")
	ben, _ := s.linked("ben")
	for _, id := range []uuid.UUID{theirs.ID, uuid.New()} {
		_, err1 := s.accounts.Select(s.ctx, ben, id)
		_, err2 := s.accounts.Sync(s.ctx, ben, id)
		_, err3 := s.accounts.RefreshBalance(s.ctx, ben, id)
		_, err4 := s.accounts.Holdings(s.ctx, ben, id)
		_, err5 := s.forOrder(ben, &id)
		_, err6 := s.accounts.Reconnect(s.ctx, ben, theirs.ConnectionID, "")
		for i, err := range []error{err1, err2, err3, err4, err5, err6, s.accounts.Remove(s.ctx, ben, id)} {
			if !errors.Is(err, fault.NotFound()) {
				t.Errorf("verb %d: %v", i+1, err)
			}
		}
	}
	if got, err := s.accounts.ByID(s.ctx, theirs.ID); err != nil || !got.Selected || !got.CanTrade {
		t.Errorf("theirs is now %+v, %v", got, err)
	}
}

func (s *stage) forOrder(user uuid.UUID, account *uuid.UUID) (a Account, err error) {
	err = s.db.As(s.ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		a, err = s.accounts.ForOrder(ctx, tx, user, account)
		return err
	})
	return a, err
}

func TestAnOrderGoesToTheNamedAccountElseToTheSelectedOne(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	if _, err := s.forOrder(s.person("nobody"), nil); fault.CodeOf(err) != "risk_account" {
		t.Errorf("without any account: %v", err)
	}
	user, first := s.linked("ava")
	s.portal(user, "TASTYTRADE")
	s.refresh(user)
	second := s.list(user)[1]
	if second.Selected {
		t.Error("a second account took the selection")
	}
	if got, err := s.forOrder(user, nil); err != nil || got.ID != first.ID {
		t.Errorf("unnamed: %v, %v", got.ID, err)
	}
	if got, err := s.forOrder(user, &second.ID); err != nil || got.ID != second.ID {
		t.Errorf("named: %v, %v", got.ID, err)
	}
	if chosen, err := s.accounts.Select(s.ctx, user, second.ID); err != nil || !chosen.Selected {
		t.Errorf("select: %+v, %v", chosen, err)
	}
	if got, err := s.accounts.Selected(s.ctx, user); err != nil || got.ID != second.ID {
		t.Errorf("selected: %v, %v", got.ID, err)
	}
	s.refresh(user)
	if got, err := s.accounts.Selected(s.ctx, user); err != nil || got.ID != second.ID {
		t.Errorf("a refresh moved the selection: %v, %v", got.ID, err)
	}
}

// Taking the selected account away must not send orders somewhere its owner did
// not choose.
func TestRemovingTheSelectedAccountSelectsNoOther(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	user, first := s.linked("ava")
	s.portal(user, "TASTYTRADE")
	s.refresh(user)
	if err := s.accounts.Remove(s.ctx, user, first.ID); err != nil {
		t.Fatal(err)
	}
	s.refresh(user)
	if _, err := s.accounts.Selected(s.ctx, user); fault.CodeOf(err) != "risk_account" {
		t.Errorf("selected: %v", err)
	}
}

func TestTheLastAccountTakesItsConnectionAlong(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	user, account := s.linked("ava")
	if err := s.accounts.Remove(s.ctx, user, account.ID); err != nil {
		t.Fatal(err)
	}
	if n := s.calls("DELETE /snaptrade/connection/"); n != 1 {
		t.Errorf("%d deletions asked for", n)
	}
	if list := s.list(user); len(list) != 0 {
		t.Errorf("still listed: %+v", list)
	}
	s.refresh(user)
	if n := s.count(`select count(*) from connections where deleted_at is not null`); n != 1 {
		t.Error("the connection is not marked deleted")
	}
	if n := s.disconnectNotes(user); n != 0 {
		t.Error("somebody was told that their broker is away, by themselves")
	}
	if n := s.count(`select count(*) from notifications where user_id = $1 and type = 'security' and title = 'A broker account was removed'`, user); n != 1 {
		t.Errorf("told %d times who took it away", n)
	}
	if err := s.accounts.Remove(s.ctx, user, account.ID); !errors.Is(err, fault.NotFound()) {
		t.Errorf("removing it again: %v", err)
	}
}

// "Removed" is durable: what SnapTrade did not hear is said again, and what it
// still lists does not come back.
func TestARemovalThatSnapTradeMissedIsRepeated(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	user, account := s.linked("ava")
	s.fault("DELETE /snaptrade/connection/", "drop_before", 1)
	if err := s.accounts.Remove(s.ctx, user, account.ID); err != nil {
		t.Fatal(err)
	}
	s.refresh(user)
	if list := s.list(user); len(list) != 0 {
		t.Fatalf("it came back: %+v", list)
	}
	if err := s.accounts.Sweep(s.ctx); err != nil {
		t.Fatal(err)
	}
	if n := s.calls("DELETE /snaptrade/connection/"); n > 1 {
		t.Errorf("asked %d times within a minute", n)
	}
	s.exec(`update connections set remove_tried_at = now() - interval '2 minutes'`)
	if err := s.accounts.Sweep(s.ctx); err != nil {
		t.Fatal(err)
	}
	if n := s.count(`select count(*) from connections where deleted_at is not null`); n != 1 {
		t.Error("the connection is still there")
	}
}

func TestWhoConnectsAgainHasTheAccountAgain(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	user, first := s.linked("ava")
	if err := s.accounts.Remove(s.ctx, user, first.ID); err != nil {
		t.Fatal(err)
	}
	s.refresh(user)
	s.portal(user, "ALPACA-PAPER")
	s.refresh(user)
	list := s.list(user)
	if len(list) != 1 || !list[0].CanTrade || !list[0].Selected {
		t.Errorf("accounts %+v", list)
	}
}

func TestForgettingEndsEverything(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	user, _ := s.linked("ava")
	s.forget(user)
	if list := s.list(user); len(list) != 0 {
		t.Errorf("accounts %+v", list)
	}
	if _, err := s.accounts.Credentials(s.ctx, user); fault.CodeOf(err) != "risk_account" {
		t.Errorf("credentials: %v", err)
	}
	s.exec(`update snaptrade_leftovers set created_at = now() - interval '1 hour'`)
	if err := s.accounts.Sweep(s.ctx); err != nil {
		t.Fatal(err)
	}
	if ids, err := s.client.ListUsers(s.ctx); err != nil || len(ids) != 0 {
		t.Errorf("SnapTrade still knows %v, %v", ids, err)
	}
}

func TestABalanceIsNeverReplacedByAnOlderReading(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	user, account := s.linked("ava")
	before := time.Now()
	got, err := s.accounts.RefreshBalance(s.ctx, user, account.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.Cash == nil || got.Cash.String() != "100000.00" || got.BuyingPower == nil || !got.BuyingPower.IsPositive() {
		t.Errorf("balance %v, %v", got.Cash, got.BuyingPower)
	}
	if got.BalanceAt == nil || got.BalanceAt.Before(before.Add(-2*time.Second)) || got.BalanceAt.After(time.Now().Add(2*time.Second)) {
		t.Errorf("read at %v", got.BalanceAt)
	}
	s.exec(`update accounts set balance_at = now() + interval '1 hour', cash = 7`)
	if got, err = s.accounts.RefreshBalance(s.ctx, user, account.ID); err != nil || got.Cash.String() != "7.00" {
		t.Errorf("an older reading won: %v, %v", got.Cash, err)
	}
}

// Sync pressed again and again costs the budget nothing.
func TestSyncRestsBetweenTwoReadings(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	user, account := s.linked("ava")
	for range 3 {
		if got, err := s.accounts.Sync(s.ctx, user, account.ID); err != nil || got.Cash == nil {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	if n := s.calls("/balances"); n != 1 {
		t.Errorf("%d readings", n)
	}
}

func TestHoldingsAreTheBrokersOwn(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	user, account := s.linked("ava")
	symbol := "AAPL  " + expiryCode + "C00200000"
	s.control("/_sandbox/broker/trade", map[string]any{
		"account": account.BrokerAccountID, "symbol": symbol, "side": "BTO", "quantity": 3, "price": "4.50",
	})
	got, err := s.accounts.Holdings(s.ctx, user, account.ID)
	if err != nil || len(got.Options) != 1 || got.Unreadable != 0 || got.AsOf.IsZero() {
		t.Fatalf("%+v, %v", got, err)
	}
	h := got.Options[0]
	if h.Contract.Symbol != symbol || h.Contracts != 3 || h.Contract.Multiplier != 100 || h.CostBasis == nil || h.CostBasis.String() != "4.50" || h.Price == nil {
		t.Errorf("holding %+v", h)
	}
}
