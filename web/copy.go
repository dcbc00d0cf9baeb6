package web

import (
	"net/url"

	"github.com/alertsify/alertsify/web/ui"
)

// copyView is copying from the follower's side.
type copyView struct {
	Approvals     []ui.Approval
	Subscriptions []ui.SubscriptionRow
	Decisions     []ui.DecisionRow
	Cursor, Next  string
}

func (v copyView) fragment() string {
	if v.Cursor == "" {
		return "/partials/decisions"
	}
	return "/partials/decisions?" + url.Values{"cursor": {v.Cursor}}.Encode()
}

func (v copyView) nextPage() string {
	return "/copy?" + url.Values{"cursor": {v.Next}}.Encode()
}
