package auth

import (
	"context"

	"github.com/alertsify/alertsify/internal/fault"
)

// Fresh is StepUp for routes where only some requests need it, such as those that
// raise a limit: fault.ReauthRequired when this person has not proved for 15 minutes
// that it is them. A token passed it when it was made.
func (g *Guard) Fresh(ctx context.Context) error {
	p, known := From(ctx)
	switch {
	case !known:
		return fault.Unauthenticated()
	case p.Method == MethodSession && !p.fresh(g.now()):
		return fault.ReauthRequired()
	}
	return nil
}
