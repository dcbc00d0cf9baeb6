package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
)

const preferencesPath = "/settings/notifications"

// preferencesView is what somebody wants to hear of, where it goes, and what was wrong
// with what they typed last.
type preferencesView struct {
	alerts.Preferences
	On       bool // quiet hours
	Hours    alerts.Quiet
	Mute     string // a trader to be muted, as typed
	Wrong    map[string]string
	Browsers []delivery.Browser
	Discord  *delivery.Webhook
}

// zones are offered; any other can be typed.
var zones = []string{
	"America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Sao_Paulo", "Europe/London", "Europe/Berlin",
	"Europe/Athens", "Asia/Dubai", "Asia/Kolkata", "Asia/Singapore", "Asia/Tokyo", "Australia/Sydney", "UTC",
}

// channelWords names a personal channel.
func channelWords(channel string) string {
	words := map[string]string{
		delivery.ChannelPush: "Push", delivery.ChannelEmail: "E-mail", delivery.ChannelTelegram: "Telegram", delivery.ChannelWebhook: "Webhook",
		delivery.ChannelDiscord: "Discord", delivery.ChannelFeed: "Feeds",
	}
	if word := words[channel]; word != "" {
		return word
	}
	return channel
}

func (v preferencesView) invalid(field string) string {
	return strconv.FormatBool(v.Wrong[field] != "")
}

// preferences answers GET /settings/notifications.
func (s *Site) preferences(w http.ResponseWriter, r *http.Request) error {
	v, err := s.preferencesNow(r)
	if err != nil {
		return err
	}
	return s.showPreferences(w, r, http.StatusOK, v)
}

// preferencesNow are those that hold. Quiet hours that nobody has set are proposed.
func (s *Site) preferencesNow(r *http.Request) (preferencesView, error) {
	p, err := s.alerts.Preferences(r.Context(), me(r.Context()), s.post.Channels())
	v := preferencesView{Preferences: p, On: p.Quiet != nil}
	if v.Hours = (alerts.Quiet{From: "22:00", To: "07:00", TimeZone: zone(r.Context()).String(), UrgentThrough: true}); v.On {
		v.Hours = *p.Quiet
	}
	return v, err
}

func (s *Site) showPreferences(w http.ResponseWriter, r *http.Request, status int, v preferencesView) error {
	page, err := s.shell(r, "Alert settings", preferencesPath)
	if err != nil {
		return err
	}
	if v.Browsers, err = s.post.Browsers(r.Context(), me(r.Context())); err != nil {
		return err
	}
	if v.Discord, err = s.ownDiscord(r); err != nil {
		return err
	}
	return s.show(w, r, status, preferencesPage(page, v))
}

// setPreferences answers POST /settings/notifications: every switch of the page is in
// its form, so what is not in it is off.
func (s *Site) setPreferences(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	channels := s.post.Channels()
	chosen, typed := readPreferences(f, channels)
	_, err = s.alerts.SetPreferences(r.Context(), me(r.Context()), channels, chosen)
	var refused *fault.Error
	if errors.As(err, &refused) && refused.Code == "validation_failed" {
		if typed.Preferences, err = s.alerts.Preferences(r.Context(), me(r.Context()), channels); err != nil {
			return err
		}
		typed.take(chosen, refused)
		return s.showPreferences(w, r, http.StatusUnprocessableEntity, typed)
	}
	if err != nil {
		return err
	}
	return back(w, preferencesPath, "preferences")
}

func readPreferences(f url.Values, channels []string) (alerts.Choices, preferencesView) {
	c := alerts.Choices{Groups: map[string]map[string]bool{}, Muted: slices.Clone(f["muted"])}
	for _, g := range alerts.Groups() {
		switches := map[string]bool{}
		for _, channel := range channels {
			switches[channel] = f.Has(g.Name + "." + channel)
		}
		c.Groups[g.Name] = switches
	}
	v := preferencesView{
		On: f.Has("quiet"), Mute: f.Get("mute"),
		Hours: alerts.Quiet{From: f.Get("from"), To: f.Get("to"), TimeZone: f.Get("timeZone"), UrgentThrough: f.Has("urgentThrough")},
	}
	if v.On {
		c.Quiet = &v.Hours
	}
	if v.Mute != "" {
		c.Muted = append(c.Muted, v.Mute)
	}
	return c, v
}

// take shows what was typed instead of what is stored, and what is wrong with it.
func (v *preferencesView) take(c alerts.Choices, refused *fault.Error) {
	for i, g := range v.Groups {
		v.Groups[i].Wanted = c.Groups[g.Name]
	}
	v.Muted = slices.DeleteFunc(v.Muted, func(m alerts.MutedTrader) bool { return !slices.Contains(c.Muted, m.Username) })
	v.Wrong = wrongFields(refused)
}

// wrongFields are the sentences of a refusal by field.
func wrongFields(refused *fault.Error) map[string]string {
	wrong := map[string]string{}
	named, _ := refused.Details["fields"].(map[string]any)
	for field, sentence := range named {
		wrong[field], _ = sentence.(string)
	}
	return wrong
}

// restorePreferences answers POST /settings/notifications/defaults.
func (s *Site) restorePreferences(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.alerts.SetPreferences(r.Context(), me(r.Context()), s.post.Channels(), alerts.Choices{}); err != nil {
		return err
	}
	return back(w, preferencesPath, "defaults")
}

// testsPerMinute bounds how often somebody may try a channel, as the API does.
const testsPerMinute = 5

// testChannel answers POST /settings/notifications/test.
func (s *Site) testChannel(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	user, channel := me(r.Context()), f.Get("channel")
	if !slices.Contains(s.post.Channels(), channel) {
		return fault.Field("channel", "There is no such channel here.")
	}
	if err := httpio.Spend(w, r, s.allow, "test:"+user.String(), testsPerMinute); err != nil {
		return err
	}
	if _, err := s.alerts.SendTest(r.Context(), user, channel); err != nil {
		return err
	}
	return back(w, preferencesPath, "tested")
}

// preferenceRoutes are the lines of this page in the route table.
func (s *Site) preferenceRoutes() []auth.Route {
	return []auth.Route{
		{Method: "GET", Pattern: preferencesPath, Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.preferences},
		{Method: "POST", Pattern: preferencesPath, Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.setPreferences},
		{Method: "POST", Pattern: preferencesPath + "/defaults", Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.restorePreferences},
		{Method: "POST", Pattern: preferencesPath + "/test", Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.testChannel},
	}
}

// pushWords says how many browsers take notifications.
func pushWords(list []delivery.Browser) string {
	switch len(list) {
	case 0:
		return "No browser takes notifications yet"
	case 1:
		return "1 browser"
	}
	return strconv.Itoa(len(list)) + " browsers"
}

// browserWords is as much of a browser's own name as tells it from another.
func browserWords(label string) string {
	const most = 60 // characters
	if label == "" {
		return "A browser"
	}
	if short := []rune(label); len(short) > most {
		return string(short[:most-1]) + "…"
	}
	return label
}
