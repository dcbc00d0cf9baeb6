package brokers

import (
	"errors"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/inbox"
	"github.com/google/uuid"
)

func (s *stage) receive(e inbox.Event) (Hint, error) {
	if e.ReceivedAt.IsZero() {
		e.ReceivedAt = time.Now()
	}
	e.Provider = "snaptrade"
	return s.accounts.Receive(s.ctx, e)
}

// Rule 11.5: what does not belong together is noted, and nothing else happens.
func TestAnEventThatNamesAStrangersAccountIsOnlyNoted(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ava, hers := s.linked("ava")
	ben, _ := s.linked("ben")
	connection := s.authorization(hers.ConnectionID)
	calls := s.calls("")
	for i, e := range []inbox.Event{
		{ID: "1", Type: "ACCOUNT_HOLDINGS_UPDATED", User: s.credentials(ben).ID, Account: hers.BrokerAccountID},
		{ID: "2", Type: "TRADE_DETECTION", User: s.credentials(ben).ID, Account: hers.BrokerAccountID},
		{ID: "3", Type: "CONNECTION_BROKEN", User: s.credentials(ben).ID, Connection: connection},
		{ID: "4", Type: "NEW_ACCOUNT_AVAILABLE", User: s.credentials(ben).ID, Account: hers.BrokerAccountID, Connection: connection},
		{ID: "5", Type: "CONNECTION_ADDED", User: uuid.NewString(), Connection: connection},
		{ID: "6", Type: "ACCOUNT_HOLDINGS_UPDATED", User: uuid.NewString(), Account: hers.BrokerAccountID},
	} {
		if hint, err := s.receive(e); err != nil || hint != (Hint{}) {
			t.Errorf("event %s: %+v, %v", e.ID, hint, err)
		}
		if n := s.count(`select count(*) from security_events where kind = 'snaptrade_event_refused' and detail->>'webhook' = $1`, e.ID); n != 1 {
			t.Errorf("event %d: noted %d times", i+1, n)
		}
	}
	if now := s.calls(""); now != calls {
		t.Errorf("SnapTrade was asked %d times", now-calls)
	}
	if n := s.count(`select count(*) from security_events where user_id = $1`, ava); n != 0 {
		t.Error("it was noted against the person who was named")
	}
}

func (s *stage) authorization(connection uuid.UUID) string {
	s.t.Helper()
	var id string
	if err := s.db.Pool().QueryRow(s.ctx, `select authorization_id from connections where id = $1`, connection).Scan(&id); err != nil {
		s.t.Fatal(err)
	}
	return id
}

