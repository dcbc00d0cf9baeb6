// Package billing knows who has paid for what, and what that lets them do.
package billing

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
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

// Plans lists those that can be bought, from least to most.
func Plans() []Plan { return []Plan{PlanPro, PlanTrader} }

// Products says which plan a Whop product is, by the product's id. Empty: nothing is sold.
type Products map[string]Plan

// ParseProducts reads "prod_a=pro,prod_b=trader".
func ParseProducts(text string) (Products, error) {
	list := Products{}
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		product, plan, ok := strings.Cut(part, "=")
		product, plan = strings.TrimSpace(product), strings.TrimSpace(plan)
		if !ok || product == "" || !Plan(plan).Paying() {
			return nil, fmt.Errorf("has %q; it must be a list like prod_a=pro,prod_b=trader", part)
		}
		if _, twice := list[product]; twice {
			return nil, fmt.Errorf("names %s twice", product)
		}
		list[product] = Plan(plan)
	}
	return list, nil
}

// best is the highest plan among products; free for none that is sold.
func (p Products) best(products []string) Plan {
	best := PlanFree
	for _, product := range products {
		if plan, sold := p[product]; sold && plan.rank() > best.rank() {
			best = plan
		}
	}
	return best
}

// of is the product that sells a plan: the first by name, should there be several.
func (p Products) of(plan Plan) (product string, ok bool) {
	for _, product := range slices.Sorted(maps.Keys(p)) {
		if p[product] == plan {
			return product, true
		}
	}
	return "", false
}

// Options say what is sold, and what holds where nothing is.
type Options struct {
	DefaultPlan Plan         // of who never bought one; empty: Unset
	Products    Products     // with some, the plan of who bought is what their memberships say
	DB          *postgres.DB // where memberships are; only used with products
}

// Gate answers what somebody's plan is and lets them do.
type Gate struct {
	preset   Plan
	products Products
	db       *postgres.DB
}

// New makes the gate; it refuses a default that is no plan.
func New(o Options) (*Gate, error) {
	if o.DefaultPlan == "" {
		o.DefaultPlan = Unset(len(o.Products) > 0)
	}
	if o.DefaultPlan.rank() == 0 {
		return nil, fmt.Errorf("DEFAULT_PLAN is %q; it must be free, pro or trader", o.DefaultPlan)
	}
	return &Gate{preset: o.DefaultPlan, products: o.Products, db: o.DB}, nil
}

// Unset is the plan of who never bought one where nobody has said: all of it while
// nothing is sold, so that nothing is missing, and none of it once something is.
func Unset(selling bool) Plan {
	if selling {
		return PlanFree
	}
	return PlanTrader
}

// Selling tells whether plans are bought here.
func (g *Gate) Selling() bool { return len(g.products) > 0 }

// reader is the pool, or a transaction that the answer belongs to.
type reader interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Plan is what userID has now: the best of all their memberships that grant access, or
// the default where they never had one. It is read anew each time, so that a change
// holds from the next request on.
func (g *Gate) Plan(ctx context.Context, userID uuid.UUID) (Plan, error) {
	if !g.Selling() {
		return g.preset, nil
	}
	return g.plan(ctx, g.db.Pool(), userID)
}

// bought is the plan that somebody's memberships give, without the default.
func (g *Gate) bought(ctx context.Context, userID uuid.UUID) (Plan, error) {
	held, err := g.held(ctx, g.db.Pool(), userID)
	return g.products.best(held), err
}

func (g *Gate) plan(ctx context.Context, from reader, userID uuid.UUID) (Plan, error) {
	if !g.Selling() {
		return g.preset, nil
	}
	held, err := g.held(ctx, from, userID)
	if err != nil || len(held) == 0 {
		return g.preset, err
	}
	return g.products.best(held), nil
}

// held are the products that somebody has, and "" for each membership that grants
// nothing now. It is one statement, answered from the index memberships_user alone.
func (g *Gate) held(ctx context.Context, from reader, userID uuid.UUID) ([]string, error) {
	rows, err := from.Query(ctx, `
		select case when access and (access_until is null or access_until > now()) then product else '' end from memberships where user_id = $1`, userID)
	if err != nil {
		return nil, fmt.Errorf("read the plan of %s: %w", userID, postgres.Translate(err))
	}
	held, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read the plan of %s: %w", userID, postgres.Translate(err))
	}
	return held, nil
}

// Allows returns nil when the user's plan includes f, else the fault plan_required
// (403) whose details name the feature, the plan it needs and the present one.
func (g *Gate) Allows(ctx context.Context, userID uuid.UUID, f Feature) error {
	plan, err := g.Plan(ctx, userID)
	if err != nil {
		return err
	}
	return plan.allows(f)
}

// AllowsIn is Allows within a transaction that acts on the answer.
func (g *Gate) AllowsIn(ctx context.Context, tx pgx.Tx, userID uuid.UUID, f Feature) error {
	plan, err := g.plan(ctx, tx, userID)
	if err != nil {
		return err
	}
	return plan.allows(f)
}

// Holders tells a statement about many people whom a feature is included for: everybody,
// those who hold one of the products, and, where the default includes it, those who
// never bought anything.
type Holders struct {
	Everybody, Newcomers bool
	Products             []string
}

// Holders of a feature. Products is never nil, so that "any" takes it.
func (g *Gate) Holders(f Feature) Holders {
	includes := func(p Plan) bool { return p.rank() >= f.needs().rank() }
	h := Holders{Everybody: !g.Selling() && includes(g.preset), Newcomers: g.Selling() && includes(g.preset), Products: []string{}}
	for product, plan := range g.products {
		if includes(plan) {
			h.Products = append(h.Products, product)
		}
	}
	return h
}

func (p Plan) allows(f Feature) error {
	needed := f.needs()
	if needed == "" {
		return fmt.Errorf("check plan: no feature is called %q", f)
	}
	if p.rank() >= needed.rank() {
		return nil
	}
	return fault.New(http.StatusForbidden, "plan_required", fmt.Sprintf("This needs the %s plan; yours is %s.", needed, p)).
		With("feature", f).With("plan", p).With("needs", needed).With("checkout", SettingsPath)
}

// What of Whop's one person may ask for in a minute, by whichever door: license keys are not
// to be guessed, and a checkout or a cancellation is a call of ours.
const (
	RedeemsPerMinute   = 5
	CheckoutsPerMinute = 10
)

// SettingsPath is where people see their plan and buy another.
const SettingsPath = "/settings/billing"
