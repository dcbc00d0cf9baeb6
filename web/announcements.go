package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
)

const announcementsPath = "/admin/announcements"

// announcementsView is what was announced, and what somebody is writing.
type announcementsView struct {
	List        []alerts.Announcement
	Next        string
	Title, Body string
	Wrong       map[string]string
	Recipients  int
	Key         string // of the announcement that waits to be confirmed; empty: none does
}

func (v announcementsView) nextPage() string {
	return announcementsPath + "?" + url.Values{"cursor": {v.Next}}.Encode()
}

// announcements answers GET /admin/announcements.
func (s *Site) announcements(w http.ResponseWriter, r *http.Request) error {
	return s.showAnnouncements(w, r, http.StatusOK, announcementsView{})
}

func (s *Site) showAnnouncements(w http.ResponseWriter, r *http.Request, status int, v announcementsView) error {
	p, err := s.shell(r, "Announcements", announcementsPath)
	if err != nil {
		return err
	}
	from, err := cursor(r)
	if err != nil {
		return err
	}
	list, next, err := s.alerts.Announcements(r.Context(), pageSize, from)
	if err != nil {
		return err
	}
	if v.List = list; next != nil {
		v.Next = older(next.At, next.ID)
	}
	return s.show(w, r, status, announcementsPage(p, v))
}

// announce answers POST /admin/announcements: the first time with what will be said and
// to how many, then, confirmed, by saying it. The key makes a second press the same one.
func (s *Site) announce(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	// A browser sends line ends as two characters.
	d := alerts.Draft{
		Title: strings.TrimSpace(f.Get("title")), Body: strings.TrimSpace(strings.ReplaceAll(f.Get("body"), "\r\n", "\n")), Confirmed: f.Get("confirm") == "true",
	}
	v := announcementsView{Title: d.Title, Body: d.Body}
	v.Recipients, err = s.alerts.Check(r.Context(), d)
	var refused *fault.Error
	if errors.As(err, &refused) && refused.Code == "validation_failed" {
		v.Wrong = wrongFields(refused)
		if v.Wrong["confirm"] != "" { // all that is missing
			v.Key = uuid.NewString()
			return s.showAnnouncements(w, r, http.StatusOK, v)
		}
		return s.showAnnouncements(w, r, http.StatusUnprocessableEntity, v)
	}
	if err != nil {
		return err
	}
	key, err := uuid.Parse(f.Get("key"))
	if err != nil {
		return errNoKey(err)
	}
	_, err = s.alerts.SayToAll(r.Context(), postgres.RequestKey{
		User: me(r.Context()), Route: "POST " + announcementsPath, Key: key.String(), Body: []byte(d.Title + "\n" + d.Body),
	}, d)
	if err != nil {
		return err
	}
	return back(w, announcementsPath, "announced")
}
