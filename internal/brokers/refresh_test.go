package brokers

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

func TestAConnectedBrokerBecomesRows(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	user, account := s.linked("ava")
	if account.UserID != user || account.Institution == "" || account.BrokerSlug != "ALPACA-PAPER" || account.BrokerAccountID == "" ||
		account.Status != OK || !account.CanTrade || !account.Paper || !account.ListsOrders || account.SyncedAt == nil {
		t.Errorf("account %+v", account)
	}
	if !account.Selected {
		t.Error("the first trading account was not selected by itself")
	}
	connections, err := s.accounts.Connections(s.ctx, user)
	if err != nil || len(connections) != 1 || connections[0].ID != account.ConnectionID || !connections[0].Trading || connections[0].Status != OK {
		t.Errorf("connections %+v, %v", connections, err)
	}
	if changes := s.refresh(user); changes.Any() {
		t.Errorf("a second look found %+v", changes)
	}
}

// A lost webhook costs seconds: the sweep asks by itself.
func TestTheSweepFindsAConnectionWhoseWebhookWasLost(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	user := s.person("ava")
	p := s.portal(user, "ALPACA-PAPER")
	s.exec(`update portal_visits set next_look_at = now() + interval '1 minute'`) // a busy machine needs longer than the first look waits
	if err := s.accounts.SweepVisits(s.ctx); err != nil {
		t.Fatal(err)
	}
	if n := s.calls("GET /snaptrade/authorizations"); n != 0 {
		t.Errorf("a visit of this moment was looked at %d times", n)
	}
	if _, err := s.accounts.Visit(s.ctx, user, p.SessionID); err != nil { // back from the portal
		t.Fatal(err)
	}
	s.exec(`update portal_visits set next_look_at = next_look_at - interval '3 seconds'`)
	if err := s.accounts.SweepVisits(s.ctx); err != nil {
		t.Fatal(err)
	}
	if list := s.list(user); len(list) != 1 || !list[0].Selected {
		t.Errorf("accounts %+v", list)
	}
	if n := s.count(`select count(*) from portal_visits where state = 'connected' and finished_at is not null`); n != 1 {
		t.Error("the visit is still open")
	}
}

func TestAVisitThatCameToNothingIsGivenUp(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	user := s.person("ava")
	if _, err := s.accounts.Connect(s.ctx, user, "", ""); err != nil {
		t.Fatal(err)
	}
	s.exec(`update portal_visits set created_at = now() - interval '16 minutes', next_look_at = now()`)
	if err := s.accounts.SweepVisits(s.ctx); err != nil {
		t.Fatal(err)
	}
	if n := s.count(`select count(*) from portal_visits where state = 'ended'`); n != 1 {
		t.Error("the visit is still open")
	}
	if n := s.calls("GET /snaptrade/authorizations"); n != 0 {
		t.Errorf("it was still looked at")
	}
}