// Rule 11.7: an event only says where to look; what it claims is not believed.
func TestAConnectionEventReadsTheTruth(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	user, account := s.linked("ava")
	event := inbox.Event{ID: "1", Type: "CONNECTION_BROKEN", User: s.credentials(user).ID, Connection: s.authorization(account.ConnectionID)}
	if _, err := s.receive(event); err != nil {
		t.Fatal(err)
	}
	if got := s.list(user)[0]; got.Status != OK {
		t.Errorf("an event alone broke the connection: %+v", got)
	}
	s.breakConnection(user)
	for range 2 { // repeated
		if _, err := s.receive(event); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.list(user)[0]; got.Status != Broken {
		t.Errorf("account %+v", got)
	}
	if n := s.disconnectNotes(user); n != 1 {
		t.Errorf("told %d times", n)
	}
}

// Events come in any order: one about an account we do not know yet finds it.
func TestAnEventMayNameAnAccountBeforeItsConnection(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	user := s.person("ava")
	s.portal(user, "ALPACA-PAPER")
	listed, err := s.client.Accounts(s.ctx, s.credentials(user))
	if err != nil || len(listed) != 1 {
		t.Fatalf("%v, %v", listed, err)
	}
	hint, err := s.receive(inbox.Event{ID: "1", Type: "ACCOUNT_HOLDINGS_UPDATED", User: s.credentials(user).ID, Account: listed[0].ID})
	if err != nil {
		t.Fatal(err)
	}
	account := s.list(user)[0]
	if want := (Hint{UserID: user, AccountID: account.ID, LookOrders: true, ReadBalance: true, ReadHoldings: true}); hint != want {
		t.Errorf("hint %+v, want %+v", hint, want)
	}
	if n := s.count(`select count(*) from security_events`); n != 0 {
		t.Error("a new account was taken for a stranger's")
	}
}

func TestWhatAnEventAsksFor(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	user, account := s.linked("ava")
	whole := Hint{UserID: user, AccountID: account.ID, LookOrders: true, ReadBalance: true}
	holdings := whole
	holdings.ReadHoldings = true
	for _, tt := range []struct {
		kind    string
		account string
		want    Hint
	}{
		{"TRADE_DETECTION", account.BrokerAccountID, whole},
		{"TRADE_UPDATE", account.BrokerAccountID, whole},
		{"ACCOUNT_HOLDINGS_UPDATED", account.BrokerAccountID, holdings},
		{"ACCOUNT_TRANSACTIONS_UPDATED", account.BrokerAccountID, whole},
		{"ACCOUNT_TRANSACTIONS_INITIAL_UPDATE", account.BrokerAccountID, whole},
		{"NEW_ACCOUNT_AVAILABLE", account.BrokerAccountID, Hint{UserID: user, AccountID: account.ID, ReadBalance: true, ReadHoldings: true}},
		{"CONNECTION_UPDATED", "", Hint{}},
		{"CONNECTION_FAILED", "", Hint{}},
		{"USER_REGISTERED", "", Hint{}},
		{"SOMETHING_NEW", account.BrokerAccountID, Hint{}},
	} {
		got, err := s.receive(inbox.Event{ID: tt.kind, Type: tt.kind, User: s.credentials(user).ID, Account: tt.account})
		if err != nil || got != tt.want {
			t.Errorf("%s: %+v, %v; want %+v", tt.kind, got, err, tt.want)
		}
	}
	if n := s.count(`select count(*) from security_events`); n != 0 {
		t.Errorf("%d security events", n)
	}
}

// A fill brings several events, an app many: what was read after they came in answers
// them all, or they use up the calls of everybody.
func TestABurstOfEventsIsOneReadingOfTheBalance(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	user, account := s.linked("ava")
	event := inbox.Event{ID: "1", Type: "TRADE_UPDATE", User: s.credentials(user).ID, Account: account.BrokerAccountID, ReceivedAt: time.Now()}
	if hint, err := s.receive(event); err != nil || !hint.ReadBalance {
		t.Fatalf("the first: %+v, %v", hint, err)
	}
	if _, err := s.accounts.RefreshBalance(s.ctx, user, account.ID); err != nil {
		t.Fatal(err)
	}
	event.ID = "2"
	if hint, err := s.receive(event); err != nil || hint.ReadBalance || !hint.LookOrders {
		t.Errorf("one that came in before the reading: %+v, %v", hint, err)
	}
	event.ID, event.ReceivedAt = "3", time.Now()
	if hint, err := s.receive(event); err != nil || !hint.ReadBalance {
		t.Errorf("one that came in after it: %+v, %v", hint, err)
	}
}

// Events of somebody we forgot still come for a while; they are nobody's attack.
func TestLateEventsOfAForgottenUserAreHarmless(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	user, account := s.linked("ava")
	id, connection := s.credentials(user).ID, s.authorization(account.ConnectionID)
	s.forget(user)
	for _, kind := range []string{"CONNECTION_DELETED", "ACCOUNT_REMOVED", "USER_DELETED"} {
		if hint, err := s.receive(inbox.Event{ID: kind, Type: kind, User: id, Account: account.BrokerAccountID, Connection: connection}); err != nil || hint != (Hint{}) {
			t.Errorf("%s: %+v, %v", kind, hint, err)
		}
	}
	if n := s.count(`select count(*) from security_events`); n != 0 {
		t.Errorf("%d security events", n)
	}
}

// While SnapTrade is away the row waits without using up its attempts (INV-50
// counts those); a refusal does use them up.
func TestAnEventWaitsForASnapTradeThatIsAway(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	user, account := s.linked("ava")
	s.fault("GET /snaptrade/", "error", 0)
	_, err := s.receive(inbox.Event{ID: "1", Type: "CONNECTION_UPDATED", User: s.credentials(user).ID, Connection: s.authorization(account.ConnectionID)})
	if err == nil || !providerAway(err) || errors.Is(err, errNotLinked()) {
		t.Errorf("%v", err)
	}
}
