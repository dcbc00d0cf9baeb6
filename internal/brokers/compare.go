package brokers

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/snaptrade"
	"github.com/google/uuid"
)

// known is what our tables say about one user.
type known struct {
	user        uuid.UUID
	connections []Connection
	accounts    []Account
	visits      []visit // open ones
}

// plan is what has to be written so that our tables say what SnapTrade does.
type plan struct {
	user        uuid.UUID
	connections []Connection // new or changed
	accounts    []Account    // new or changed
	choose      uuid.UUID    // the account that becomes selected; zero: none
	arrived     []uuid.UUID  // visits whose purpose is met
	lost        []Connection // stopped working, not by their owner's wish
	changes     Changes
}

// compare works out the difference. Pure: nothing is read or written here.
func compare(k known, seen listing, now time.Time) plan {
	p := plan{user: k.user}
	connections := p.compareConnections(k, seen.connections, now)
	all := p.compareAccounts(k, seen.accounts, connections, now)
	p.choose = firstChoice(k.accounts, all)
	for _, v := range k.visits {
		if v.met(connections, all) {
			p.arrived = append(p.arrived, v.id)
		}
	}
	return p
}

// compareConnections gives the listed connections as they will be, by SnapTrade's id.
func (p *plan) compareConnections(k known, seen []snaptrade.Connection, now time.Time) map[string]Connection {
	byID := make(map[string]Connection, len(k.connections))
	for _, c := range k.connections {
		byID[c.AuthorizationID] = c
	}
	listed := make(map[string]Connection, len(seen))
	for _, s := range seen {
		old, there := byID[s.ID]
		fresh := connectionOf(p.user, old, there, s, now)
		listed[s.ID] = fresh
		p.noteConnection(old, there, fresh)
	}
	for _, old := range k.connections {
		if _, still := listed[old.AuthorizationID]; still || old.deletedAt != nil {
			continue
		}
		gone := old
		gone.deletedAt = &now
		p.noteConnection(old, true, gone)
	}
	return listed
}

func connectionOf(user uuid.UUID, old Connection, there bool, s snaptrade.Connection, now time.Time) Connection {
	c := old
	if !there {
		c = Connection{ID: uuid.New(), UserID: user, AuthorizationID: s.ID, CreatedAt: now}
	}
	c.BrokerSlug, c.Institution = s.Brokerage.Slug, cmp.Or(s.Brokerage.DisplayName, s.Brokerage.Name, s.Name, "Your broker")
	c.Trading, c.deletedAt = s.Type == "trade", nil
	c.Status = OK
	if s.Disabled {
		c.Status = Broken
	}
	switch {
	case c.Status == OK:
		c.BrokenAt = nil
	case c.BrokenAt == nil:
		c.BrokenAt = &now
	}
	return c
}

// noteConnection remembers a connection that differs, and what that means.
func (p *plan) noteConnection(old Connection, there bool, fresh Connection) {
	if there && sameConnection(old, fresh) {
		return
	}
	p.connections = append(p.connections, fresh)
	wasUp := there && old.live() && old.Status == OK
	isUp := fresh.live() && fresh.Status == OK
	switch {
	case wasUp && !isUp:
		p.changes.Broken = append(p.changes.Broken, fresh.ID)
		p.lost = append(p.lost, fresh)
	case there && !wasUp && isUp:
		p.changes.Fixed = append(p.changes.Fixed, fresh.ID)
	}
}

func sameConnection(a, b Connection) bool {
	return a.BrokerSlug == b.BrokerSlug && a.Institution == b.Institution && a.Trading == b.Trading && a.Status == b.Status &&
		(a.deletedAt == nil) == (b.deletedAt == nil)
}

// compareAccounts gives all accounts as they will be.
func (p *plan) compareAccounts(k known, seen []snaptrade.Account, connections map[string]Connection, now time.Time) []Account {
	byID := make(map[string]Account, len(k.accounts))
	for _, a := range k.accounts {
		byID[a.BrokerAccountID] = a
	}
	var all []Account
	listed := make(map[string]bool, len(seen))
	for _, s := range seen {
		c, there := connections[s.ConnectionID]
		if !there {
			continue
		}
		listed[s.ID] = true
		old, known := byID[s.ID]
		fresh := accountOf(old, known, s, c, now)
		if known && old.dismissedAt != nil && k.visitedAfter(*old.dismissedAt, c.BrokerSlug) {
			fresh.dismissedAt, fresh.removedAt = nil, nil
		}
		all = append(all, p.noteAccount(old, known, fresh, c))
	}
	for _, old := range k.accounts {
		if listed[old.BrokerAccountID] {
			continue
		}
		gone := old
		if gone.removedAt == nil {
			gone.removedAt = &now
		}
		all = append(all, p.noteAccount(old, true, gone, Connection{}))
	}
	return all
}

