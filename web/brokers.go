package web

import "github.com/alertsify/alertsify/web/ui"

// brokersView is the linked brokers and those that can be linked.
type brokersView struct {
	Connections []ui.Connection
	Brokerages  []ui.Brokerage
}

// brokerReturnView is what has arrived since the person came back from the portal.
type brokerReturnView struct {
	Accounts []ui.Account
}
