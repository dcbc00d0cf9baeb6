package sandbox

import (
	"fmt"
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/shopspring/decimal"
)

// startingCash is what a new simulated account holds, dollars.
const startingCash = 100_000

func (s *snaptrade) listConnections(w http.ResponseWriter, r *http.Request) {
	list := []map[string]any{}
	for _, c := range s.registry.connectionsOf(userOf(r)) {
		list = append(list, s.connectionShape(c))
	}
	reply(w, http.StatusOK, list)
}

func (s *snaptrade) connectionShape(c connection) map[string]any {
	b, _ := s.registry.brokerNamed(c.Broker)
	disabled := any(nil)
	if c.Disabled != nil {
		disabled = stamp(*c.Disabled)
	}
	return map[string]any{
		"id": c.ID, "created_date": stamp(c.Created), "brokerage": b.shape(s.base()), "name": b.Name + " (" + c.Login + ")",
		"type": c.Type, "disabled": c.Disabled != nil, "disabled_date": disabled, "data_freshness_mode": "realtime",
	}
}

// ownConnection finds the connection of the path, false after answering 404.
func (s *snaptrade) ownConnection(w http.ResponseWriter, r *http.Request) (connection, bool) {
	c, known := s.registry.connection(chi.URLParam(r, "connection"))
	if !known || c.User != userOf(r) {
		fail(w, http.StatusNotFound, "1011", "Connection not found")
		return connection{}, false
	}
	return c, true
}

func (s *snaptrade) oneConnection(w http.ResponseWriter, r *http.Request) {
	if c, found := s.ownConnection(w, r); found {
		reply(w, http.StatusOK, s.connectionShape(c))
	}
}

func (s *snaptrade) refreshConnection(w http.ResponseWriter, r *http.Request) {
	c, found := s.ownConnection(w, r)
	if !found {
		return
	}
	if c.Disabled != nil {
		fail(w, http.StatusPaymentRequired, "3003", "Unable to sync with brokerage account because the connection is disabled.")
		return
	}
	c.Synced = s.now().UTC()
	if err := s.registry.saveConnection(c); err != nil {
		s.broken(w, err)
		return
	}
	for _, a := range s.accountsOn(c.ID) {
		s.hooks.send(s.holdingsEvent(a))
	}
	reply(w, http.StatusOK, map[string]string{"detail": fmt.Sprintf("Connection %s scheduled for refresh", c.ID)})
}

func (s *snaptrade) disableConnection(w http.ResponseWriter, r *http.Request) {
	c, found := s.ownConnection(w, r)
	if !found {
		return
	}
	if c.Disabled != nil {
		fail(w, http.StatusPaymentRequired, "3011", "Connection is already disabled")
		return
	}
	if err := s.breakConnection(c); err != nil {
		s.broken(w, err)
		return
	}
	reply(w, http.StatusOK, map[string]string{"detail": fmt.Sprintf("Connection %s has been disabled", c.ID)})
}

// breakConnection disables a connection and tells so.
func (s *snaptrade) breakConnection(c connection) error {
	now := s.now().UTC()
	c.Disabled = &now
	if err := s.registry.saveConnection(c); err != nil {
		return err
	}
	s.hooks.send(event{Type: "CONNECTION_BROKEN", User: c.User, Connection: c.ID})
	return nil
}

// mendConnection makes a disabled connection work again and tells so.
func (s *snaptrade) mendConnection(c connection) error {
	kind := "CONNECTION_UPDATED"
	if c.Disabled != nil {
		kind = "CONNECTION_FIXED"
	}
	c.Disabled, c.Synced = nil, s.now().UTC()
	if err := s.registry.saveConnection(c); err != nil {
		return err
	}
	s.hooks.send(event{Type: kind, User: c.User, Connection: c.ID})
	return nil
}

func (s *snaptrade) deleteConnection(w http.ResponseWriter, r *http.Request) {
	c, found := s.ownConnection(w, r)
	if !found {
		return
	}
	if err := s.dropConnection(c); err != nil {
		s.broken(w, err)
		return
	}
	reply(w, http.StatusOK, map[string]string{
		"detail":        "Connection queued for deletion; please wait for webhook for confirmation.",
		"connection_id": c.ID,
	})
}

// dropConnection deletes a connection with its accounts and tells so.
func (s *snaptrade) dropConnection(c connection) error {
	for _, a := range s.accountsOn(c.ID) {
		if err := s.paper.closeAccount(a.ID); err != nil {
			return err
		}
	}
	c.Deleted = true
	if err := s.registry.saveConnection(c); err != nil {
		return err
	}
	b, _ := s.registry.brokerNamed(c.Broker)
	s.hooks.send(event{Type: "CONNECTION_DELETED", User: c.User, Connection: c.ID, Broker: b.ID})
	return nil
}

