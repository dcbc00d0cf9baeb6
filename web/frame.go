package web

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/copytrade"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/users"
	"github.com/alertsify/alertsify/web/ui"
)

// privateCookie remembers that amounts are hidden. It is the browser's, not the
// person's: a screen in an office hides what a phone at home shows.
const privateCookie = "private"

// frame is what surrounds a page, before anything about the person is asked.
func (s *Site) frame(r *http.Request, title, path string) ui.Page {
	p := ui.Page{
		Title: title, Path: path, Assets: s.assets.Assets, Theme: "dark", Palette: "green-up", ServerTime: s.now(),
		Private: isPrivate(r), ReadOnly: s.readOnly != nil && s.readOnly(), Notice: notice(r.URL.Query().Get("done")),
	}
	if who, ok := auth.From(r.Context()); ok {
		p.Theme, p.Palette, p.Celebrates = who.User.Theme, who.User.Palette, who.User.Celebrates
		p.Person = &ui.Person{
			Username: who.User.Username, Name: who.User.Name,
			Trader: who.User.Role.Reaches(users.Trader), Admin: who.User.Role.Reaches(users.Admin),
		}
	}
	return p
}

// shell is the frame of a signed-in page: with accounts, unread count, today's
// result and what is halted.
func (s *Site) shell(r *http.Request, title, path string) (ui.Page, error) {
	p := s.frame(r, title, path)
	// Before anything is read, so that nothing can happen between the page and its stream.
	p.Events = "/api/events?" + url.Values{"lastEventId": {s.hub.Cursor()}}.Encode()
	ctx, user := r.Context(), me(r.Context())
	accounts, err := s.accounts.List(ctx, user)
	if err != nil {
		return ui.Page{}, err
	}
	p.Accounts = accountViews(accounts)
	if p.Unread, err = s.alerts.Unread(ctx, user); err != nil {
		return ui.Page{}, err
	}
	halts, err := s.rules.Halts(ctx, user)
	if err != nil {
		return ui.Page{}, err
	}
	p.Halts = haltViews(halts, myName(ctx))
	glance, err := s.copier.Glance(ctx, user)
	if err != nil {
		return ui.Page{}, err
	}
	p.Copying = copyStrip(glance, p.Accounts)
	if fault.CodeOf(s.guard.Agreed(ctx)) == "terms_required" { // reading goes on without
		p.Accept = auth.AcceptURL(here(r))
	}
	return p, nil
}

// copyStrip is copying at a glance, with the health of the account that copies go to
// unless a subscription says otherwise.
func copyStrip(g *copytrade.Glance, accounts []ui.Account) *ui.CopyStrip {
	if g == nil {
		return nil
	}
	strip := &ui.CopyStrip{Health: "no broker connected", Copies: g.Copies, Most: g.Most, Loss: g.Loss, Stop: g.Stop}
	for _, a := range accounts {
		if a.Selected {
			strip.Healthy, strip.Health = a.Healthy(), "link "+a.HealthWord()
		}
	}
	return strip
}

// isPrivate tells whether amounts are hidden: in this browser, or on this link.
func isPrivate(r *http.Request) bool {
	cookie, err := r.Cookie(privateCookie)
	return err == nil && cookie.Value == "on" || amountsHidden(r)
}

func accountViews(list []brokers.Account) []ui.Account {
	views := make([]ui.Account, 0, len(list))
	for _, a := range list {
		views = append(views, accountView(a))
	}
	return views
}

func accountView(a brokers.Account) ui.Account {
	return ui.Account{
		ID: a.ID.String(), Institution: a.Institution, Name: a.Name, Number: strings.Replace(a.Number, "****", "…", 1), Paper: a.Paper, CanTrade: a.CanTrade,
		ListsOrders: a.ListsOrders,
		Selected:    a.Selected, Status: a.Status, Cash: a.Cash, BuyingPower: a.BuyingPower, SyncedAt: a.SyncedAt,
	}
}

// accountNames maps ids to what tables show in their account column.
func accountNames(list []ui.Account) map[string]string {
	names := make(map[string]string, len(list))
	for _, a := range list {
		names[a.ID] = a.Institution + " " + a.Number
	}
	return names
}

// me answers GET /me: every page there is, for screens without the sidebar.
func (s *Site) me(w http.ResponseWriter, r *http.Request) error {
	p, err := s.shell(r, "Me", "/me")
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, mePage(p))
}
