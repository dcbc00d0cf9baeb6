package snaptrade

import (
	"context"
	"net/http"

	"github.com/alertsify/alertsify/internal/secret"
)

// ConnectionType is what a connection may do.
type ConnectionType string

// We always ask for trading; SnapTrade's own default is read-only.
const (
	TradeOnly        ConnectionType = "trade"
	TradeIfAvailable ConnectionType = "trade-if-available"
)

// Portal says how the connection portal opens.
type Portal struct {
	Type              ConnectionType // TradeIfAvailable when empty
	Broker            string         // slug; skips the picker
	Reconnect         string         // connection id to repair or upgrade; Type becomes TradeOnly unless given
	RedirectTo        string         // overrides the redirect configured at SnapTrade
	ImmediateRedirect bool           // skips the portal's last page
	DarkMode          bool
	Locale            string // "en" (default) or "pt-BR"
}

// PortalLink opens the portal once, within five minutes. The address is as good
// as a password while it lives, so it is kept like one.
type PortalLink struct {
	URL       secret.Text
	SessionID string
}

type portalBody struct {
	Broker            string `json:"broker,omitempty"`
	ImmediateRedirect bool   `json:"immediateRedirect,omitempty"`
	CustomRedirect    string `json:"customRedirect,omitempty"`
	Reconnect         string `json:"reconnect,omitempty"`
	ConnectionType    string `json:"connectionType"`
	DarkMode          bool   `json:"darkMode,omitempty"`
	Locale            string `json:"locale,omitempty"`
}

// Login makes a link to the connection portal for the user.
func (c *Client) Login(ctx context.Context, user User, p Portal) (PortalLink, error) {
	const op = "open portal"
	v, err := c.ask(ctx, request{
		op: op, method: http.MethodPost, path: "/snapTrade/login", user: user, class: Manual,
		body: portalBody{
			Broker: p.Broker, ImmediateRedirect: p.ImmediateRedirect, CustomRedirect: p.RedirectTo,
			Reconnect: p.Reconnect, ConnectionType: string(p.connectionType()), DarkMode: p.DarkMode, Locale: p.Locale,
		},
	})
	if err != nil {
		return PortalLink{}, err
	}
	return object(op, v, readPortalLink)
}

// connectionType: a connection repaired without saying "trade" may come back read-only.
func (p Portal) connectionType() ConnectionType {
	switch {
	case p.Type != "":
		return p.Type
	case p.Reconnect != "":
		return TradeOnly
	default:
		return TradeIfAvailable
	}
}

// readPortalLink refuses the encrypted form (encryptedSharedKey), which has no redirectURI.
func readPortalLink(v Value) (PortalLink, bool) {
	link := PortalLink{URL: secret.New(v.Get("redirectURI").Text()), SessionID: v.Get("sessionId").Text()}
	return link, !link.URL.IsZero()
}
