package brokers

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/secret"
)

// Invented is one user's login at a simulated broker, as the sandbox made it.
type Invented struct {
	UserID          uuid.UUID
	Secret          secret.Text // of the SnapTrade user, who has our user's id
	AuthorizationID string
	BrokerAccountID string
	Broker          string // slug
	Institution     string
	Number          string
	Cash            decimal.Decimal // dollars; also the buying power
}

// Invent stores logins that a simulator made for users who never went through a
// portal, in a statement for each kind of row, for development. Every account is
// its user's selected one, read just now.
func (a *Accounts) Invent(ctx context.Context, tx pgx.Tx, made []Invented) error {
	now := a.now()
	users, secrets, snap := make([]uuid.UUID, len(made)), make([]string, len(made)), make([]string, len(made))
	connections, accounts := make([]Connection, len(made)), make([]Account, len(made))
	cash := make([]decimal.Decimal, len(made))
	for i, m := range made {
		sealed, err := a.ring.Seal("snaptrade_users", "user_secret", m.UserID.String(), m.Secret)
		if err != nil {
			return fmt.Errorf("seal SnapTrade secret: %w", err)
		}
		users[i], snap[i], secrets[i], cash[i] = m.UserID, m.UserID.String(), sealed, m.Cash
		connections[i] = Connection{
			ID: uuid.New(), UserID: m.UserID, AuthorizationID: m.AuthorizationID, BrokerSlug: m.Broker, Institution: m.Institution,
			Trading: true, Status: OK, CreatedAt: now,
		}
		accounts[i] = Account{
			ID: uuid.New(), UserID: m.UserID, ConnectionID: connections[i].ID, BrokerAccountID: m.BrokerAccountID, BrokerSlug: m.Broker,
			Institution: m.Institution, Name: m.Institution + " Individual", Number: m.Number, Status: OK, CanTrade: true, Paper: true,
			Selected: true, SyncedAt: &now, CreatedAt: now, category: "INVESTMENT",
		}
	}
	_, err := tx.Exec(ctx, `
		insert into snaptrade_users (user_id, snaptrade_user_id, user_secret, version, refreshed_at)
		select u, s, k, 1, now() from unnest($1::uuid[], $2::text[], $3::text[]) as q(u, s, k)`, users, snap, secrets)
	if err != nil {
		return fmt.Errorf("invent SnapTrade users: %w", err)
	}
	if err := writeConnections(ctx, tx, connections); err != nil {
		return err
	}
	if err := writeAccounts(ctx, tx, accounts); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		update accounts a set cash = q.cash, buying_power = q.cash, balance_at = now(), balance_tried_at = now()
		from unnest($1::uuid[], $2::numeric[]) as q(user_id, cash) where a.user_id = q.user_id`, users, cash)
	if err != nil {
		return fmt.Errorf("invent balances: %w", err)
	}
	return nil
}
