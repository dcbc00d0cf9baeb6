package auth

import (
	"context"

	"github.com/alertsify/alertsify/internal/fault"
)

// Fresh is StepUp for routes where only some requests need it, such as those that
// raise a limit: fault.ReauthRequired when this person's sign-in is older than 15
// minutes. A token passed it when it was made.
func (g *Guard) Fresh(ctx context.Context) error {
	p, known := From(ctx)
	switch {
	case !known:
		return fault.Unauthenticated()
	case p.Method == MethodSession && g.now().Sub(p.AuthTime) > stepUpAge:
		return fault.ReauthRequired()
	}
	return nil
}