// visitedAfter reports whether the user went to the portal for such a broker
// after a moment: who removed an account and connects again wants it back.
func (k known) visitedAfter(moment time.Time, slug string) bool {
	return slices.ContainsFunc(k.visits, func(v visit) bool {
		return v.createdAt.After(moment) && (v.brokerSlug == "" || v.brokerSlug == slug)
	})
}

func accountOf(old Account, there bool, s snaptrade.Account, c Connection, now time.Time) Account {
	a := old
	if !there {
		a = Account{ID: uuid.New(), UserID: c.UserID, BrokerAccountID: s.ID, CreatedAt: now, ListsOrders: true}
	}
	a.ConnectionID, a.BrokerSlug = c.ID, c.BrokerSlug
	a.Institution = cmp.Or(s.InstitutionName, c.Institution)
	a.Name, a.Number, a.Paper, a.category = s.Name, mask(s.Number), s.Paper, s.Category
	a.RawType, a.Equity = s.RawType, nil
	if s.Total != nil && s.Currency == "USD" {
		a.Equity = &money.Amount{Decimal: s.Total.RoundBank(4)} // as the table keeps it
	}
	if !s.SyncedAt.IsZero() {
		a.SyncedAt = &s.SyncedAt
	}
	a.Status = c.Status
	switch strings.ToLower(s.Status) {
	case "closed", "archived", "unavailable":
		a.Status = Disabled
	}
	a.removedAt = a.dismissedAt // what its owner removed stays removed
	return a
}

// noteAccount settles what follows from the rest and remembers a difference.
func (p *plan) noteAccount(old Account, there bool, fresh Account, c Connection) Account {
	if !c.live() && fresh.removedAt == nil && c.removeRequestedAt != nil {
		fresh.removedAt = c.removeRequestedAt
	}
	fresh.CanTrade = fresh.removedAt == nil && c.Trading && fresh.Status == OK && fresh.category == "INVESTMENT"
	fresh.Selected = fresh.Selected && fresh.removedAt == nil
	if there && sameAccount(old, fresh) {
		return fresh
	}
	p.accounts = append(p.accounts, fresh)
	was := there && old.removedAt == nil
	switch is := fresh.removedAt == nil; {
	case is && !was:
		p.changes.Accounts = append(p.changes.Accounts, fresh.ID)
	case was && !is:
		p.changes.Removed = append(p.changes.Removed, fresh.ID)
	}
	return fresh
}

func sameAccount(a, b Account) bool {
	return a.ConnectionID == b.ConnectionID && a.Institution == b.Institution && a.Name == b.Name && a.Number == b.Number &&
		a.Paper == b.Paper && a.category == b.category && a.Status == b.Status && a.CanTrade == b.CanTrade && a.Selected == b.Selected &&
		a.RawType == b.RawType && sameAmount(a.Equity, b.Equity) && sameTime(a.SyncedAt, b.SyncedAt) && (a.removedAt == nil) == (b.removedAt == nil) && (a.dismissedAt == nil) == (b.dismissedAt == nil)
}

func sameAmount(a, b *money.Amount) bool {
	return (a == nil) == (b == nil) && (a == nil || a.Equal(b.Decimal))
}

func sameTime(a, b *time.Time) bool {
	return (a == nil) == (b == nil) && (a == nil || a.Truncate(time.Microsecond).Equal(b.Truncate(time.Microsecond)))
}

// mask keeps the last four characters of an account number.
func mask(number string) string {
	const shownDigits = 4
	runes := []rune(strings.TrimLeft(number, "*•xX "))
	if len(runes) == 0 {
		return ""
	}
	return "****" + string(runes[max(0, len(runes)-shownDigits):])
}

// firstChoice selects the first trading account by itself, but only where there
// was none before: when the selected one goes away, its owner decides which
// account orders go to from then on, not we.
func firstChoice(before, after []Account) uuid.UUID {
	for _, a := range before {
		if a.removedAt == nil && (a.CanTrade || a.Selected) {
			return uuid.Nil
		}
	}
	var first *Account
	for i, a := range after {
		if a.Selected {
			return uuid.Nil
		}
		if a.CanTrade && (first == nil || a.CreatedAt.Before(first.CreatedAt)) {
			first = &after[i]
		}
	}
	if first == nil {
		return uuid.Nil
	}
	return first.ID
}

// met reports whether what the visit was for has come about: the connection
// works again and may trade, or a new one is there with an account.
func (v visit) met(connections map[string]Connection, all []Account) bool {
	for _, c := range connections {
		repaired := v.reconnects != nil && *v.reconnects == c.ID && c.Status == OK && c.Trading
		arrived := v.reconnects == nil && !c.CreatedAt.Before(v.createdAt) && slices.ContainsFunc(all, func(a Account) bool {
			return a.ConnectionID == c.ID && a.removedAt == nil
		})
		if c.live() && (repaired || arrived) {
			return true
		}
	}
	return false
}
