package billing

import (
	"context"
	"testing"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/google/uuid"
)

func TestWhatEachPlanAllows(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		plan              Plan
		autoCopy, publish bool
		paying            bool
	}{
		{PlanFree, false, false, false},
		{PlanPro, true, false, true},
		{PlanTrader, true, true, true},
		{"", true, true, true}, // no payment provider: nobody is kept out
	} {
		g, err := New(Options{DefaultPlan: c.plan})
		if err != nil {
			t.Fatal(err)
		}
		for feature, want := range map[Feature]bool{AutoCopy: c.autoCopy, Publish: c.publish} {
			err := g.Allows(context.Background(), uuid.New(), feature)
			if (err == nil) != want {
				t.Errorf("plan %q allows %s: %v, want %v", c.plan, feature, err, want)
			}
		}
		if plan, _ := g.Plan(context.Background(), uuid.New()); plan.Paying() != c.paying {
			t.Errorf("plan %q paying = %v", plan, plan.Paying())
		}
	}
}

func TestARefusalSaysWhatIsNeeded(t *testing.T) {
	t.Parallel()
	g, _ := New(Options{DefaultPlan: PlanFree})
	f := fault.Of(g.Allows(context.Background(), uuid.New(), Publish))
	if f.Code != "plan_required" || f.Status != 403 || f.Details["needs"] != PlanTrader || f.Details["plan"] != PlanFree {
		t.Errorf("fault = %+v", f)
	}
}

func TestInventedWordsAreRefused(t *testing.T) {
	t.Parallel()
	if _, err := New(Options{DefaultPlan: "gold"}); err == nil {
		t.Error("an invented plan was taken")
	}
	g, _ := New(Options{})
	if err := g.Allows(context.Background(), uuid.New(), "fly"); err == nil {
		t.Error("an invented feature was allowed")
	}
}
