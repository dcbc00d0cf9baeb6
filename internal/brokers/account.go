package brokers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"
)

// Account is one account at a broker. Cash and BuyingPower are US dollars, nil
// when the broker does not say; BalanceAt is when reading them began.
type Account struct {
	ID              uuid.UUID     `json:"id"`
	UserID          uuid.UUID     `json:"-"`
	ConnectionID    uuid.UUID     `json:"connectionId"`
	BrokerAccountID string        `json:"brokerAccountId"` // SnapTrade's id
	BrokerSlug      string        `json:"broker"`
	Institution     string        `json:"institution"`
	Name            string        `json:"name"`
	Number          string        `json:"number"` // masked
	Cash            *money.Amount `json:"cash"`
	BuyingPower     *money.Amount `json:"buyingPower"`
	BalanceAt       *time.Time    `json:"balanceAt"`
	Status          Status        `json:"status"`
	CanTrade        bool          `json:"canTrade"`
	Paper           bool          `json:"paper"`
	Selected        bool          `json:"selected"`
	SyncedAt        *time.Time    `json:"syncedAt"`
	ListsOrders     bool          `json:"-"` // false where the broker has no order lists (501)
	Equity          *money.Amount `json:"-"` // what it is worth in US dollars, up to a day old; nil when the broker does not say
	RawType         string        `json:"-"` // the broker's own word, such as "Margin"
	CreatedAt       time.Time     `json:"-"` // when we first saw it

	category    string
	removedAt   *time.Time
	dismissedAt *time.Time
}

const accountColumns = `a.id, a.user_id, a.connection_id, a.broker_account_id, c.broker_slug, a.institution, a.name, a.number,
	a.cash, a.buying_power, a.balance_at, a.status, a.can_trade, a.paper, a.selected, a.synced_at, a.lists_orders,
	a.equity, a.raw_type, a.category, a.removed_at, a.dismissed_at, a.created_at`

const fromAccounts = ` from accounts a join connections c on c.id = a.connection_id `

// shown are the accounts people see: linked, and made for investing.
const shown = ` a.removed_at is null and a.category = 'INVESTMENT' `

func scanAccount(row pgx.CollectableRow) (Account, error) {
	var a Account
	var cash, buying, equity decimal.NullDecimal
	err := row.Scan(&a.ID, &a.UserID, &a.ConnectionID, &a.BrokerAccountID, &a.BrokerSlug, &a.Institution, &a.Name, &a.Number,
		&cash, &buying, &a.BalanceAt, &a.Status, &a.CanTrade, &a.Paper, &a.Selected, &a.SyncedAt, &a.ListsOrders,
		&equity, &a.RawType, &a.category, &a.removedAt, &a.dismissedAt, &a.CreatedAt)
	a.Cash, a.BuyingPower, a.Equity = amount(cash), amount(buying), amount(equity)
	return a, err
}

// Margin tells whether the broker calls it a margin account.
func (a Account) Margin() bool { return strings.Contains(strings.ToLower(a.RawType), "margin") }

func amount(d decimal.NullDecimal) *money.Amount {
	if !d.Valid {
		return nil
	}
	return &money.Amount{Decimal: d.Decimal}
}

// querier is the pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// accounts reads accounts; where names a (accounts) and c (connections).
func accounts(ctx context.Context, q querier, where string, args ...any) ([]Account, error) {
	rows, err := q.Query(ctx, accountsWhere(where), args...)
	if err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanAccount)
	if err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	return list, nil
}

func accountsWhere(where string) string {
	return `select ` + accountColumns + fromAccounts + `where ` + where + ` order by a.created_at, a.id`
}

func oneAccount(ctx context.Context, q querier, where string, args ...any) (Account, error) {
	list, err := accounts(ctx, q, where, args...)
	if err != nil {
		return Account{}, err
	}
	if len(list) == 0 {
		return Account{}, fault.NotFound()
	}
	return list[0], nil
}

// List gives the user's accounts, oldest first.
func (a *Accounts) List(ctx context.Context, user uuid.UUID) ([]Account, error) {
	return a.owned(ctx, user, `a.user_id = $1 and`+shown, user)
}

// Selected gives the account orders go to when they name none; fault risk_account
// when there is none.
func (a *Accounts) Selected(ctx context.Context, user uuid.UUID) (Account, error) {
	list, err := a.owned(ctx, user, selectedOf, user)
	if err != nil {
		return Account{}, err
	}
	if len(list) == 0 {
		return Account{}, noneSelected()
	}
	return list[0], nil
}

// owned reads accounts of a user's own, behind the second wall.
func (a *Accounts) owned(ctx context.Context, user uuid.UUID, where string, args ...any) ([]Account, error) {
	list, err := postgres.OwnRows(ctx, a.db, user, scanAccount, accountsWhere(where), args...)
	if err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	return list, nil
}

func selected(ctx context.Context, q querier, user uuid.UUID) (Account, error) {
	found, err := oneAccount(ctx, q, selectedOf, user)
	if errors.Is(err, fault.NotFound()) {
		return Account{}, noneSelected()
	}
	return found, err
}

// The conditions by which an order finds its account.
const (
	selectedOf = `a.user_id = $1 and a.selected and` + shown
	ownAccount = `a.id = $1 and a.user_id = $2 and` + shown
)

