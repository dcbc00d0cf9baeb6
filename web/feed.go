package web

import (
	"net/http"
	"net/url"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/web/ui"
)

const (
	feedPath     = "/feed"
	feedFragment = "/partials/feed"
	landingMost  = 6 // alerts on the page of who is not signed in
)

// feedView is one page of a feed: everybody's public alerts, or those of the traders
// that the viewer follows or copies.
type feedView struct {
	Kind         alerts.FeedKind
	Items        []alerts.FeedItem
	Cursor, Next string
}

func (v feedView) address(path, cursor string) string {
	q := url.Values{}
	if v.Kind == alerts.GlobalFeed {
		q.Set("of", "everybody")
	}
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	return address(path, q)
}

func (v feedView) tabs() []ui.Tab {
	return []ui.Tab{
		{Href: feedPath, Label: "Following", Active: v.Kind == alerts.TimelineFeed},
		{Href: feedPath + "?of=everybody", Label: "Everybody", Active: v.Kind == alerts.GlobalFeed},
	}
}

// feedRoutes are the lines of these pages in the route table.
func (s *Site) feedRoutes() []auth.Route {
	return []auth.Route{
		{Method: "GET", Pattern: feedPath, Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.feed},
		{Method: "GET", Pattern: feedFragment, Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.feedPart},
		{Method: "GET", Pattern: "/partials/landing", Rule: auth.Public, Class: httpio.Feed, Handler: s.landingPart},
	}
}

// feed answers GET /feed. Its query: of=everybody, cursor.
func (s *Site) feed(w http.ResponseWriter, r *http.Request) error {
	p, err := s.shell(r, "Feed", feedPath)
	if err != nil {
		return err
	}
	v, err := s.readFeed(r)
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, feedPage(p, v))
}

// feedPart answers GET /partials/feed, with the query of the page.
func (s *Site) feedPart(w http.ResponseWriter, r *http.Request) error {
	v, err := s.readFeed(r)
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, feedPanel(v))
}

func (s *Site) readFeed(r *http.Request) (v feedView, err error) {
	v = feedView{Kind: alerts.TimelineFeed, Cursor: r.URL.Query().Get("cursor")}
	if oneOf(r, "of", "following", "everybody") == "everybody" {
		v.Kind = alerts.GlobalFeed
	}
	v.Items, v.Next, err = s.alerts.Feed(r.Context(), alerts.FeedQuery{Kind: v.Kind, Viewer: me(r.Context()), Limit: pageSize, Cursor: v.Cursor})
	return v, err
}

// landingPart answers GET /partials/landing: the latest public alerts, for anybody.
func (s *Site) landingPart(w http.ResponseWriter, r *http.Request) error {
	items, err := s.latest(r)
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, landingFeed(items))
}

func (s *Site) latest(r *http.Request) ([]alerts.FeedItem, error) {
	items, _, err := s.alerts.Feed(r.Context(), alerts.FeedQuery{Kind: alerts.GlobalFeed, Limit: landingMost})
	return items, err
}
