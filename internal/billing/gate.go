// Package billing knows who has paid for what, and what that lets them do.
package billing

import (
	"context"
	"fmt"
	"net/http"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/google/uuid"
)

// Plan is what somebody pays for; each plan includes the lower ones.
type Plan string

// The plans, from least to most.
const (
	PlanFree   Plan = "free"
	PlanPro    Plan = "pro"
	PlanTrader Plan = "trader"
)

// rank orders the plans; 0 is no plan at all.
func (p Plan) rank() int {
	switch p {
	case PlanFree:
		return 1
	case PlanPro:
		return 2
	case PlanTrader:
		return 3
	}
	return 0
}

// Paying tells whether p costs something, which raises the API's rate.
func (p Plan) Paying() bool { return p.rank() > PlanFree.rank() }

// Feature is something a plan may include.
type Feature string

// What the plans differ in. Exits, cancelling and reading are no features: nobody
// has to pay to get out of a position.
const (
	AutoCopy Feature = "auto_copy" // copies placed without asking; from pro on
	Publish  Feature = "publish"   // trades others see and copy; from trader on
)

// needs is the least plan that includes f; empty for what is no feature.
func (f Feature) needs() Plan {
	switch f {
	case AutoCopy:
		return PlanPro
	case Publish:
		return PlanTrader
	}
	return ""
}

// Options say what holds where nobody has bought anything.
type Options struct {
	DefaultPlan Plan // PlanTrader when empty: without a payment provider everybody may do everything
}

// Gate answers what somebody's plan is and lets them do.
type Gate struct{ preset Plan }

// New makes the gate; it refuses a default that is no plan.
func New(o Options) (*Gate, error) {
	if o.DefaultPlan == "" {
		o.DefaultPlan = PlanTrader
	}
	if o.DefaultPlan.rank() == 0 {
		return nil, fmt.Errorf("DEFAULT_PLAN is %q; it must be free, pro or trader", o.DefaultPlan)
	}
	return &Gate{preset: o.DefaultPlan}, nil
}

// Plan is what userID has. Without a payment provider that is everybody's default;
// memberships will be looked up here.
func (g *Gate) Plan(context.Context, uuid.UUID) (Plan, error) { return g.preset, nil }

// Allows returns nil when the user's plan includes f, else the fault plan_required
// (403) whose details name the feature, the plan it needs and the present one.
func (g *Gate) Allows(ctx context.Context, userID uuid.UUID, f Feature) error {
	needed := f.needs()
	if needed == "" {
		return fmt.Errorf("check plan: no feature is called %q", f)
	}
	plan, err := g.Plan(ctx, userID)
	if err != nil {
		return fmt.Errorf("check plan of %s: %w", userID, err)
	}
	if plan.rank() >= needed.rank() {
		return nil
	}
	return fault.New(http.StatusForbidden, "plan_required", fmt.Sprintf("This needs the %s plan; yours is %s.", needed, plan)).
		With("feature", f).With("plan", plan).With("needs", needed)
}
