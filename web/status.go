package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/alertsify/alertsify/internal/status"
)

const statusPath = "/status"

// unheardAfter is how old the word on a service may be: it is asked once a minute.
const unheardAfter = 3 * time.Minute

// PublicService says under which name, and as what, a check stands on the public page.
type PublicService struct{ Check, Name, For string }

// PublicServices are those of the public page, in its order. What is not here is the
// operators' business: it tells of our set-up, and nobody outside is asked.
var PublicServices = []PublicService{ //nolint:gochecknoglobals // a constant table
	{"database", "Website and accounts", "Pages, orders and results are kept"},
	{"placing", "Placing orders", "Buys and sells are sent"},
	{"snaptrade", "Brokers", "SnapTrade, which connects brokerage accounts"},
	{"market", "Quotes and chains", "Prices, which are shown and never decide what an order did"},
	{"discord", "Discord alerts", "The platform's own channels"},
	{"telegram", "Telegram", "Alerts and approvals in a chat"},
	{"email", "E-mail", "Notices and summaries"},
	{"getstream", "Feeds", "Timelines of traders"},
	{"whop", "Memberships", "Whop, where plans are bought"},
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
	v, err := s.statusNow(r.Context())
	if err != nil {
		return err
	}
	p := s.frame(r, "Status", statusPath)
	p.Share = s.shareStatus(r)
	return s.show(w, r, http.StatusOK, statusPage(p, v))
}

// statusKept is how long a view of the public page is everybody's: anybody may ask for it,
// any number of times, and it changes once a minute.
const statusKept = 15 * time.Second

// shownStatus is the view that was read last.
type shownStatus struct {
	mu sync.Mutex
	at time.Time
	v  statusView
}

// statusNow reads the view at most every 15 s, one at a time. While the database is away it
// is the last one, under the sentence that says so.
func (s *Site) statusNow(ctx context.Context) (statusView, error) {
	s.shown.mu.Lock()
	defer s.shown.mu.Unlock()
	if s.now().Sub(s.shown.at) < statusKept {
		return s.shown.v, nil
	}
	v, err := s.readStatus(ctx)
	switch {
	case err == nil:
		s.shown.v, s.shown.at = v, s.now()
	case s.shown.at.IsZero():
		return statusView{}, err
	default:
		v = s.shown.v
		v.Word, v.Tone = "Website and accounts: trouble", "error"
	}
	return v, nil
}

func (s *Site) readStatus(ctx context.Context) (statusView, error) {
	latest, err := s.status.Latest(ctx)
	if err != nil {
		return statusView{}, err
	}
	days, err := s.status.Days(ctx)
	if err != nil {
		return statusView{}, err
	}
	return statusOf(latest, days, s.now()), nil
}

// statusOf joins what is known of now with the days before. Services that are not set up
// here now are left out.
func statusOf(latest []status.Minute, days []status.Day, now time.Time) statusView {
	v := statusView{Word: "Everything works", Tone: "ok"}
	for _, public := range PublicServices {
		i := slices.IndexFunc(latest, func(m status.Minute) bool { return m.Name == public.Check })
		if i < 0 || latest[i].State == status.Disabled {
			continue
		}
		of := slices.DeleteFunc(slices.Clone(days), func(d status.Day) bool { return d.Name != public.Check })
		if public.Check == silentCheck {
			of = withSilence(of, now)
		}
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

// silentCheck is the one that cannot be written down while it fails: minutes that nobody
// wrote are minutes without us, but for a few that lie between two rounds.
const (
	silentCheck   = "database"
	skippedRounds = 15 // minutes of a day
)

// withSilence counts them as errors, from the second day on: the first began somewhere.
func withSilence(days []status.Day, now time.Time) []status.Day {
	if len(days) == 0 {
		return days
	}
	known := map[string]status.Day{}
	for _, d := range days {
		known[d.Day.Format(time.DateOnly)] = d
	}
	list := []status.Day{days[0]}
	today := now.UTC().Truncate(24 * time.Hour)
	for day := days[0].Day.AddDate(0, 0, 1); !day.After(today); day = day.AddDate(0, 0, 1) {
		d, minutes := known[day.Format(time.DateOnly)], 24*60
		if day.Equal(today) {
			minutes = int(now.Sub(today) / time.Minute)
		}
		d.Name, d.Day = silentCheck, day
		if silent := minutes - d.OK - d.Errors; silent > skippedRounds {
			d.Errors += silent
		}
		list = append(list, d)
	}
	return list
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
	return v.Name + ": " + v.Uptime + " of the minutes it was asked in the last 90 days"
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
