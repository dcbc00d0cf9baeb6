package web

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alertsify/alertsify/internal/status"
)

const statusPath = "/status"

// unheardAfter is how old the word on a service may be: it is asked once a minute.
const unheardAfter = 3 * time.Minute

// PublicService says under which name, and as what, a check stands on the public page.
type PublicService struct{ Check, Name, For string }

// PublicServices are those of the public page, in its order. What is not here is the
// operators' business: it tells of our set-up and not of a service.
var PublicServices = []PublicService{ //nolint:gochecknoglobals // a constant table
	{"database", "Website and accounts", "Pages, orders and results are kept"},
	{"placing", "Placing orders", "Buys and sells are sent"},
	{"snaptrade", "Brokers", "SnapTrade, which connects brokerage accounts"},
	{"market", "Quotes and chains", "Prices, which are shown and never decide what an order did"},
	{"discord", "Discord alerts", "The platform's own channels"},
	{"push", "Push notifications", "Alerts on phones and desktops"},
	{"telegram", "Telegram", "Alerts and approvals in a chat"},
	{"email", "E-mail", "Notices and summaries"},
	{"getstream", "Feeds", "Timelines of traders"},
	{"whop", "Memberships", "Whop, where plans are bought"},
	{"sign-in", "Sign-in", "Google, Discord and GitHub"},
	{"redis", "Live updates", "Pages that move by themselves; without it they are reloaded"},
}

// statusView is the public page.
type statusView struct {
	Services []serviceView
	Troubled []status.Day // days with errors, the newest first
	Word     string
	Tone     string
}

// serviceView is one service on it.
type serviceView struct {
	Name, For string
	State     string // ok, error, unheard
	At        time.Time
	Latency   time.Duration
	Uptime    string // "99.98 %" of the minutes it was asked; "" without any
	Good      string // SVG paths of the days that were fine, had errors, were bad, and are not known
	Uneven    string
	Bad       string
	Unknown   string
}

const (
	dayWide = 4 // units of the drawing from one day to the next
	dayBar  = 3
	dayTall = 24
	badPart = 20 // errors in every twentieth minute make a day a bad one
	listed  = 30 // days with trouble that are named
)

// publicStatus answers GET /status.
func (s *Site) publicStatus(w http.ResponseWriter, r *http.Request) error {
	latest, err := s.status.Latest(r.Context())
	if err != nil {
		return err
	}
	days, err := s.status.Days(r.Context())
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, statusPage(s.frame(r, "Status", statusPath), statusOf(latest, days, s.now())))
}

// statusOf joins what is known of now with the days before. Services that are not set up
// here, and never were, are left out.
func statusOf(latest []status.Minute, days []status.Day, now time.Time) statusView {
	v := statusView{Word: "Everything works", Tone: "ok"}
	for _, public := range PublicServices {
		i := slices.IndexFunc(latest, func(m status.Minute) bool { return m.Name == public.Check })
		if i < 0 || latest[i].State == status.Disabled {
			continue
		}
		of := slices.DeleteFunc(slices.Clone(days), func(d status.Day) bool { return d.Name != public.Check })
		service := serviceOf(latest[i], of, now)
		service.Name, service.For = public.Name, public.For
		v.Services = append(v.Services, service)
		for _, d := range of {
			if d.Errors > 0 {
				d.Name = public.Name
				v.Troubled = append(v.Troubled, d)
			}
		}
		v.Word, v.Tone = worse(v, service)
	}
	if len(v.Services) == 0 {
		v.Word, v.Tone = "Nothing has been asked yet", "unheard"
	}
	slices.SortStableFunc(v.Troubled, func(a, b status.Day) int { return b.Day.Compare(a.Day) })
	v.Troubled = v.Troubled[:min(len(v.Troubled), listed)]
	return v
}

// worse is the sentence above all, after one more service: trouble stands above silence.
func worse(v statusView, s serviceView) (word, tone string) {
	switch {
	case v.Tone == "error" && s.State == "error":
		return "Some services have trouble", "error"
	case s.State == "error":
		return s.Name + ": trouble", "error"
	case s.State == "unheard" && v.Tone == "ok":
		return "Not everything has answered lately", "unheard"
	}
	return v.Word, v.Tone
}

func serviceOf(m status.Minute, days []status.Day, now time.Time) serviceView {
	v := serviceView{State: string(m.State), At: m.Minute, Latency: m.Latency}
	if now.Sub(m.Minute) > unheardAfter+time.Minute { // a minute's row carries its beginning
		v.State = "unheard"
	}
	byDay := map[string]status.Day{}
	var ok, errors int
	for _, d := range days {
		byDay[d.Day.Format(time.DateOnly)] = d
		ok, errors = ok+d.OK, errors+d.Errors
	}
	v.Uptime = uptime(ok, errors)
	var good, uneven, bad, unknown strings.Builder
	first := now.UTC().AddDate(0, 0, 1-status.Days)
	for i := range status.Days {
		d := byDay[first.AddDate(0, 0, i).Format(time.DateOnly)]
		path, tall := &good, dayTall
		switch { // a bar's height says what its colour says
		case d.OK+d.Errors == 0:
			path, tall = &unknown, dayTall/6
		case d.Errors*badPart > d.OK+d.Errors:
			path, tall = &bad, dayTall/3
		case d.Errors > 0:
			path, tall = &uneven, dayTall*2/3
		}
		fmt.Fprintf(path, "M%d %dh%dv%dh-%dz", i*dayWide, dayTall-tall, dayBar, tall, dayBar)
	}
	v.Good, v.Uneven, v.Bad, v.Unknown = good.String(), uneven.String(), bad.String(), unknown.String()
	return v
}

// uptime is the part of good minutes in percent, cut and not rounded: 100 % means all.
func uptime(ok, errors int) string {
	if ok+errors == 0 {
		return ""
	}
	hundredths := ok * 10000 / (ok + errors)
	if hundredths == 10000 {
		return "100 %"
	}
	return fmt.Sprintf("%d.%02d %%", hundredths/100, hundredths%100)
}

// stateWord is a service's state for people.
func (v serviceView) stateWord() string {
	switch v.State {
	case "ok":
		return "Works"
	case "error":
		return "Trouble"
	}
	return "Not heard from"
}

func (v serviceView) barsWords() string {
	if v.Uptime == "" {
		return v.Name + ": nothing is known of the last 90 days"
	}
	return v.Name + ": " + v.Uptime + " of the minutes of the last 90 days"
}

// minutesWords is how much of a day had errors: "1 minute", "3 h 20 min".
func minutesWords(n int) string {
	switch {
	case n == 1:
		return "1 minute"
	case n < 60:
		return strconv.Itoa(n) + " minutes"
	case n%60 == 0:
		return strconv.Itoa(n/60) + " h"
	}
	return strconv.Itoa(n/60) + " h " + strconv.Itoa(n%60) + " min"
}
