package web

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/status"
	"github.com/alertsify/alertsify/web/ui"
)

const queuesPath = "/admin/queues"

// queuesView is how the job queue does, and what failed in it.
type queuesView struct {
	Kinds  []status.KindNow
	Failed []status.FailedJob
	Next   string
	First  bool // no page stands before this one
}

func (v queuesView) nextPage() string {
	return queuesPath + "?" + url.Values{"below": {v.Next}}.Encode()
}

// queueRoutes are the lines of this page in the route table.
func (s *Site) queueRoutes() []auth.Route {
	return []auth.Route{
		{Method: "GET", Pattern: queuesPath, Rule: auth.Operator, Class: httpio.Vital, Handler: s.queues},
		{Method: "POST", Pattern: queuesPath + "/{job}/again", Rule: auth.Operator, Class: httpio.Vital, Handler: s.workAgain},
	}
}

// queues answers GET /admin/queues.
func (s *Site) queues(w http.ResponseWriter, r *http.Request) error {
	return s.showQueues(w, r, http.StatusOK, "")
}

func (s *Site) showQueues(w http.ResponseWriter, r *http.Request, code int, problem string) error {
	p, err := s.shell(r, "Queues", queuesPath)
	if err != nil {
		return err
	}
	if problem != "" {
		p.Notice = &ui.Notice{Tone: ui.Bad, Text: problem}
	}
	var below int64 // the start
	if text := r.URL.Query().Get("below"); text != "" {
		if below, err = jobID(text); err != nil {
			return err
		}
	}
	v := queuesView{First: below == 0}
	if v.Kinds, err = s.jobs.Now(r.Context()); err != nil {
		return err
	}
	var next int64
	if v.Failed, next, err = s.jobs.Failed(r.Context(), pageSize, below); err != nil {
		return err
	}
	if next > 0 {
		v.Next = strconv.FormatInt(next, 10)
	}
	return s.show(w, r, code, queuesPage(p, v))
}

// workAgain answers POST /admin/queues/{job}/again.
func (s *Site) workAgain(w http.ResponseWriter, r *http.Request) error {
	id, err := jobID(r.PathValue("job"))
	if err != nil {
		return err
	}
	err = s.jobs.Again(r.Context(), me(r.Context()), id)
	var refused *fault.Error
	if errors.As(err, &refused) && refused.Code == "invalid_state" {
		return s.showQueues(w, r, http.StatusConflict, refused.Public)
	}
	if err != nil {
		return err
	}
	return back(w, queuesPath, "again")
}

// jobID reads a job's number.
func jobID(text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 1 {
		return 0, fault.NotFound()
	}
	return id, nil
}

// slowAfter is how long a job may wait that could be worked, before that is a reason to look.
const slowAfter = time.Minute

func slow(k status.KindNow, now time.Time) bool {
	return k.Oldest != nil && now.Sub(*k.Oldest) > slowAfter
}

// jobWords say what the jobs of a kind do.
func jobWords(kind string) string {
	words := map[string]string{
		"order_send": "Send an order", "order_cancel": "Ask the broker to cancel", "order_replace": "Replace an order", "order_changed": "Decide what follows from a fill",
		"copy_execute": "Place a copy", "copy_triggers": "Sell at a stop-loss or take-profit", "leaderboard": "Make the hour's leaderboards",
		"farewell": "Take leave of a deleted account", "email_changed": "Tell of a changed address",
	}
	if word := words[kind]; word != "" {
		return word
	}
	return kind
}

// triesWords is how often it was tried: "3 of 25".
func triesWords(j status.FailedJob) string {
	return strconv.Itoa(j.Attempt) + " of " + strconv.Itoa(j.MaxAttempts)
}
