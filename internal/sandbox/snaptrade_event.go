package sandbox

import (
	"errors"
	"fmt"
	"net/http"
)

// happen changes the simulated state as an event says it has changed, and
// returns the event to send. An event of no known kind is sent as it is.
func (s *snaptrade) happen(order eventOrder, accountNamed func(string) (string, error)) (event, error) {
	e := event{Type: order.EventType, User: s.registry.userNamed(order.User)}
	if len(order.Details) > 0 {
		e.Details = order.Details
	}
	name := order.Account
	if name == "" {
		name = order.User
	}
	id, err := accountNamed(name)
	if err != nil && (order.Account != "" || !errors.Is(err, errNoAccount)) {
		return event{}, err
	}
	if a, _, open := s.paper.account(id); open {
		b, _ := s.registry.brokerNamed(a.Broker)
		e.User, e.Account, e.Connection, e.Broker = a.User, a.ID, a.Connection, b.ID
	}
	if e.User == "" {
		return event{}, problem{http.StatusNotFound, fmt.Sprintf("unknown user %q", order.User)}
	}
	return s.change(e)
}

// change applies an event to the state and cuts it to the keys its kind has.
func (s *snaptrade) change(e event) (event, error) {
	c, connected := s.registry.connection(e.Connection)
	now := s.now().UTC()
	switch e.Type {
	case "CONNECTION_BROKEN":
		c.Disabled = &now
		e.Account, e.Broker = "", ""
	case "CONNECTION_FIXED", "CONNECTION_UPDATED":
		c.Disabled, c.Synced = nil, now
		e.Account, e.Broker = "", ""
	case "CONNECTION_DELETED":
		e.Account = ""
		return e, s.forget(c)
	case "ACCOUNT_REMOVED":
		e.Broker = ""
		return e, s.paper.closeAccount(e.Account)
	case "USER_DELETED":
		return event{Type: e.Type, User: e.User}, s.forgetUser(e.User)
	case "USER_REGISTERED", "CONNECTION_FAILED":
		return event{Type: e.Type, User: e.User, Details: e.Details}, nil
	case "ACCOUNT_HOLDINGS_UPDATED":
		if a, _, open := s.paper.account(e.Account); open && e.Details == nil {
			e = s.holdingsEvent(a)
		}
		c.Synced = now
	default:
		return e, nil
	}
	if !connected {
		return event{}, problem{http.StatusNotFound, "the user has no connection"}
	}
	return e, s.registry.saveConnection(c)
}

// forget deletes a connection and its accounts without a word.
func (s *snaptrade) forget(c connection) error {
	if c.ID == "" {
		return problem{http.StatusNotFound, "the user has no connection"}
	}
	for _, a := range s.accountsOn(c.ID) {
		if err := s.paper.closeAccount(a.ID); err != nil {
			return err
		}
	}
	c.Deleted = true
	return s.registry.saveConnection(c)
}

func (s *snaptrade) forgetUser(id string) error {
	user, known := s.registry.user(id)
	if !known {
		return problem{http.StatusNotFound, "unknown user"}
	}
	for _, c := range s.registry.connectionsOf(id) {
		if err := s.forget(c); err != nil {
			return err
		}
	}
	user.Deleted = true
	return s.registry.saveUser(user)
}
