package snaptrade

import (
	"context"
	"net/http"
	"time"
)

// Brokerage is a broker that SnapTrade knows.
type Brokerage struct {
	ID              string
	Slug            string // never changes
	Name            string
	DisplayName     string
	Description     string
	LogoURL         string
	SquareLogoURL   string
	URL             string
	Enabled         bool
	MaintenanceMode bool
	Degraded        bool
	AllowsTrading   bool // true only when SnapTrade says so
}

// Connection is one login at a broker.
type Connection struct {
	ID         string
	CreatedAt  time.Time
	Brokerage  Brokerage
	Name       string
	Type       string // "read" or "trade"
	Disabled   bool   // broken: its accounts answer with their last cached state
	DisabledAt time.Time
	Freshness  string // "realtime" or "delayed"
}

// CanTrade reports whether orders may go through the connection.
func (c Connection) CanTrade() bool { return c.Type == "trade" && !c.Disabled }

// Brokerages lists the brokers that our key may use.
func (c *Client) Brokerages(ctx context.Context) ([]Brokerage, error) {
	const op = "list brokerages"
	v, err := c.ask(ctx, request{op: op, method: http.MethodGet, path: "/brokerages", class: Sync, read: true})
	if err != nil {
		return nil, err
	}
	return list(op, v, readBrokerage)
}

func readBrokerage(v Value) (Brokerage, bool) {
	r := readRecord(v)
	b := Brokerage{
		ID: r.id("id"), Slug: r.text("slug"), Name: r.text("name"), DisplayName: r.text("display_name"),
		Description: r.text("description"), LogoURL: r.text("aws_s3_logo_url"), SquareLogoURL: r.text("aws_s3_square_logo_url"),
		URL: r.text("url"), Enabled: r.isTrue("enabled"), MaintenanceMode: r.isTrue("maintenance_mode"),
		Degraded: r.isTrue("is_degraded"), AllowsTrading: r.isTrue("allows_trading"),
	}
	return b, !r.bad
}

// Connections lists the user's connections.
func (c *Client) Connections(ctx context.Context, user User) ([]Connection, error) {
	const op = "list connections"
	v, err := c.ask(ctx, request{op: op, method: http.MethodGet, path: "/authorizations", user: user, class: Sync, read: true})
	if err != nil {
		return nil, err
	}
	return list(op, v, readConnection)
}

// Connection reads one connection.
func (c *Client) Connection(ctx context.Context, user User, id string) (Connection, error) {
	const op = "read connection"
	v, err := c.ask(ctx, request{
		op: op, method: http.MethodGet, path: "/authorizations/%s", ids: []string{id}, user: user, class: Sync, read: true,
	})
	if err != nil {
		return Connection{}, err
	}
	return object(op, v, readConnection)
}

func readConnection(v Value) (Connection, bool) {
	r := readRecord(v)
	brokerage, _ := readBrokerage(v.Get("brokerage"))
	out := Connection{
		ID: r.id("id"), CreatedAt: r.time("created_date"), Brokerage: brokerage, Name: r.text("name"),
		Type: r.text("type"), Disabled: r.isTrue("disabled"), DisabledAt: r.time("disabled_date"),
		Freshness: r.text("data_freshness_mode"),
	}
	return out, !r.bad && out.ID != ""
}

// ConnectionAccounts lists the accounts of one connection.
func (c *Client) ConnectionAccounts(ctx context.Context, user User, id string) ([]Account, error) {
	const op = "list connection's accounts"
	v, err := c.ask(ctx, request{
		op: op, method: http.MethodGet, path: "/authorizations/%s/accounts", ids: []string{id}, user: user, class: Sync, read: true,
	})
	if err != nil {
		return nil, err
	}
	return list(op, v, readAccount)
}

// DeleteConnection asks for a connection and its data to be deleted, which
// cannot be undone. Treat it as gone when CONNECTION_DELETED comes. Tried once.
func (c *Client) DeleteConnection(ctx context.Context, user User, id string) error {
	return c.tell(ctx, request{
		op: "delete connection", method: http.MethodDelete, path: "/connection/%s", ids: []string{id}, user: user, class: Manual,
	})
}

// RefreshConnection asks SnapTrade to read the broker again, for a charge. The
// ACCOUNT_HOLDINGS_UPDATED events tell when it has. Tried once; 429 with code
// "throttled" means too soon.
func (c *Client) RefreshConnection(ctx context.Context, user User, id string) error {
	return c.tell(ctx, request{
		op: "refresh connection", method: http.MethodPost, path: "/authorizations/%s/refresh", ids: []string{id}, user: user, class: Sync,
	})
}

// DisableConnection breaks a connection on purpose. Test keys only.
func (c *Client) DisableConnection(ctx context.Context, user User, id string) error {
	return c.tell(ctx, request{
		op: "disable connection", method: http.MethodPost, path: "/authorizations/%s/disable", ids: []string{id}, user: user, class: Sync,
	})
}
