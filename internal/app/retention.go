package app

import (
	"context"
	"errors"
	"time"

	"github.com/alertsify/alertsify/internal/account"
	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/audit"
	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/billing"
	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/inbox"
	"github.com/alertsify/alertsify/internal/live"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/status"
)

// trims is what removes rows that nobody can ask for any more, by what is removed. Each
// deletes in slices, so that none holds locks for long, and goes on until nothing is left.
// docs/operate.md says of every table how long its rows are kept; a test holds that it does.
func trims() map[string]func(context.Context, *postgres.DB, time.Time) (int64, error) {
	return map[string]func(context.Context, *postgres.DB, time.Time) (int64, error){
		"events of open pages": live.Trim, "webhooks": inbox.Trim, "answers by key": postgres.TrimKeys, "status": status.Trim,
		"links to chats": delivery.TrimLinks, "deliveries": delivery.Trim, "mails": delivery.TrimMails, "notifications": alerts.Trim, "audit log": audit.Trim,
		"visits to the portal": brokers.TrimVisits, "links to Whop": billing.TrimAttempts, "security events": auth.TrimEvents, "traces of orders": postgres.TrimTraces,
		"changes of addresses": account.TrimEmails, "exports": account.TrimExports,
	}
}

// purged is what the guard removes, who alone knows how long a sign-in lasts.
const purged = "sign-ins"

// cleanUp removes what nobody can ask for any more. Two processes doing it at once do no
// harm; one table that cannot be trimmed keeps no other.
func (a *App) cleanUp(ctx context.Context) error {
	now := time.Now()
	var errs []error
	for what, trim := range trims() {
		removed, err := trim(ctx, a.db, now)
		a.meter.trimmed.WithLabelValues(what).Add(float64(removed))
		errs = append(errs, err)
	}
	removed, err := a.guard.Purge(ctx)
	a.meter.trimmed.WithLabelValues(purged).Add(float64(removed))
	return errors.Join(append(errs, err)...)
}