// Two processes sweep: each due visit is looked at by one of them.
func TestAVisitIsLookedAtByOneProcess(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, name := range []string{"ava", "ben", "cara"} {
		if _, err := s.accounts.Connect(s.ctx, s.person(name), "", ""); err != nil {
			t.Fatal(err)
		}
	}
	s.exec(`update portal_visits set next_look_at = now()`)
	other := s.again()
	var all sync.WaitGroup
	for _, a := range []*Accounts{s.accounts, other, s.accounts, other} {
		all.Go(func() {
			if err := a.SweepVisits(s.ctx); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := s.calls("GET /snaptrade/authorizations"); n != 3 {
		t.Errorf("%d looks at 3 visits", n)
	}
}

func TestTheDailySweepFindsWhatNobodySaid(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	user, account := s.linked("ava")
	s.breakConnection(user)
	if err := s.accounts.Sweep(s.ctx); err != nil {
		t.Fatal(err)
	}
	if s.list(user)[0].Status != OK {
		t.Fatal("somebody looked at a minute ago was looked at again")
	}
	s.exec(`update snaptrade_users set refreshed_at = now() - interval '21 hours'`)
	if err := s.accounts.Sweep(s.ctx); err != nil {
		t.Fatal(err)
	}
	if got := s.list(user)[0]; got.Status != Broken || got.ID != account.ID {
		t.Errorf("account %+v", got)
	}
	if n := s.count(`select count(*) from accounts where balance_at is not null`); n != 1 {
		t.Error("the balance nobody had read was not read")
	}
}

// An account that cannot be read must not keep the sweep from the others.
func TestAFailedBalanceIsNotTriedEveryMinute(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.linked("ava")
	s.fault("/balances", "error", 0)
	if err := s.accounts.Sweep(s.ctx); err == nil {
		t.Error("the failure was not reported")
	}
	calls := s.calls("/balances")
	if err := s.accounts.Sweep(s.ctx); err != nil || calls == 0 || s.calls("/balances") != calls {
		t.Errorf("%d calls, then %d, %v", calls, s.calls("/balances"), err)
	}
}

func TestAUserWhoCannotBeListedIsTriedAgainInAnHour(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.linked("ava")
	s.exec(`update snaptrade_users set refreshed_at = now() - interval '21 hours'; update accounts set balance_at = now()`)
	s.fault("/accounts", "error", 4)
	if err := s.accounts.Sweep(s.ctx); err == nil {
		t.Error("the failure was not reported")
	}
	if n := s.count(`select count(*) from snaptrade_users
		where refreshed_at + interval '20 hours' between now() + interval '50 minutes' and now() + interval '70 minutes'`); n != 1 {
		t.Error("the next attempt is not in an hour")
	}
}

func (s *stage) breakConnection(user uuid.UUID) {
	s.t.Helper()
	who := s.credentials(user)
	list, err := s.client.Connections(s.ctx, who)
	if err != nil || len(list) == 0 {
		s.t.Fatalf("connections %v, %v", list, err)
	}
	if err := s.client.DisableConnection(s.ctx, who, list[0].ID); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) disconnectNotes(user uuid.UUID) int {
	s.t.Helper()
	return s.count(`select count(*) from notifications where user_id = $1 and type = 'broker_disconnected'`, user)
}

// A broken connection stops trading and is told once, however often it is seen;
// repaired and broken again, it is told again. Ids stay.
func TestABrokenConnectionIsToldOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	user, account := s.linked("ava")
	s.breakConnection(user)
	if changes := s.refresh(user); len(changes.Broken) != 1 || changes.Broken[0] != account.ConnectionID {
		t.Errorf("changes %+v", changes)
	}
	s.refresh(user)
	broken := s.list(user)[0]
	if broken.Status != Broken || broken.CanTrade || !broken.Selected {
		t.Errorf("account %+v", broken)
	}
	if n := s.disconnectNotes(user); n != 1 {
		t.Errorf("told %d times", n)
	}

	if _, err := s.accounts.Reconnect(s.ctx, user, account.ConnectionID, ""); err != nil {
		t.Fatal(err)
	}
	s.connect(user, "")
	if changes := s.refresh(user); len(changes.Fixed) != 1 {
		t.Errorf("changes %+v", changes)
	}
	fixed := s.list(user)[0]
	if fixed.ID != account.ID || fixed.Status != OK || !fixed.CanTrade {
		t.Errorf("account %+v", fixed)
	}
	if n := s.count(`select count(*) from portal_visits where reconnects = $1 and state = 'connected'`, account.ConnectionID); n != 1 {
		t.Error("the visit is still open")
	}
	s.breakConnection(user)
	s.refresh(user)
	if n := s.disconnectNotes(user); n != 2 {
		t.Errorf("told %d times after the second break", n)
	}
}

// Many at once end as one would: every break is told once.
func TestConcurrentRefreshesAgree(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	user := s.person("ava")
	s.portal(user, "ALPACA-PAPER")
	servers := []*Accounts{s.accounts, s.again()}
	burst := func() {
		var all sync.WaitGroup
		for i := range 6 {
			all.Go(func() {
				if _, err := servers[i%2].Refresh(s.ctx, user); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	burst()
	s.breakConnection(user)
	burst()
	if n := s.count(`select count(*) from accounts`); n != 1 {
		t.Errorf("%d accounts", n)
	}
	if n := s.disconnectNotes(user); n != 1 {
		t.Errorf("told %d times", n)
	}
}

// What was read before somebody else's reading was stored may be older than that.
func TestAnOvertakenReadingIsNotStored(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	user, _ := s.linked("ava")
	version := s.count(`select version from snaptrade_users where user_id = $1`, user)
	old, err := s.accounts.look(s.ctx, s.credentials(user))
	if err != nil {
		t.Fatal(err)
	}
	s.breakConnection(user)
	s.refresh(user)
	err = s.db.InTx(s.ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := s.accounts.store(ctx, tx, user, int64(version), old)
		return err
	})
	if !errors.Is(err, errOvertaken) {
		t.Errorf("storing it: %v", err)
	}
	if got := s.list(user)[0]; got.Status != Broken {
		t.Errorf("the older reading won: %+v", got)
	}
}

// While SnapTrade is away our rows stay as they are.
func TestAFailedLookChangesNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	user, account := s.linked("ava")
	for _, mode := range []string{"error", "accept_then_garbage"} {
		s.fault("GET /snaptrade/authorizations", mode, 4)
		if _, err := s.accounts.Refresh(s.ctx, user); fault.CodeOf(err) != "unavailable" {
			t.Errorf("%s: %v", mode, err)
		}
		s.clearFaults()
	}
	if got := s.list(user); len(got) != 1 || got[0].ID != account.ID || !got[0].CanTrade {
		t.Errorf("accounts %+v", got)
	}
}
