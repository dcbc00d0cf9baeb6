package web

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/inbox"
	"github.com/alertsify/alertsify/internal/status"
	"github.com/alertsify/alertsify/web/ui"
)

const (
	integrationsPath = "/admin/integrations"
	webhooksPath     = "/admin/webhooks"
)

// integrationsView is how every outside party does, and what was heard from each last.
type integrationsView struct {
	Parts  []integrationView
	Heard  []inbox.Heard
	Trials []inbox.Trial // of our own doors; nil: not tried now
}

type integrationView struct {
	status.Minute
	Unheard bool
	Remedy  string        // what to do where it is not ok
	Quota   *httpio.Quota // what its party said is left; nil: nothing
}

// left is a quota in words.
func left(q httpio.Quota) string {
	if q.Limit == 0 {
		return strconv.Itoa(q.Remaining) + " left"
	}
	return strconv.Itoa(q.Remaining) + " of " + strconv.Itoa(q.Limit) + " left"
}

// state is the word that colours and icons go by.
func (v integrationView) state() string {
	if v.Unheard {
		return "unheard"
	}
	return string(v.State)
}

func (v integrationView) stateWord() string {
	switch v.state() {
	case "ok":
		return "ok"
	case "error":
		return "error"
	case "disabled":
		return "not set up"
	}
	return "not asked lately"
}

// integrations answers GET /admin/integrations.
func (s *Site) integrations(w http.ResponseWriter, r *http.Request) error {
	return s.showIntegrations(w, r, nil)
}

// tryWebhooks answers POST /admin/integrations/test: it sends each of our own doors a test.
func (s *Site) tryWebhooks(w http.ResponseWriter, r *http.Request) error {
	trials, err := s.tryDoors(r.Context())
	if err != nil {
		return err
	}
	return s.showIntegrations(w, r, append([]inbox.Trial{}, trials...))
}

func (s *Site) showIntegrations(w http.ResponseWriter, r *http.Request, trials []inbox.Trial) error {
	p, err := s.shell(r, "Integrations", integrationsPath)
	if err != nil {
		return err
	}
	latest, err := s.status.Latest(r.Context())
	if err != nil {
		return err
	}
	v := integrationsView{Parts: integrationViews(latest, s.remedies, s.now()), Trials: trials}
	for i, part := range v.Parts {
		if q, said := s.quota(part.Name); said {
			v.Parts[i].Quota = &q
		}
	}
	if v.Heard, err = s.webhooks.LastOfEach(r.Context()); err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, integrationsPage(p, v))
}

// integrationViews puts what needs a look first.
func integrationViews(latest []status.Minute, remedies map[string]string, now time.Time) []integrationView {
	list := make([]integrationView, 0, len(latest))
	for _, m := range latest {
		list = append(list, integrationView{Minute: m, Unheard: now.Sub(m.Minute) > unheardAfter+time.Minute, Remedy: remedies[m.Name]})
	}
	order := []string{"error", "unheard", "ok", "disabled"}
	slices.SortStableFunc(list, func(a, b integrationView) int {
		return slices.Index(order, a.state()) - slices.Index(order, b.state())
	})
	return list
}

// webhooksView is a page of what came in.
type webhooksView struct {
	List           []inbox.Entry
	Parked         bool
	Provider, Type string // of one type only
	Next           string
}

func (v webhooksView) tabs() []ui.Tab {
	tabs := []ui.Tab{
		{Href: webhooksPath, Label: "All", Active: !v.Parked && v.Type == ""},
		{Href: webhooksPath + "?state=parked", Label: "Not worked", Active: v.Parked},
	}
	if v.Type != "" {
		tabs = append(tabs, ui.Tab{Href: typePath(v.Provider, v.Type), Label: v.Provider + " " + v.Type, Active: true})
	}
	return tabs
}

// webhookType fits the names of providers and of their events.
var webhookType = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,100}$`)

func typePath(provider, kind string) string {
	return webhooksPath + "?" + url.Values{"provider": {provider}, "type": {kind}}.Encode()
}

func (v webhooksView) older() string {
	q := url.Values{"cursor": {v.Next}}
	if v.Parked {
		q.Set("state", "parked")
	}
	if v.Type != "" {
		q.Set("provider", v.Provider)
		q.Set("type", v.Type)
	}
	return webhooksPath + "?" + q.Encode()
}

// webhookLog answers GET /admin/webhooks. Its query: state=parked, or provider and type; cursor.
func (s *Site) webhookLog(w http.ResponseWriter, r *http.Request) error {
	return s.showWebhooks(w, r, http.StatusOK, "")
}

func (s *Site) showWebhooks(w http.ResponseWriter, r *http.Request, code int, problem string) error {
	p, err := s.shell(r, "Webhooks", webhooksPath)
	if err != nil {
		return err
	}
	if problem != "" {
		p.Notice = &ui.Notice{Tone: ui.Bad, Text: problem}
	}
	from, err := cursor(r)
	if err != nil {
		return err
	}
	v := webhooksView{Parked: oneOf(r, "state", "", "parked") == "parked"}
	// What stands in no log is of no type; a text that no table can hold is none.
	if given := r.URL.Query(); webhookType.MatchString(given.Get("provider")) && webhookType.MatchString(given.Get("type")) {
		v.Provider, v.Type = given.Get("provider"), given.Get("type")
	}
	list, next, err := s.webhooks.Log(r.Context(), inbox.LogQuery{Parked: v.Parked, Provider: v.Provider, Type: v.Type, Limit: pageSize, After: from})
	if err != nil {
		return err
	}
	if v.List = list; next != nil {
		v.Next = next.String()
	}
	return s.show(w, r, code, webhooksPage(p, v))
}

// replayWebhook answers POST /admin/webhooks/{id}/replay.
func (s *Site) replayWebhook(w http.ResponseWriter, r *http.Request) error {
	_, err := s.webhooks.Replay(r.Context(), me(r.Context()), chi.URLParam(r, "id"))
	var refused *fault.Error
	if errors.As(err, &refused) && refused.Code == "invalid_state" {
		return s.showWebhooks(w, r, http.StatusConflict, refused.Public)
	}
	if err != nil {
		return err
	}
	return back(w, webhooksPath, "replayed")
}

// integrationRoutes are the lines of these pages in the route table.
func (s *Site) integrationRoutes() []auth.Route {
	return []auth.Route{
		{Method: "GET", Pattern: integrationsPath, Rule: auth.Operator, Class: httpio.Vital, Handler: s.integrations},
		{Method: "POST", Pattern: integrationsPath + "/test", Rule: auth.Operator, Class: httpio.Vital, Handler: s.tryWebhooks},
		{Method: "GET", Pattern: webhooksPath, Rule: auth.Operator, Class: httpio.Vital, Handler: s.webhookLog},
		{Method: "POST", Pattern: webhooksPath + "/{id}/replay", Rule: auth.Operator, Class: httpio.Vital, Handler: s.replayWebhook},
	}
}
