package auth

import (
	"context"
	"net/url"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/legal"
	"github.com/google/uuid"
)

// Agreed is the flag of the same name for routes where only some requests need it, such
// as those that take an order of either side: the fault terms_required when whoever asks
// has not accepted the documents in force.
func (g *Guard) Agreed(ctx context.Context) error {
	p, known := From(ctx)
	if !known {
		return fault.Unauthenticated()
	}
	if g.legal == nil {
		return nil
	}
	if err := g.legal.Agreed(ctx, p.User.ID); err != nil {
		return unavailable(err)
	}
	return nil
}

func (g *Guard) agreedTo(ctx context.Context, rule Rule) error {
	if !rule.has(Agreed) {
		return nil
	}
	return g.Agreed(ctx)
}

// AcceptURL is the page that asks for the documents and leads on to returnTo.
func AcceptURL(returnTo string) string {
	if returnTo == "" || returnTo == "/" {
		return legal.AcceptPath
	}
	return legal.AcceptPath + "?" + url.Values{"return_to": {returnTo}}.Encode()
}

// landing is where a sign-in leads: first to the documents, where some are not accepted.
// Whether they are may not be known; then whatever needs them asks again.
func (g *Guard) landing(ctx context.Context, user uuid.UUID, returnTo string) string {
	if g.legal != nil && fault.CodeOf(g.legal.Agreed(ctx, user)) == "terms_required" {
		return AcceptURL(returnTo)
	}
	return returnTo
}