func noneSelected() error {
	return fault.Risk("account", "Connect a broker account, or select one of yours, first.")
}

// ByID reads any account, removed ones too, for work that no user asked for.
func (a *Accounts) ByID(ctx context.Context, id uuid.UUID) (Account, error) {
	return oneAccount(ctx, a.db.Pool(), `a.id = $1`, id)
}

// ForOrder gives the account an order is for, in the caller's transaction: the
// one named, else the selected one. An account that is not the user's, or was
// removed, is fault.NotFound. Whether it may trade is for the caller to check
// (R2): Status and CanTrade say so.
func (a *Accounts) ForOrder(ctx context.Context, tx pgx.Tx, user uuid.UUID, account *uuid.UUID) (Account, error) {
	if account == nil {
		return selected(ctx, tx, user)
	}
	return oneAccount(ctx, tx, ownAccount, *account, user)
}

// QueueForOrder is ForOrder as the next statement of a batch.
func (a *Accounts) QueueForOrder(b *pgx.Batch, user uuid.UUID, account *uuid.UUID, then func(Account, error) error) {
	none, where, args := noneSelected(), selectedOf, []any{user}
	if account != nil {
		none, where, args = fault.NotFound(), ownAccount, []any{*account, user}
	}
	b.Queue(accountsWhere(where), args...).Query(func(rows pgx.Rows) error {
		list, err := pgx.CollectRows(rows, scanAccount)
		switch {
		case err != nil:
			return fmt.Errorf("read accounts: %w", err)
		case len(list) == 0:
			return then(Account{}, none)
		}
		return then(list[0], nil)
	})
}

// Select makes the account the one orders go to when they name none.
func (a *Accounts) Select(ctx context.Context, user, account uuid.UUID) (chosen Account, err error) {
	err = a.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockUser(ctx, tx, user); err != nil {
			return err
		}
		if chosen, err = oneAccount(ctx, tx, `a.id = $1 and a.user_id = $2 and`+shown, account, user); err != nil {
			return err
		}
		chosen.Selected = true
		return selectAccount(ctx, tx, user, account)
	})
	return chosen, err
}

// selectAccount takes the mark off first: at no moment may two rows have it.
func selectAccount(ctx context.Context, tx pgx.Tx, user, account uuid.UUID) error {
	_, err := tx.Exec(ctx, `update accounts set selected = false, updated_at = now() where user_id = $1 and selected and id <> $2`, user, account)
	if err != nil {
		return fmt.Errorf("unselect accounts: %w", err)
	}
	_, err = tx.Exec(ctx, `update accounts set selected = true, updated_at = now() where user_id = $1 and id = $2 and not selected`, user, account)
	if err != nil {
		return fmt.Errorf("select account %s: %w", account, err)
	}
	return nil
}

// Remove takes an account away from its owner. With the last account of a
// connection the connection itself is deleted at SnapTrade; that is asked for at
// once and again by the sweep until it has happened.
func (a *Accounts) Remove(ctx context.Context, user, account uuid.UUID) error {
	err := a.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockUser(ctx, tx, user); err != nil {
			return err
		}
		institution, err := dismiss(ctx, tx, user, account)
		if err != nil {
			return err
		}
		return a.alerts.Notify(ctx, tx, alerts.Notification{
			UserID: user, Type: alerts.Security, Title: "A broker account was removed", URL: brokersPath, LearntAt: a.now(),
			Body: "Nothing is traded on your account at " + institution + " from here any more. What is open there stays. " +
				"If that was not you, sign out everywhere and look at your ways to sign in.",
		})
	})
	if err != nil {
		return err
	}
	if err := a.deleteRemoved(ctx, user); err != nil {
		a.log.WarnContext(ctx, "connection not deleted yet; the sweep tries again", "user", user, "err", err)
	}
	return nil
}

func dismiss(ctx context.Context, tx pgx.Tx, user, account uuid.UUID) (institution string, err error) {
	var connection uuid.UUID
	err = tx.QueryRow(ctx, `
		update accounts set removed_at = now(), dismissed_at = now(), selected = false, can_trade = false, updated_at = now()
		where id = $1 and user_id = $2 and removed_at is null and category = 'INVESTMENT' returning connection_id, institution`, account, user).Scan(&connection, &institution)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", fault.NotFound()
	}
	if err != nil {
		return "", fmt.Errorf("remove account %s: %w", account, err)
	}
	_, err = tx.Exec(ctx, `
		update connections set remove_requested_at = now(), updated_at = now()
		where id = $1 and user_id = $2 and remove_requested_at is null and not exists (
			select from accounts where connection_id = $1 and removed_at is null and category = 'INVESTMENT')`, connection, user)
	if err != nil {
		return "", fmt.Errorf("remove connection %s: %w", connection, err)
	}
	return institution, nil
}

// NoteOrderLists notes whether the account's broker lists orders, or answers 501 to
// that, so that nobody waits for what will never be listed.
func (a *Accounts) NoteOrderLists(ctx context.Context, account uuid.UUID, lists bool) error {
	return a.db.AsSystem(ctx, "brokers", func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `update accounts set lists_orders = $2, updated_at = now() where id = $1 and lists_orders <> $2`, account, lists)
		if err != nil {
			return fmt.Errorf("note whether account %s lists orders: %w", account, err)
		}
		return nil
	})
}
