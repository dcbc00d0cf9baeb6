package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/users"
)

const usersPath = "/admin/users"

// peopleView is who there is, and who asks to become a trader.
type peopleView struct {
	List         []users.User
	Next         string
	Find         users.Search
	Applications []users.Application
	NextAsked    string
	Wrong        uuid.UUID // the application whose answer was not taken
	Problem      string
	Me           uuid.UUID
}

func (v peopleView) filtered(q url.Values) string {
	for name, value := range map[string]string{"q": v.Find.Text, "role": string(v.Find.Role), "status": v.Find.Status} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if len(q) == 0 {
		return usersPath
	}
	return usersPath + "?" + q.Encode()
}

func (v peopleView) nextPage() string { return v.filtered(url.Values{"cursor": {v.Next}}) }

func roleWords() []string {
	return []string{string(users.Subscriber), string(users.Trader), string(users.Admin)}
}

// peopleRoutes are the lines of this page in the route table.
func (s *Site) peopleRoutes() []auth.Route {
	return []auth.Route{
		{Method: "GET", Pattern: usersPath, Rule: auth.Operator, Class: httpio.Vital, Handler: s.people},
		{Method: "POST", Pattern: usersPath + "/role", Rule: auth.Operator, Class: httpio.Vital, Handler: s.giveRole},
		{Method: "POST", Pattern: usersPath + "/suspend", Rule: auth.Operator, Class: httpio.Vital, Handler: s.suspend},
		{Method: "POST", Pattern: usersPath + "/reinstate", Rule: auth.Operator, Class: httpio.Vital, Handler: s.reinstate},
		{Method: "POST", Pattern: "/admin/applications/{id}/approve", Rule: auth.Operator, Class: httpio.Vital, Handler: s.approveTrader},
		{Method: "POST", Pattern: "/admin/applications/{id}/reject", Rule: auth.Operator, Class: httpio.Vital, Handler: s.rejectTrader},
	}
}

// people answers GET /admin/users. Its query: q, role, status, cursor and asked, where
// the list of applications goes on.
func (s *Site) people(w http.ResponseWriter, r *http.Request) error {
	return s.showPeople(w, r, http.StatusOK, peopleView{})
}

func (s *Site) showPeople(w http.ResponseWriter, r *http.Request, status int, v peopleView) error {
	p, err := s.shell(r, "Users", usersPath)
	if err != nil {
		return err
	}
	v.Me = me(r.Context())
	v.Find = users.Search{
		Text: strings.TrimSpace(r.URL.Query().Get("q")), Role: users.Role(oneOf(r, "role", append([]string{""}, roleWords()...)...)),
		Status: oneOf(r, "status", append([]string{""}, users.Statuses()...)...),
	}
	from, err := cursor(r)
	if err != nil {
		return err
	}
	list, next, err := s.users.Search(r.Context(), v.Find, pageSize, from)
	if err != nil {
		return err
	}
	if v.List = list; next != nil {
		v.Next = next.String()
	}
	asked, err := cursorAt(r.URL.Query().Get("asked"))
	if err != nil {
		return err
	}
	waiting, next, err := s.applying.Pending(r.Context(), pageSize, asked)
	if err != nil {
		return err
	}
	if v.Applications = waiting; next != nil {
		v.NextAsked = next.String()
	}
	return s.show(w, r, status, peoplePage(p, v))
}

// giveRole answers POST /admin/users/role.
func (s *Site) giveRole(w http.ResponseWriter, r *http.Request) error {
	return s.operate(w, r, "role-given", func(f url.Values, username string) error {
		return s.users.GrantRole(r.Context(), me(r.Context()), username, users.Role(f.Get("role")))
	})
}

// suspend answers POST /admin/users/suspend.
func (s *Site) suspend(w http.ResponseWriter, r *http.Request) error {
	return s.operate(w, r, "suspended", func(_ url.Values, username string) error {
		return s.users.Suspend(r.Context(), me(r.Context()), username)
	})
}

// reinstate answers POST /admin/users/reinstate.
func (s *Site) reinstate(w http.ResponseWriter, r *http.Request) error {
	return s.operate(w, r, "reinstated", func(_ url.Values, username string) error {
		return s.users.Reinstate(r.Context(), me(r.Context()), username)
	})
}

// operate does something to the user that a form names, and goes back to the list.
func (s *Site) operate(w http.ResponseWriter, r *http.Request, done string, act func(f url.Values, username string) error) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	u, err := s.users.ByUsername(r.Context(), f.Get("username"))
	if err != nil {
		return err
	}
	if err := act(f, u.Username); err != nil {
		return err
	}
	s.guard.Forget(u.ID)
	return back(w, referer(r), done)
}

// approveTrader answers POST /admin/applications/{id}/approve.
func (s *Site) approveTrader(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	a, err := s.applying.Approve(r.Context(), me(r.Context()), id)
	if err != nil {
		return err
	}
	s.guard.Forget(a.UserID)
	return back(w, usersPath, "approved-trader")
}

// rejectTrader answers POST /admin/applications/{id}/reject.
func (s *Site) rejectTrader(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	f, err := form(w, r)
	if err != nil {
		return err
	}
	_, err = s.applying.Reject(r.Context(), me(r.Context()), id, f.Get("reason"))
	var refused *fault.Error
	if errors.As(err, &refused) && refused.Code == "validation_failed" {
		return s.showPeople(w, r, refused.Status, peopleView{Wrong: id, Problem: wrongFields(refused)["reason"]})
	}
	if err != nil {
		return err
	}
	return back(w, usersPath, "rejected-trader")
}
