package orders

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/live"
	"github.com/alertsify/alertsify/internal/risk"
)

// Refused is told of every refusal of an order, after its transaction: one above
// the platform's pace turns copies off everywhere (R11).
func (d *Desk) Refused(ctx context.Context, refusal error) {
	if !errors.Is(refusal, risk.ErrPace) {
		return
	}
	if err := d.rules.TripPace(context.WithoutCancel(ctx), d.tellTrip); err != nil {
		d.log.ErrorContext(ctx, "turn copies off: too many entries", "err", err)
	}
}

// tripped looks whether an order that went wrong was one too many for its account
// or for the platform (R18). The sweeper looks too, so that a crash costs seconds.
func (d *Desk) tripped(ctx context.Context, account uuid.UUID) {
	if err := d.rules.TripBreakers(ctx, &account, d.tellTrip); err != nil && ctx.Err() == nil {
		d.log.WarnContext(ctx, "look for breakers", "account", account, "err", err)
	}
}

func (d *Desk) sweepBreakers(ctx context.Context) error {
	return d.rules.TripBreakers(ctx, nil, d.tellTrip)
}

// tellTrip raises the alarm, and tells the owner of the account, or everybody's
// open pages and the operators. Foreign table: users.
func (d *Desk) tellTrip(ctx context.Context, tx pgx.Tx, t risk.Trip) error {
	d.log.ErrorContext(ctx, "ALARM: a breaker turned copies off", "scope", t.Scope, "key", t.Key, "reason", t.Reason)
	d.alarm("breaker_" + t.Scope)
	if t.Owner != nil {
		if err := live.Publish(ctx, tx, *t.Owner, "halt", haltEvent(t.Halt)); err != nil {
			return err
		}
		return d.alerts.Notify(ctx, tx, tripNote(*t.Owner, t, "Copies to one of your accounts are off", "/stop"))
	}
	if err := live.Publish(ctx, tx, uuid.Nil, "halt", haltEvent(t.Halt)); err != nil {
		return err
	}
	operators, err := operatorsOf(ctx, tx)
	if err != nil {
		return err
	}
	notes := make([]alerts.Notification, len(operators))
	for i, o := range operators {
		notes[i] = tripNote(o, t, "Copies are off for everybody", "/admin/halts")
	}
	return d.alerts.Notify(ctx, tx, notes...)
}

func tripNote(to uuid.UUID, t risk.Trip, title, page string) alerts.Notification {
	return alerts.Notification{
		UserID: to, Type: alerts.System, Title: title, Body: t.Reason, URL: page, SubjectKey: fmt.Sprintf("halt:%d", t.Event),
	}
}

// haltEvent is what open pages are told about a halt.
func haltEvent(h risk.Halt) map[string]any {
	return map[string]any{"halted": true, "scope": h.Scope, "stops": h.Stops, "reason": h.Reason}
}
