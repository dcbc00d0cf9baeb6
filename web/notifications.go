package web

import (
	"net/url"

	"github.com/alertsify/alertsify/web/ui"
)

// notificationsView is one page of the inbox.
type notificationsView struct {
	List         []ui.Notification
	Cursor, Next string
}

func (v notificationsView) fragment() string {
	if v.Cursor == "" {
		return "/partials/notifications"
	}
	return "/partials/notifications?" + url.Values{"cursor": {v.Cursor}}.Encode()
}

func (v notificationsView) nextPage() string {
	return "/notifications?" + url.Values{"cursor": {v.Next}}.Encode()
}
