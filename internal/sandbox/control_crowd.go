package sandbox

import (
	"fmt"

	"github.com/shopspring/decimal"
)

// crowdMax bounds one POST /_sandbox/crowd.
const crowdMax = 1000

// crowdOrder is POST /_sandbox/crowd: registers users at SnapTrade and connects
// each to a broker, all at once and without a webhook, for an application that
// stores them itself.
type crowdOrder struct {
	Users  []string `json:"users"`
	Broker string   `json:"broker"`
}

// crowdMember is one of them, with what the application needs to act for them.
type crowdMember struct {
	User        string `json:"user"`
	Secret      string `json:"secret"`
	Connection  string `json:"connection"`
	Account     string `json:"account"`
	Broker      string `json:"broker"`
	Institution string `json:"institution"`
	Number      string `json:"number"`
	Cash        string `json:"cash"` // dollars
}

func (w *World) gather(order crowdOrder) (any, error) {
	b, known := w.snaptrade.registry.brokerNamed(first(order.Broker, "ALPACA-PAPER"))
	switch {
	case !known || !b.Trading || !b.Enabled:
		return nil, badRequest("no orders can be placed at broker %q", order.Broker)
	case len(order.Users) == 0 || len(order.Users) > crowdMax:
		return nil, badRequest("name 1 to %d users", crowdMax)
	}
	made := make([]crowdMember, len(order.Users))
	for i, user := range order.Users {
		if _, exists := w.snaptrade.registry.user(user); exists || user == "" {
			return nil, badRequest("user %q is there already", user)
		}
		var err error
		if made[i], err = w.snaptrade.settle(user, b); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// settle registers one user with a connection and an account.
func (s *snaptrade) settle(id string, b broker) (crowdMember, error) {
	now := s.now().UTC()
	user := snapUser{ID: id, Secret: s.rand.UUID()}
	c := connection{ID: s.rand.UUID(), User: id, Broker: b.Slug, Login: "main", Type: "trade", Created: now, Synced: now}
	if err := s.registry.saveUser(user); err != nil {
		return crowdMember{}, err
	}
	if err := s.registry.saveConnection(c); err != nil {
		return crowdMember{}, err
	}
	a, err := s.paper.openAccount(paperAccount{
		ID: s.rand.UUID(), User: id, Connection: c.ID, Broker: b.Slug, Number: fmt.Sprintf("****%04d", s.rand.Intn(10000)),
		Cash: decimal.NewFromInt(startingCash), Created: now,
	})
	if err != nil {
		return crowdMember{}, err
	}
	return crowdMember{
		User: id, Secret: user.Secret, Connection: c.ID, Account: a.ID, Broker: b.Slug, Institution: b.Name, Number: a.Number,
		Cash: a.Cash.String(),
	}, nil
}
