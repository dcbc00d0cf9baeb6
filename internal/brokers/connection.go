package brokers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/snaptrade"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Status is the health of a connection or account: "ok"; "broken" until its owner
// reconnects it; "disabled" when the broker closed it.
type Status = string

// The states of health.
const (
	OK       Status = "ok"
	Broken   Status = "broken"
	Disabled Status = "disabled"
)

// Connection is one login at a broker.
type Connection struct {
	ID              uuid.UUID  `json:"id"`
	UserID          uuid.UUID  `json:"-"`
	AuthorizationID string     `json:"-"` // SnapTrade's id
	BrokerSlug      string     `json:"broker"`
	Institution     string     `json:"institution"`
	Trading         bool       `json:"canTrade"` // its type is "trade", not "read"
	Status          Status     `json:"status"`
	BrokenAt        *time.Time `json:"brokenAt"`
	CreatedAt       time.Time  `json:"createdAt"`

	removeRequestedAt *time.Time
	deletedAt         *time.Time
}

const connectionColumns = `id, user_id, authorization_id, broker_slug, institution, trading, status, broken_at, created_at,
	remove_requested_at, deleted_at`

func scanConnection(row pgx.CollectableRow) (c Connection, err error) {
	err = row.Scan(&c.ID, &c.UserID, &c.AuthorizationID, &c.BrokerSlug, &c.Institution, &c.Trading, &c.Status, &c.BrokenAt, &c.CreatedAt,
		&c.removeRequestedAt, &c.deletedAt)
	return c, err
}

// live reports whether the connection is there for its owner.
func (c Connection) live() bool { return c.deletedAt == nil && c.removeRequestedAt == nil }

// Connections lists the user's connections, oldest first.
func (a *Accounts) Connections(ctx context.Context, user uuid.UUID) ([]Connection, error) {
	list, err := postgres.OwnRows(ctx, a.db, user, scanConnection, `
		select `+connectionColumns+` from connections
		where user_id = $1 and deleted_at is null and remove_requested_at is null order by created_at, id`, user)
	if err != nil {
		return nil, fmt.Errorf("list connections: %w", err)
	}
	return list, nil
}

// connection gives one of the user's own; fault.NotFound otherwise.
func (a *Accounts) connection(ctx context.Context, user, id uuid.UUID) (Connection, error) {
	list, err := a.Connections(ctx, user)
	if err != nil {
		return Connection{}, err
	}
	i := slices.IndexFunc(list, func(c Connection) bool { return c.ID == id })
	if i < 0 {
		return Connection{}, fault.NotFound()
	}
	return list[i], nil
}

// Brokerage is a broker that can be connected. ID is its slug, which never changes.
type Brokerage struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	LogoURL  string `json:"logoUrl"`
	CanTrade bool   `json:"canTrade"`
	Degraded bool   `json:"degraded"`

	uuid string // SnapTrade's other id, which Connect also understands
}

// Brokerages lists the brokers that can be connected now, by name.
func (a *Accounts) Brokerages(ctx context.Context) ([]Brokerage, error) {
	if a.client == nil {
		return nil, errOff()
	}
	list, err := a.known.list(ctx, a.client)
	if err != nil {
		return nil, providerFault("list brokerages", err)
	}
	return slices.Clone(list), nil
}

// slugOf finds the slug of a broker named by slug or id; empty stays empty.
func (a *Accounts) slugOf(ctx context.Context, broker string) (string, error) {
	if broker == "" {
		return "", nil
	}
	list, err := a.Brokerages(ctx)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(list, func(b Brokerage) bool { return strings.EqualFold(b.ID, broker) || strings.EqualFold(b.uuid, broker) })
	if i < 0 {
		return "", fault.Field("brokerId", "This broker cannot be connected.")
	}
	return list[i].ID, nil
}

const (
	catalogueAge  = 10 * time.Minute
	catalogueTime = 25 * time.Second
)

// catalogue keeps SnapTrade's list of brokers, the same for everybody. One at a
// time reads it; the others wait and find it read.
type catalogue struct {
	now     func() time.Time
	reading chan struct{} // holds the one who reads
	mu      sync.Mutex
	kept    []Brokerage
	keptAt  time.Time
}

// list gives the kept list, a fresh one when that is old, or the old one when a
// fresh one cannot be had.
func (c *catalogue) list(ctx context.Context, client *snaptrade.Client) ([]Brokerage, error) {
	if kept, fresh := c.current(); fresh {
		return kept, nil
	}
	ctx, cancel := context.WithTimeout(ctx, catalogueTime)
	defer cancel()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case c.reading <- struct{}{}:
	}
	defer func() { <-c.reading }()
	kept, fresh := c.current()
	if fresh {
		return kept, nil
	}
	if err := c.load(ctx, client); err != nil && kept == nil {
		return nil, err
	}
	kept, _ = c.current()
	return kept, nil
}

func (c *catalogue) current() (list []Brokerage, fresh bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.kept, c.kept != nil && c.now().Sub(c.keptAt) < catalogueAge
}

func (c *catalogue) load(ctx context.Context, client *snaptrade.Client) error {
	all, err := client.Brokerages(snaptrade.WithClass(ctx, snaptrade.Manual)) // somebody waits for it
	if err != nil {
		return err
	}
	list := make([]Brokerage, 0, len(all))
	for _, b := range all {
		if b.Enabled && !b.MaintenanceMode && b.Slug != "" {
			list = append(list, brokerageOf(b))
		}
	}
	slices.SortFunc(list, func(x, y Brokerage) int { return strings.Compare(strings.ToLower(x.Name), strings.ToLower(y.Name)) })
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept, c.keptAt = list, c.now()
	return nil
}

func brokerageOf(b snaptrade.Brokerage) Brokerage {
	out := Brokerage{ID: b.Slug, Name: b.DisplayName, LogoURL: b.SquareLogoURL, CanTrade: b.AllowsTrading, Degraded: b.Degraded, uuid: b.ID}
	if out.Name == "" {
		out.Name = b.Name
	}
	if out.LogoURL == "" {
		out.LogoURL = b.LogoURL
	}
	return out
}
