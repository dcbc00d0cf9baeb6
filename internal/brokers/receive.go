package brokers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/alertsify/alertsify/internal/inbox"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// awayPause is how long an event waits for a SnapTrade that does not answer.
const awayPause = 30 * time.Second

// Hint says what an event asks the rooms above to read: the orders, the balance,
// or the holdings, of an account. A zero AccountID asks for nothing.
type Hint struct {
	UserID       uuid.UUID
	AccountID    uuid.UUID
	LookOrders   bool
	ReadBalance  bool
	ReadHoldings bool
}

// Receive works one SnapTrade event from the inbox. What it names must be ours
// and belong together; otherwise the event is noted as a security event and
// nothing else happens (rule 11.5). Events about connections and accounts make
// it read the truth; for trades and holdings it says which account to look at.
// The event is a hint where to look, never data (rule 11.7): whether it is old,
// repeated or out of order does not matter. An error is one for the inbox: while
// SnapTrade is away the row waits, anything else counts as an attempt.
func (a *Accounts) Receive(ctx context.Context, e inbox.Event) (Hint, error) {
	if e.User == "" || strings.HasPrefix(e.Type, "USER_") {
		return Hint{}, nil // what became of the user we know from our own calls
	}
	n, err := a.resolve(ctx, e)
	if err != nil {
		return Hint{}, err
	}
	if reason := n.foreign(); reason != "" {
		return Hint{}, a.suspect(ctx, e, n, reason)
	}
	switch {
	case n.gone, n.registering: // there is nothing to read, or no secret yet to read it with
		return Hint{}, nil
	case aboutLinks(e.Type), e.Account != "" && n.account == uuid.Nil:
		if n, err = a.refreshFor(ctx, e, n); err != nil {
			return Hint{}, err
		}
		if e.Account != "" && n.account == uuid.Nil && !aboutLinks(e.Type) {
			return Hint{}, a.suspect(ctx, e, n, "unknown_account")
		}
	}
	return n.hint(e), nil
}

// aboutLinks: events after which connections or accounts may stand otherwise.
func aboutLinks(eventType string) bool {
	switch eventType {
	case "NEW_ACCOUNT_AVAILABLE", "ACCOUNT_REMOVED":
		return true
	}
	return strings.HasPrefix(eventType, "CONNECTION_")
}

// named is what we have behind the names of an event.
type named struct {
	user            uuid.UUID // zero: not ours
	gone            bool      // was ours, until we forgot it
	registering     bool
	account         uuid.UUID // zero: none named, or not known
	accountOwner    uuid.UUID
	accountLive     bool
	connectionOwner uuid.UUID
	balanceAt       time.Time // when reading the account's balance last began; zero: never
}

func (a *Accounts) resolve(ctx context.Context, e inbox.Event) (n named, err error) {
	var balanceAt *time.Time
	err = a.db.Pool().QueryRow(ctx, `
		select coalesce(s.user_id, $4), coalesce(s.user_secret is null, false),
		       coalesce(a.id, $4), coalesce(a.user_id, $4), coalesce(a.removed_at is null and a.category = 'INVESTMENT', false),
		       coalesce(c.user_id, $4), l.snaptrade_user_id is not null, a.balance_at
		from (select 1) one
		left join snaptrade_users s on s.snaptrade_user_id = $1
		left join accounts a on a.broker_account_id = $2
		left join connections c on c.authorization_id = $3
		left join snaptrade_leftovers l on l.snaptrade_user_id = $1`,
		e.User, e.Account, e.Connection, uuid.Nil,
	).Scan(&n.user, &n.registering, &n.account, &n.accountOwner, &n.accountLive, &n.connectionOwner, &n.gone, &balanceAt)
	if err != nil {
		return named{}, fmt.Errorf("resolve event %s: %w", e.ID, err)
	}
	if balanceAt != nil {
		n.balanceAt = *balanceAt
	}
	return n, nil
}

// foreign says in what way the names do not belong together; "" when they do.
func (n named) foreign() string {
	switch {
	case n.gone:
		return ""
	case n.user == uuid.Nil:
		return "unknown_user"
	case n.account != uuid.Nil && n.accountOwner != n.user:
		return "account_of_another_user"
	case n.connectionOwner != uuid.Nil && n.connectionOwner != n.user:
		return "connection_of_another_user"
	}
	return ""
}

// refreshFor reads the truth and looks the event's names up again.
func (a *Accounts) refreshFor(ctx context.Context, e inbox.Event, n named) (named, error) {
	_, err := a.Refresh(ctx, n.user)
	switch {
	case err == nil:
		return a.resolve(ctx, e)
	case errors.Is(err, errNotLinked()): // forgotten meanwhile
		return n, nil
	case providerAway(err):
		return n, inbox.Later(awayPause, err)
	default:
		return n, err
	}
}

// hint asks for the balance only if it was not read since the event came in: a
// burst of events about one account is one call, not one each.
func (n named) hint(e inbox.Event) Hint {
	if n.account == uuid.Nil || !n.accountLive {
		return Hint{}
	}
	h := Hint{UserID: n.user, AccountID: n.account, ReadHoldings: e.Type == "ACCOUNT_HOLDINGS_UPDATED" || e.Type == "NEW_ACCOUNT_AVAILABLE"}
	switch {
	case strings.HasPrefix(e.Type, "TRADE_"),
		e.Type == "ACCOUNT_HOLDINGS_UPDATED",
		e.Type == "ACCOUNT_TRANSACTIONS_UPDATED",
		e.Type == "ACCOUNT_TRANSACTIONS_INITIAL_UPDATE":
		h.LookOrders = true
	case e.Type == "NEW_ACCOUNT_AVAILABLE":
	default:
		return Hint{}
	}
	h.ReadBalance = n.balanceAt.Before(e.ReceivedAt)
	return h
}

// suspect notes an event that names what does not belong together. Ids only: the
// body stays in the inbox.
func (a *Accounts) suspect(ctx context.Context, e inbox.Event, n named, reason string) error {
	detail, err := json.Marshal(map[string]string{
		"webhook": e.ID, "event": e.Type, "reason": reason,
		"userRef": e.User, "accountRef": e.Account, "connectionRef": e.Connection,
	})
	if err != nil {
		return fmt.Errorf("describe event %s: %w", e.ID, err)
	}
	var user *uuid.UUID
	if n.user != uuid.Nil {
		user = &n.user
	}
	err = a.db.AsSystem(ctx, "webhook:snaptrade", func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `insert into security_events (user_id, kind, detail) values ($1, 'snaptrade_event_refused', $2)`, user, string(detail))
		return err
	})
	if err != nil {
		return fmt.Errorf("note refused event %s: %w", e.ID, err)
	}
	return nil
}
