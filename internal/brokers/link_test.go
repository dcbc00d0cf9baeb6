package brokers

import (
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Two tabs, two servers: the secret is shown once, so there may be one registration.
func TestManyFirstConnectsRegisterOneSnapTradeUser(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	user := s.person("ava")
	servers := []*Accounts{s.accounts, s.again()}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			p, err := servers[i%2].Connect(s.ctx, user, "", "")
			if err != nil || p.ConnectionURL == "" || p.SessionID == "" {
				t.Errorf("portal %+v, %v", p, err)
			}
		})
	}
	all.Wait()
	if n := s.calls("registerUser"); n != 1 {
		t.Errorf("%d registrations, want 1", n)
	}
	if n := s.count(`select count(*) from snaptrade_users where user_secret is not null and claim is null`); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
	if n := s.count(`select count(*) from portal_visits where user_id = $1`, user); n != 8 {
		t.Errorf("%d visits, want 8", n)
	}
}

// A registration whose answer was lost cannot be repeated under its id: the secret
// was in that answer. The next attempt takes another id and the first is deleted.
func TestALostRegistrationIsMadeAnew(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	user := s.person("ava")
	s.fault("registerUser", "accept_then_drop", 1)
	if _, err := s.accounts.Connect(s.ctx, user, "", ""); fault.CodeOf(err) != "unavailable" {
		t.Fatalf("with the answer lost: %v", err)
	}
	if _, err := s.accounts.Credentials(s.ctx, user); fault.CodeOf(err) != "risk_account" {
		t.Errorf("credentials without a secret: %v", err)
	}
	if _, err := s.accounts.Connect(s.ctx, user, "", ""); err != nil {
		t.Fatalf("the next attempt: %v", err)
	}
	if who := s.credentials(user); who.ID == user.String() {
		t.Error("the lost id is used")
	}
	s.exec(`update snaptrade_leftovers set created_at = now() - interval '1 hour'`)
	if err := s.accounts.Sweep(s.ctx); err != nil {
		t.Fatal(err)
	}
	if n := s.count(`select count(*) from snaptrade_leftovers where snaptrade_user_id = $1 and deleted_at is not null`, user.String()); n != 1 {
		t.Error("the lost SnapTrade user was not deleted")
	}
	ids, err := s.client.ListUsers(s.ctx)
	if err != nil || len(ids) != 1 || ids[0] != s.credentials(user).ID {
		t.Errorf("SnapTrade knows %v, %v", ids, err)
	}
}

