package brokers

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"
)

// write stores a plan in a statement for each kind of row, however many there are.
func (p plan) write(ctx context.Context, tx pgx.Tx) error {
	if err := writeConnections(ctx, tx, p.connections); err != nil {
		return err
	}
	if err := writeAccounts(ctx, tx, p.accounts); err != nil {
		return err
	}
	if p.choose != uuid.Nil {
		if err := selectAccount(ctx, tx, p.user, p.choose); err != nil {
			return err
		}
	}
	if len(p.arrived) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `update portal_visits set state = 'connected', finished_at = now() where id = any($1) and state = 'open'`, p.arrived)
	if err != nil {
		return fmt.Errorf("finish portal visits: %w", err)
	}
	return nil
}

// writeConnections leaves a connection alone that SnapTrade lists for this user
// and we have under another: it can only be one we must not touch.
func writeConnections(ctx context.Context, tx pgx.Tx, list []Connection) error {
	if len(list) == 0 {
		return nil
	}
	var (
		ids, users                 = make([]uuid.UUID, len(list)), make([]uuid.UUID, len(list))
		refs, slugs, names, health = make([]string, len(list)), make([]string, len(list)), make([]string, len(list)), make([]string, len(list))
		trading                    = make([]bool, len(list))
		broken, deleted, created   = make([]*time.Time, len(list)), make([]*time.Time, len(list)), make([]time.Time, len(list))
	)
	for i, c := range list {
		ids[i], users[i], refs[i], slugs[i], names[i], health[i] = c.ID, c.UserID, c.AuthorizationID, c.BrokerSlug, c.Institution, c.Status
		trading[i], broken[i], deleted[i], created[i] = c.Trading, c.BrokenAt, c.deletedAt, c.CreatedAt
	}
	_, err := tx.Exec(ctx, `
		insert into connections (id, user_id, authorization_id, broker_slug, institution, status, trading, broken_at, deleted_at, created_at)
		select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[],
		                     $8::timestamptz[], $9::timestamptz[], $10::timestamptz[])
		on conflict (authorization_id) do update set
			broker_slug = excluded.broker_slug, institution = excluded.institution, status = excluded.status, trading = excluded.trading,
			broken_at = excluded.broken_at, deleted_at = excluded.deleted_at, updated_at = now()
		where connections.user_id = excluded.user_id`,
		ids, users, refs, slugs, names, health, trading, broken, deleted, created)
	if err != nil {
		return fmt.Errorf("store connections: %w", err)
	}
	return nil
}

// writeAccounts never touches balances, which have their own reading. An account
// whose connection was not stored is not stored either.
func writeAccounts(ctx context.Context, tx pgx.Tx, list []Account) error {
	if len(list) == 0 {
		return nil
	}
	var (
		ids, users, connections    = make([]uuid.UUID, len(list)), make([]uuid.UUID, len(list)), make([]uuid.UUID, len(list))
		refs, institutions, names  = make([]string, len(list)), make([]string, len(list)), make([]string, len(list))
		numbers, kinds, health     = make([]string, len(list)), make([]string, len(list)), make([]string, len(list))
		paper, trading, chosen     = make([]bool, len(list)), make([]bool, len(list)), make([]bool, len(list))
		synced, removed, dismissed = make([]*time.Time, len(list)), make([]*time.Time, len(list)), make([]*time.Time, len(list))
		created                    = make([]time.Time, len(list))
		types, worth               = make([]string, len(list)), make([]decimal.NullDecimal, len(list))
	)
	for i, a := range list {
		types[i] = a.RawType
		if a.Equity != nil {
			worth[i] = decimal.NewNullDecimal(a.Equity.Decimal)
		}
		ids[i], users[i], connections[i] = a.ID, a.UserID, a.ConnectionID
		refs[i], institutions[i], names[i] = a.BrokerAccountID, a.Institution, a.Name
		numbers[i], kinds[i], health[i] = a.Number, a.category, a.Status
		paper[i], trading[i], chosen[i] = a.Paper, a.CanTrade, a.Selected
		synced[i], removed[i], dismissed[i], created[i] = a.SyncedAt, a.removedAt, a.dismissedAt, a.CreatedAt
	}
	_, err := tx.Exec(ctx, `
		insert into accounts (id, user_id, connection_id, broker_account_id, institution, name, number, category, status,
		                      paper, can_trade, selected, synced_at, removed_at, dismissed_at, created_at, raw_type, equity)
		select q.* from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
		                       $10::boolean[], $11::boolean[], $12::boolean[], $13::timestamptz[], $14::timestamptz[], $15::timestamptz[], $16::timestamptz[],
		                       $17::text[], $18::numeric[])
		     as q(id, user_id, connection_id, broker_account_id, institution, name, number, category, status,
		          paper, can_trade, selected, synced_at, removed_at, dismissed_at, created_at, raw_type, equity)
		join connections c on c.id = q.connection_id
		on conflict (broker_account_id) do update set
			connection_id = excluded.connection_id, institution = excluded.institution, name = excluded.name, number = excluded.number,
			category = excluded.category, status = excluded.status, paper = excluded.paper, can_trade = excluded.can_trade,
			selected = excluded.selected, synced_at = excluded.synced_at, removed_at = excluded.removed_at,
			dismissed_at = excluded.dismissed_at, raw_type = excluded.raw_type, equity = excluded.equity, updated_at = now()
		where accounts.user_id = excluded.user_id`,
		ids, users, connections, refs, institutions, names, numbers, kinds, health,
		paper, trading, chosen, synced, removed, dismissed, created, types, worth)
	if err != nil {
		return fmt.Errorf("store accounts: %w", err)
	}
	return nil
}
