package alerts_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/fault"
)

var both = []string{"push", "email"}

func TestEveryTypeIsInOneGroupAndAGroupHasOneDefault(t *testing.T) {
	t.Parallel()
	m := alerts.Manners(nil)
	var grouped []string
	for _, g := range alerts.Groups() {
		grouped = append(grouped, g.Types...)
		for _, channel := range both {
			usual := slices.Contains(m.Usual[channel], g.Types[0])
			for _, other := range g.Types {
				if slices.Contains(m.Usual[channel], other) != usual {
					t.Errorf("%s: %s and %s differ by %s", g.Name, g.Types[0], other, channel)
				}
			}
		}
	}
	grouped = append(grouped, m.Fixed...) // what nobody switches is in none
	all := alerts.Types()
	slices.Sort(grouped)
	slices.Sort(all)
	if !slices.Equal(grouped, all) {
		t.Errorf("the groups have %v, the types are %v", grouped, all)
	}
}

func TestOnlyWhatDiffersFromTheDefaultIsStored(t *testing.T) {
	t.Parallel()
	h := open(t)
	ben := h.user("ben")
	h.exec(`insert into users (username, name, role) values ('ava', 'Ava', 'trader')`)
	set := func(c alerts.Choices) alerts.Preferences {
		p, err := h.announce.SetPreferences(h.ctx, ben, both, c)
		h.must(err)
		read, err := h.announce.Preferences(h.ctx, ben, both)
		h.must(err)
		if len(read.Groups) != len(p.Groups) || (read.Quiet == nil) != (p.Quiet == nil) || len(read.Muted) != len(p.Muted) {
			t.Errorf("answered %+v, then read %+v", p, read)
		}
		return read
	}
	rows := func() string {
		return scan[string](h, `select coalesce(string_agg(type || ' ' || channel || ' ' || wanted, ', ' order by type, channel), '') from notification_choices`)
	}
	everything := map[string]map[string]bool{}
	for _, g := range set(alerts.Choices{}).Groups {
		everything[g.Name] = g.Usual
	}
	if set(alerts.Choices{Groups: everything}); rows() != "" {
		t.Errorf("the defaults are stored: %s", rows())
	}
	p := set(alerts.Choices{
		Groups: map[string]map[string]bool{"copies": {"push": false, "email": true}, "broker": {"email": true}},
		Quiet:  &alerts.Quiet{From: "22:00", To: "07:30", TimeZone: "Europe/Berlin"}, Muted: []string{"ava", "ava"},
	})
	if got := rows(); got != "copy_trade_executed email true, copy_trade_executed push false, copy_trade_failed email true, copy_trade_failed push false" {
		t.Errorf("stored: %s", got)
	}
	if p.Quiet == nil || *p.Quiet != (alerts.Quiet{From: "22:00", To: "07:30", TimeZone: "Europe/Berlin"}) || len(p.Muted) != 1 || p.Muted[0].Username != "ava" {
		t.Errorf("read %+v, %+v", p.Quiet, p.Muted)
	}
	// What this installation has no channel for is left alone.
	_, err := h.announce.SetPreferences(h.ctx, ben, []string{"push"}, alerts.Choices{})
	h.must(err)
	if got := rows(); got != "copy_trade_executed email true, copy_trade_failed email true" {
		t.Errorf("without mail: %s", got)
	}
	p = set(alerts.Choices{})
	if rows() != "" || p.Quiet != nil || len(p.Muted) != 0 {
		t.Errorf("restored: %s, %+v", rows(), p)
	}
}

