package brokers

import (
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/snaptrade"
	"github.com/google/uuid"
)

// The comparison is pure, so its rules are shown on values alone.

var noon = time.Date(2026, 3, 2, 17, 0, 0, 0, time.UTC)

func seenConnection(id string, disabled bool) snaptrade.Connection {
	return snaptrade.Connection{ID: id, Type: "trade", Disabled: disabled, Brokerage: snaptrade.Brokerage{Slug: "X", DisplayName: "Broker X"}}
}

func seenAccount(id, connection string) snaptrade.Account {
	return snaptrade.Account{ID: id, ConnectionID: connection, Number: "***81234", Category: "INVESTMENT"}
}

// after is what we know once a plan is written.
func after(p plan) known {
	k := known{user: p.user, connections: p.connections, accounts: p.accounts}
	for i := range k.accounts {
		if k.accounts[i].ID == p.choose {
			k.accounts[i].Selected = true
		}
	}
	return k
}

// firstLook is one connection with two accounts, just found.
func firstLook() (known, plan) {
	p := compare(known{user: uuid.New()}, listing{
		connections: []snaptrade.Connection{seenConnection("c", false)},
		accounts:    []snaptrade.Account{seenAccount("a1", "c"), seenAccount("a2", "c")},
	}, noon)
	return after(p), p
}

func TestTheFirstTradingAccountIsChosen(t *testing.T) {
	t.Parallel()
	k, p := firstLook()
	if p.choose != k.accounts[0].ID || len(p.changes.Accounts) != 2 {
		t.Errorf("plan %+v", p)
	}
	if k.accounts[0].Number != "****1234" {
		t.Errorf("number %s", k.accounts[0].Number)
	}
}

func TestAnUnchangedListingChangesNothing(t *testing.T) {
	t.Parallel()
	k, _ := firstLook()
	p := compare(k, listing{
		connections: []snaptrade.Connection{seenConnection("c", false)},
		accounts:    []snaptrade.Account{seenAccount("a1", "c"), seenAccount("a2", "c")},
	}, noon.Add(time.Hour))
	if len(p.connections)+len(p.accounts) != 0 || p.choose != uuid.Nil || p.changes.Any() {
		t.Errorf("plan %+v", p)
	}
}

// The selected account disappears at the broker: copies must not go into another.
func TestNoAccountIsChosenInPlaceOfALostOne(t *testing.T) {
	t.Parallel()
	k, _ := firstLook()
	p := compare(k, listing{
		connections: []snaptrade.Connection{seenConnection("c", false)},
		accounts:    []snaptrade.Account{seenAccount("a2", "c")},
	}, noon)
	if p.choose != uuid.Nil || len(p.changes.Removed) != 1 || p.changes.Removed[0] != k.accounts[0].ID {
		t.Errorf("plan %+v", p)
	}
	if lost := p.accounts[0]; lost.Selected || lost.CanTrade || lost.removedAt == nil {
		t.Errorf("the lost account %+v", lost)
	}
}

func TestAConnectionThatVanishedIsToldUnlessItsOwnerRemovedIt(t *testing.T) {
	t.Parallel()
	for name, removed := range map[string]bool{"vanished": false, "removed": true} {
		k, _ := firstLook()
		if removed {
			k.connections[0].removeRequestedAt = &noon
		}
		p := compare(k, listing{}, noon)
		if len(p.connections) != 1 || p.connections[0].deletedAt == nil || len(p.changes.Removed) != 2 {
			t.Errorf("%s: plan %+v", name, p)
		}
		if told := len(p.lost) == 1; told == removed {
			t.Errorf("%s: told %v", name, told)
		}
	}
}

