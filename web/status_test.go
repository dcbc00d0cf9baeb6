package web

import (
	"strings"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/status"
)

func dayOf(name string, ago, ok, errors int) status.Day {
	return status.Day{Name: name, Day: noon.UTC().Truncate(24*time.Hour).AddDate(0, 0, -ago), OK: ok, Errors: errors}
}

// The sentence above all is the worst that is said below it; what is not set up says
// nothing, and silence is never taken for health.
func TestTheStatusSaysTheWorst(t *testing.T) {
	t.Parallel()
	fine := status.Minute{Name: "database", Minute: noon, State: status.OK}
	bad := status.Minute{Name: "snaptrade", Minute: noon, State: status.Error}
	silent := status.Minute{Name: "discord", Minute: noon.Add(-5 * time.Minute), State: status.OK}
	off := status.Minute{Name: "whop", Minute: noon, State: status.Disabled}
	worst := bad
	worst.Name = "email"
	for name, test := range map[string]struct {
		latest     []status.Minute
		word, tone string
		services   int
	}{
		"nothing known":     {nil, "Nothing has been asked yet", "unheard", 0},
		"nothing set up":    {[]status.Minute{off}, "Nothing has been asked yet", "unheard", 0},
		"all fine":          {[]status.Minute{fine, off}, "Everything works", "ok", 1},
		"silence":           {[]status.Minute{fine, silent}, "Not everything has answered lately", "unheard", 2},
		"one trouble":       {[]status.Minute{fine, silent, bad}, "Brokers: trouble", "error", 3},
		"two":               {[]status.Minute{fine, bad, worst}, "Some services have trouble", "error", 3},
		"an internal check": {[]status.Minute{fine, {Name: "instances", Minute: noon, State: status.Error}}, "Everything works", "ok", 1},
	} {
		v := statusOf(test.latest, nil, noon)
		if v.Word != test.word || v.Tone != test.tone || len(v.Services) != test.services {
			t.Errorf("%s: %q %s with %d services", name, v.Word, v.Tone, len(v.Services))
		}
	}
}

// Every one of ninety days is drawn once, by what it was.
func TestADaysBarSaysWhatItWas(t *testing.T) {
	t.Parallel()
	v := serviceOf(status.Minute{Minute: noon, State: status.OK}, []status.Day{
		dayOf("", 0, 900, 0), dayOf("", 1, 1440, 0), dayOf("", 2, 1439, 1), dayOf("", 3, 1368, 72), dayOf("", 4, 1367, 73), dayOf("", 89, 1440, 0), dayOf("", 90, 0, 1440),
	}, noon)
	bars := func(path string) int { return strings.Count(path, "M") }
	if bars(v.Good) != 3 || bars(v.Uneven) != 2 || bars(v.Bad) != 1 || bars(v.Unknown) != status.Days-6 {
		t.Errorf("%d good, %d uneven, %d bad, %d unknown", bars(v.Good), bars(v.Uneven), bars(v.Bad), bars(v.Unknown))
	}
	if !strings.HasPrefix(v.Good, "M0 ") || !strings.HasSuffix(v.Good, "M356 0h3v24h-3z") {
		t.Errorf("the first day or today stands elsewhere: %s", v.Good)
	}
}

// Hardly ever is not never: the part of good minutes is cut.
func TestUptimeIsCutNotRounded(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		ok, errors int
		want       string
	}{{0, 0, ""}, {1440, 0, "100 %"}, {129599, 1, "99.99 %"}, {99, 1, "99.00 %"}, {1, 1999, "0.05 %"}, {0, 5, "0.00 %"}} {
		if got := uptime(test.ok, test.errors); got != test.want {
			t.Errorf("%d and %d: %q, want %q", test.ok, test.errors, got, test.want)
		}
	}
}

// What cannot be written down while it lasts is not there: a day of which minutes are missing
// was none without errors. A round that was skipped, and the day on which all began, are no outage.
func TestSilenceOfTheDatabaseIsAnOutage(t *testing.T) {
	t.Parallel()
	morning := noon.UTC().Truncate(24 * time.Hour).Add(6 * time.Hour)
	got := withSilence([]status.Day{dayOf("database", 4, 200, 0), dayOf("database", 3, 1430, 0), dayOf("database", 1, 1000, 2), dayOf("database", 0, 300, 0)}, morning)
	want := []int{0, 0, 1440, 440, 60}
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i, d := range got {
		if d.Errors != want[i] {
			t.Errorf("%s: %d minutes with errors, want %d", d.Day.Format(time.DateOnly), d.Errors, want[i])
		}
	}
}
