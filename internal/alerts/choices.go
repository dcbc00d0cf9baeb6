package alerts

import (
	"fmt"
	"slices"
	"time"

	"github.com/alertsify/alertsify/internal/delivery"
)

// read holds choices against the groups and channels there are. What is as by default
// is no choice.
func (c Choices) read(channels []string) (chosen map[choice]bool, quiet *delivery.QuietHours, wrong map[string]string) {
	chosen, wrong = map[choice]bool{}, map[string]string{}
	groups := Groups()
	for name, switches := range c.Groups {
		at := slices.IndexFunc(groups, func(g Group) bool { return g.Name == name })
		if at < 0 {
			wrong["groups."+cut(name, 40)] = "There is no such group."
			continue
		}
		for channel, wanted := range switches {
			if !slices.Contains(channels, channel) {
				wrong["groups."+name+"."+cut(channel, 40)] = "There is no such channel here."
				continue
			}
			for _, t := range groups[at].Types {
				if wanted != usual(t, channel) {
					chosen[choice{t, channel}] = wanted
				}
			}
		}
	}
	if c.Quiet != nil {
		quiet = c.Quiet.read(wrong)
	}
	return chosen, quiet, wrong
}

// read puts what is wrong under its field's name.
func (q Quiet) read(wrong map[string]string) *delivery.QuietHours {
	hours := &delivery.QuietHours{UrgentThrough: q.UrgentThrough}
	var err error
	if hours.From, err = clockMinute(q.From); err != nil {
		wrong["quietHours.from"] = "A time of day, such as 22:00."
	}
	if hours.To, err = clockMinute(q.To); err != nil {
		wrong["quietHours.to"] = "A time of day, such as 07:00."
	} else if hours.To == hours.From && wrong["quietHours.from"] == "" {
		wrong["quietHours.to"] = "Another time than the one they begin at."
	}
	if hours.Zone, err = zoneOf(q.TimeZone); err != nil {
		wrong["quietHours.timeZone"] = "A time zone, such as America/New_York."
	}
	return hours
}

// zoneOf refuses what only this machine knows.
func zoneOf(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("no time zone: %q", name)
	}
	return time.LoadLocation(name)
}

// clockMinute reads HH:MM as a minute of the day.
func clockMinute(text string) (int, error) {
	t, err := time.Parse("15:04", text)
	if err != nil || len(text) != len("15:04") {
		return 0, fmt.Errorf("no time of day: %q", cut(text, 40))
	}
	return t.Hour()*60 + t.Minute(), nil
}

func clockText(minute int) string { return fmt.Sprintf("%02d:%02d", minute/60, minute%60) }
