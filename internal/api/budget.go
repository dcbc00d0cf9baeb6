package api

import (
	"net/http"
	"time"

	"github.com/alertsify/alertsify/internal/copytrade"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// capacity answers how many followers of one signal the request budget serves.
func (a *API) capacity(w http.ResponseWriter, r *http.Request) error {
	list, err := a.copier.Capacity(r.Context(), copytrade.CapacityDelays...)
	if err != nil {
		return err
	}
	return httpio.AnswerList(w, list, "")
}

// budgetUse is one class of requests: how many were sent, and how many more it
// alone could send now.
type budgetUse struct {
	Class string `json:"class"`
	Used  int    `json:"used"`
	Room  int    `json:"room"`
}

// requestBudget answers what is left of the budget, the most important class first.
func (a *API) requestBudget(w http.ResponseWriter, r *http.Request) error {
	free, err := a.budget.Free(r.Context())
	if err != nil {
		return err
	}
	capacity, err := a.copier.Capacity(r.Context(), copytrade.CapacityDelays...)
	if err != nil {
		return err
	}
	shown := struct {
		PerMinute   int                  `json:"perMinute"`
		PausedUntil *time.Time           `json:"pausedUntil"`
		Uses        []budgetUse          `json:"uses"`
		Capacity    []copytrade.Capacity `json:"capacity"`
	}{PerMinute: free.PerMinute, Capacity: capacity}
	if !free.PausedUntil.IsZero() {
		at := free.PausedUntil.UTC()
		shown.PausedUntil = &at
	}
	for class := snaptrade.Exit; class <= snaptrade.Sync; class++ {
		shown.Uses = append(shown.Uses, budgetUse{class.String(), free.Used[class], free.Room[class]})
	}
	return httpio.Answer(w, http.StatusOK, shown)
}