// After a restore from backup our row may be gone while SnapTrade still has the id.
func TestAnIDThatSnapTradeKnowsAlreadyIsReplaced(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	user := s.person("ava")
	if _, err := s.client.RegisterUser(s.ctx, user.String()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.accounts.Connect(s.ctx, user, "", ""); err != nil {
		t.Fatal(err)
	}
	if who := s.credentials(user); who.ID == user.String() || !strings.HasPrefix(who.ID, user.String()) {
		t.Errorf("SnapTrade user %s", who.ID)
	}
}

// Rule 15, INV-42: the secret stands sealed in its column, and nowhere in clear.
func TestTheSecretIsNowhereInClear(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	user, account := s.linked("ava")
	secretText := s.credentials(user).Secret.Reveal()
	s.fault("balances", "error", 4)
	if _, err := s.accounts.RefreshBalance(s.ctx, user, account.ID); err == nil || strings.Contains(err.Error(), secretText) {
		t.Errorf("failed balance: %v", err)
	}
	if s.logged.String() == "" {
		t.Fatal("nothing was logged, so the next check proves nothing")
	}
	if strings.Contains(s.logged.String(), secretText) {
		t.Error("the secret is in the log")
	}
	rows, err := s.db.Pool().Query(s.ctx, `select tablename::text from pg_tables where schemaname = 'public'`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		name := pgx.Identifier{table}.Sanitize()
		if n := s.count(`select count(*) from `+name+` as r where strpos(r::text, $1) > 0`, secretText); n != 0 {
			t.Errorf("%d rows of %s show the secret", n, table)
		}
	}
}

// Sealed for one row, it opens in no other.
func TestASecretCopiedToAnotherPersonDoesNotOpen(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ava, _ := s.linked("ava")
	ben, _ := s.linked("ben")
	s.exec(`update snaptrade_users set user_secret = (select user_secret from snaptrade_users where user_id = $1) where user_id = $2`, ava, ben)
	if _, err := s.accounts.Credentials(s.ctx, ben); err == nil {
		t.Error("it opened")
	}
}

func TestThePortalLeadsBackToOurPagesOnly(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for redirect, want := range map[string]string{
		"":                                   "https://app.example.test/settings/brokers/return",
		"/settings/brokers/return":           "https://app.example.test/settings/brokers/return",
		"/welcome?step=2":                    "https://app.example.test/welcome?step=2",
		"https://app.example.test/x":         "https://app.example.test/x",
		"https://evil.test/x":                "",
		"//evil.test/x":                      "",
		`/\evil.test`:                        "",
		"http://app.example.test/x":          "",
		"https://app.example.test@evil.test": "",
		"https://u:p@app.example.test/":      "",
		"javascript:alert(1)":                "",
		"/a b":                               "",
		"https://app.example.test.evil.test": "",
	} {
		got, err := s.accounts.backTo(redirect)
		if got != want || (want == "") != (fault.CodeOf(err) == "validation_failed") {
			t.Errorf("%q leads to %q, %v; want %q", redirect, got, err, want)
		}
	}
}

func TestOnlyBrokersThatCanBeConnectedAreOffered(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	list, err := s.accounts.Brokerages(s.ctx)
	if err != nil {
		t.Fatal(err)
	}
	offered := map[string]Brokerage{}
	for _, b := range list {
		offered[b.ID] = b
	}
	if _, there := offered["SCHWAB"]; there {
		t.Error("a broker under maintenance is offered")
	}
	if _, there := offered["MOOMOO"]; there {
		t.Error("a disabled broker is offered")
	}
	if !offered["ALPACA-PAPER"].CanTrade || offered["ROBINHOOD"].CanTrade {
		t.Errorf("trading: %+v", offered)
	}
	user := s.person("ava")
	for _, name := range []string{"alpaca-paper", offered["ALPACA-PAPER"].uuid} {
		if _, err := s.accounts.Connect(s.ctx, user, name, ""); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.accounts.Connect(s.ctx, user, "SCHWAB", ""); fault.CodeOf(err) != "validation_failed" {
		t.Errorf("a broker that cannot be connected: %v", err)
	}
}

func TestAVisitTellsItsOwnersPageHowItStands(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ava, ben := s.person("ava"), s.person("ben")
	p := s.portal(ava, "ALPACA-PAPER")
	if state, err := s.accounts.Visit(s.ctx, ava, p.SessionID); err != nil || state != "open" {
		t.Errorf("before anybody looked: %q, %v", state, err)
	}
	s.refresh(ava)
	if state, err := s.accounts.Visit(s.ctx, ava, p.SessionID); err != nil || state != "connected" {
		t.Errorf("afterwards: %q, %v", state, err)
	}
	for _, id := range []string{p.SessionID, uuid.NewString(), "x"} {
		if _, err := s.accounts.Visit(s.ctx, ben, id); !errors.Is(err, fault.NotFound()) {
			t.Errorf("somebody else's %s: %v", id, err)
		}
	}
}

func TestTheConnectionAddressIsAnAddress(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	p, err := s.accounts.Connect(s.ctx, s.person("ava"), "ALPACA-PAPER", "")
	if err != nil {
		t.Fatal(err)
	}
	if at, err := url.Parse(p.ConnectionURL); err != nil || at.Host == "" {
		t.Errorf("%q: %v", p.ConnectionURL, err)
	}
}

func TestWithoutSnapTradeKeysEverythingSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.options.Client = nil
	off := s.again()
	_, err1 := off.Connect(s.ctx, uuid.New(), "", "")
	_, err2 := off.Brokerages(s.ctx)
	_, err3 := off.Credentials(s.ctx, uuid.New())
	for _, err := range []error{err1, err2, err3} {
		if fault.CodeOf(err) != "unavailable" || !strings.Contains(err.Error(), "SNAPTRADE_CLIENT_ID") {
			t.Errorf("%v", err)
		}
	}
	if err := errors.Join(off.Sweep(s.ctx), off.SweepVisits(s.ctx)); err != nil {
		t.Errorf("sweeps: %v", err)
	}
}