func TestBadPreferencesNameTheirFieldAndChangeNothing(t *testing.T) {
	t.Parallel()
	h := open(t)
	ben := h.user("ben")
	h.user("cara") // no trader
	good := &alerts.Quiet{From: "22:00", To: "07:00", TimeZone: "UTC"}
	with := func(change func(*alerts.Quiet)) alerts.Choices {
		q := *good
		change(&q)
		return alerts.Choices{Quiet: &q}
	}
	_, err := h.announce.SetPreferences(h.ctx, ben, both, alerts.Choices{Quiet: good})
	h.must(err)
	for field, c := range map[string]alerts.Choices{
		"groups.pigeons":      {Groups: map[string]map[string]bool{"pigeons": {"push": true}}},
		"groups.fills.pigeon": {Groups: map[string]map[string]bool{"fills": {"pigeon": true}}},
		"quietHours.from":     with(func(q *alerts.Quiet) { q.From = "9:00" }),
		"quietHours.to":       with(func(q *alerts.Quiet) { q.To = q.From }),
		"quietHours.timeZone": with(func(q *alerts.Quiet) { q.TimeZone = "Local" }),
		"mutedTraders":        {Muted: []string{"cara"}},
	} {
		_, err := h.announce.SetPreferences(h.ctx, ben, both, c)
		var refused *fault.Error
		if !errors.As(err, &refused) || refused.Code != "validation_failed" {
			t.Errorf("%s: %v", field, err)
			continue
		}
		fields, _ := refused.Details["fields"].(map[string]any)
		if _, named := fields[field]; !named || len(fields) != 1 {
			t.Errorf("%s: the refusal names %v", field, fields)
		}
	}
	for name, text := range map[string]string{"oneself": "ben", "a zero": "a\x00", "no text": "\xff", "a long name": strings.Repeat("a", 5000)} {
		if _, err := h.announce.SetPreferences(h.ctx, ben, both, alerts.Choices{Muted: []string{text}}); fault.CodeOf(err) != "validation_failed" {
			t.Errorf("muting %s: %v", name, err)
		}
	}
	p, err := h.announce.Preferences(h.ctx, ben, both)
	h.must(err)
	if p.Quiet == nil || *p.Quiet != *good {
		t.Errorf("the hours are %+v", p.Quiet)
	}
}

// The page of the docs has the groups, their types, and where they go by default.
func TestTheDocsHaveTheDefaults(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile("../../docs/messages.md")
	if err != nil {
		t.Fatal(err)
	}
	m := alerts.Manners(nil)
	tick := func(channel string, g alerts.Group) string {
		if slices.Contains(m.Usual[channel], g.Types[0]) {
			return " ✓ |"
		}
		return " |"
	}
	for _, g := range alerts.Groups() {
		urgent := slices.DeleteFunc(slices.Clone(g.Types), func(t string) bool { return !slices.Contains(m.Urgent, t) })
		last := " |"
		switch {
		case len(urgent) == len(g.Types):
			last = " ✓ |"
		case len(urgent) > 0:
			last = " " + strings.Join(urgent, ", ") + " |"
		}
		row := "| `" + g.Name + "` | " + strings.Join(g.Types, ", ") + " |" + tick("push", g) + tick("telegram", g) + tick("email", g) + last
		if !strings.Contains(string(body), row+"\n") {
			t.Errorf("docs/messages.md has no row %q", row)
		}
	}
}

// Security goes everywhere that somebody can be reached, in no category that could be
// switched off.
func TestSecurityIsNotToBeSwitchedOff(t *testing.T) {
	t.Parallel()
	h := open(t)
	ben := h.user("ben")
	m := alerts.Manners(nil)
	if !slices.Equal(m.Fixed, []string{alerts.Security}) {
		t.Errorf("fixed are %v", m.Fixed)
	}
	for _, channel := range []string{"push", "email", "telegram", "webhook"} {
		if !slices.Contains(m.Usual[channel], alerts.Security) {
			t.Errorf("security does not go by %s", channel)
		}
	}
	_, err := h.announce.SetPreferences(h.ctx, ben, both, alerts.Choices{Groups: map[string]map[string]bool{"security": {"email": false}}})
	if fault.CodeOf(err) != "validation_failed" {
		t.Errorf("switching it off: %v", err)
	}
}