func (s *snaptrade) accountsOn(connection string) []paperAccount {
	return s.paper.accountsOf(func(a *paperAccount) bool { return a.Connection == connection })
}

// attempt is what ends a visit to the connection portal.
type attempt struct {
	User           string
	Broker         broker
	Login          string // which login at the broker; the same login is the same connection
	ConnectionType string
	Reconnect      string
}

// portalError is a failed attempt, with the codes the portal redirects with.
type portalError struct {
	Status int
	Code   string
	Result string // connectionAttemptedResult of the webhook
}

// Error names the code.
func (e portalError) Error() string { return "portal error " + e.Code }

// connect makes or mends a connection and sends the webhooks of it.
func (s *snaptrade) connect(a attempt) (connection, error) {
	kind, err := grantedType(a)
	if err == nil && (!a.Broker.Enabled || a.Broker.Maintenance) {
		err = portalError{http.StatusInternalServerError, "3000", "UNCAUGHT_ERROR"}
	}
	var existing connection
	if err == nil {
		existing, err = s.existing(a)
	}
	var failed portalError
	if asPortalError(err, &failed) {
		s.attempted(a, failed.Result)
		s.hooks.send(event{Type: "CONNECTION_FAILED", User: a.User})
		return connection{}, err
	}
	s.attempted(a, "SUCCESS")
	if existing.ID != "" {
		existing.Type = kind
		return existing, s.mendConnection(existing)
	}
	return s.addConnection(a, kind)
}

func (s *snaptrade) attempted(a attempt, result string) {
	s.hooks.send(event{Type: "CONNECTION_ATTEMPTED", User: a.User, Broker: a.Broker.ID, AttemptResult: result})
}

// grantedType is read or trade; a broker that does not trade refuses "trade".
func grantedType(a attempt) (string, error) {
	switch {
	case a.ConnectionType == "" || a.ConnectionType == "read":
		return "read", nil
	case a.Broker.Trading:
		return "trade", nil
	case a.ConnectionType == "trade":
		return "", portalError{http.StatusForbidden, "1140", "INVALID_CREDENTIALS"}
	default:
		return "read", nil
	}
}

// existing finds the connection an attempt is about: the one to repair, or the
// one the same login already has.
func (s *snaptrade) existing(a attempt) (connection, error) {
	if a.Reconnect != "" {
		c, known := s.registry.connection(a.Reconnect)
		if !known || c.User != a.User || c.Broker != a.Broker.Slug || c.Login != a.Login {
			return connection{}, portalError{http.StatusBadRequest, "1023", "DIFFERENT_ACCOUNT"}
		}
		return c, nil
	}
	for _, c := range s.registry.connectionsOf(a.User) {
		if c.Broker == a.Broker.Slug && c.Login == a.Login {
			return c, nil
		}
	}
	return connection{}, nil
}

func (s *snaptrade) addConnection(a attempt, kind string) (connection, error) {
	now := s.now().UTC()
	c := connection{
		ID: s.rand.UUID(), User: a.User, Broker: a.Broker.Slug, Login: a.Login, Type: kind, Created: now, Synced: now,
	}
	if err := s.registry.saveConnection(c); err != nil {
		return connection{}, err
	}
	account, err := s.paper.openAccount(paperAccount{
		ID: s.rand.UUID(), User: a.User, Connection: c.ID, Broker: a.Broker.Slug,
		Number: fmt.Sprintf("****%04d", s.rand.Intn(10000)), Cash: decimal.NewFromInt(startingCash), Created: now,
	})
	if err != nil {
		return connection{}, err
	}
	s.hooks.send(event{Type: "CONNECTION_ADDED", User: a.User, Connection: c.ID, Broker: a.Broker.ID})
	s.hooks.send(event{Type: "NEW_ACCOUNT_AVAILABLE", User: a.User, Connection: c.ID, Account: account.ID})
	s.hooks.send(event{Type: "ACCOUNT_TRANSACTIONS_INITIAL_UPDATE", User: a.User, Connection: c.ID, Account: account.ID})
	s.hooks.send(s.holdingsEvent(account))
	return c, nil
}

func (s *snaptrade) holdingsEvent(a paperAccount) event {
	b, _ := s.registry.brokerNamed(a.Broker)
	fine := map[string]any{"success": true, "error": nil}
	return event{
		Type: "ACCOUNT_HOLDINGS_UPDATED", User: a.User, Connection: a.Connection, Account: a.ID, Broker: b.ID,
		Details: map[string]any{"total_value": fine, "positions": fine, "balances": fine, "orders": fine},
	}
}