// SnapTrade deletes in its own time: until then it lists what is to go.
func TestAConnectionBeingRemovedDoesNotComeBack(t *testing.T) {
	t.Parallel()
	k, _ := firstLook()
	k.connections[0].removeRequestedAt = &noon
	p := compare(k, listing{
		connections: []snaptrade.Connection{seenConnection("c", false)},
		accounts:    []snaptrade.Account{seenAccount("a1", "c"), seenAccount("a2", "c")},
	}, noon)
	for _, a := range p.accounts {
		if a.removedAt == nil || a.CanTrade || a.Selected {
			t.Errorf("account %+v", a)
		}
	}
	if p.choose != uuid.Nil || len(p.lost) != 0 {
		t.Errorf("plan %+v", p)
	}
}

func TestADismissedAccountComesBackOnlyThroughThePortal(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		visit *visit
		back  bool
	}{
		{"no visit", nil, false},
		{"a visit before", &visit{createdAt: noon.Add(-time.Minute)}, false},
		{"a visit for another broker", &visit{createdAt: noon.Add(time.Minute), brokerSlug: "Y"}, false},
		{"a visit afterwards", &visit{createdAt: noon.Add(time.Minute), brokerSlug: "X"}, true},
		{"a visit to the picker", &visit{createdAt: noon.Add(time.Minute)}, true},
	} {
		k, _ := firstLook()
		k.accounts[1].dismissedAt, k.accounts[1].removedAt, k.accounts[1].CanTrade = &noon, &noon, false
		if tt.visit != nil {
			k.visits = []visit{*tt.visit}
		}
		p := compare(k, listing{
			connections: []snaptrade.Connection{seenConnection("c", false)},
			accounts:    []snaptrade.Account{seenAccount("a1", "c"), seenAccount("a2", "c")},
		}, noon.Add(2*time.Minute))
		if back := len(p.changes.Accounts) == 1; back != tt.back {
			t.Errorf("%s: back %v, want %v", tt.name, back, tt.back)
		}
	}
}

func TestWhatAnAccountMay(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(*snaptrade.Connection, *snaptrade.Account)
		status Status
		trade  bool
	}{
		{"an open one", func(*snaptrade.Connection, *snaptrade.Account) {}, OK, true},
		{"read-only", func(c *snaptrade.Connection, _ *snaptrade.Account) { c.Type = "read" }, OK, false},
		{"broken", func(c *snaptrade.Connection, _ *snaptrade.Account) { c.Disabled = true }, Broken, false},
		{"closed", func(_ *snaptrade.Connection, a *snaptrade.Account) { a.Status = "closed" }, Disabled, false},
		{"unavailable", func(_ *snaptrade.Connection, a *snaptrade.Account) { a.Status = "unavailable" }, Disabled, false},
		{"a deposit account", func(_ *snaptrade.Connection, a *snaptrade.Account) { a.Category = "DEPOSIT" }, OK, false},
	} {
		c, a := seenConnection("c", false), seenAccount("a", "c")
		tt.change(&c, &a)
		p := compare(known{user: uuid.New()}, listing{connections: []snaptrade.Connection{c}, accounts: []snaptrade.Account{a}}, noon)
		if got := p.accounts[0]; got.Status != tt.status || got.CanTrade != tt.trade {
			t.Errorf("%s: %s, can trade %v", tt.name, got.Status, got.CanTrade)
		}
		if chosen := p.choose != uuid.Nil; chosen != tt.trade {
			t.Errorf("%s: chosen %v", tt.name, chosen)
		}
	}
}

func TestAnAccountWaitsForItsConnection(t *testing.T) {
	t.Parallel()
	p := compare(known{user: uuid.New()}, listing{accounts: []snaptrade.Account{seenAccount("a", "not listed yet")}}, noon)
	if len(p.accounts) != 0 {
		t.Errorf("accounts %+v", p.accounts)
	}
}

func TestAccountNumbersAreMasked(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]string{"": "", "***": "", "***1234": "****1234", "9876543210": "****3210", "12": "****12", "xx-55": "****-55"} {
		if got := mask(number); got != want {
			t.Errorf("%q is %q, want %q", number, got, want)
		}
	}
}
