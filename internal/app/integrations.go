package app

import (
	"cmp"
	"context"
	"errors"

	"github.com/alertsify/alertsify/internal/hooks"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// parties are the integrations whose other side goes by a name of its own: among the clients,
// and where it sends webhooks, as their provider.
var parties = map[string]string{"market": "alpaca", "email": hooks.ResendProvider}

// partyOf names an integration's other side.
func partyOf(integration string) string { return cmp.Or(parties[integration], integration) }

// quota is what an integration's party said was left when it answered last, to this process;
// there is false where it says nothing.
func (a *App) quota(integration string) (q httpio.Quota, there bool) {
	return a.quotas.Of(partyOf(integration))
}

// askOperators says whether the operators' channel is there still.
func (a *App) askOperators() func(context.Context) error {
	if a.reports == nil {
		return nil
	}
	return func(ctx context.Context) error {
		_, err := a.reports.client.Get(ctx, a.reports.hook)
		return err
	}
}

func (a *App) askTraces() func(context.Context) error {
	if a.traces == nil {
		return nil
	}
	return a.traces.Check
}

func (a *App) askSentry() func(context.Context) error {
	if a.sentry == nil {
		return nil
	}
	return a.sentry.Check
}

// askSet is of what is a setting and nothing else.
func askSet(set bool) func(context.Context) error {
	if !set {
		return nil
	}
	return func(context.Context) error { return nil }
}

// errNoBudget: see the page Budget.
var errNoBudget = errors.New("every request of this minute is used up, those kept for exits too")

// askBudget says whether exits could be sent now.
func (a *App) askBudget() func(context.Context) error {
	if a.broker == nil {
		return nil
	}
	return func(ctx context.Context) error {
		free, err := a.budget.Free(ctx)
		if err == nil && free.Room[snaptrade.Exit] == 0 {
			err = errNoBudget
		}
		return err
	}
}
