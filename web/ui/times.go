package ui

import (
	"context"
	"fmt"
	"time"

	"github.com/alertsify/alertsify/internal/exchange"
)

// A price older than this is shown in amber, then in red. The page's clock uses the same limits.
const (
	staleAfter = 15 * time.Second
	deadAfter  = 60 * time.Second
)

// clock writes an instant in the viewer's zone: the time alone today, with the day before that.
func clock(ctx context.Context, t time.Time) string {
	v := viewer(ctx)
	local, now := t.In(v.Zone), v.Now.In(v.Zone)
	if local.Year() == now.Year() && local.YearDay() == now.YearDay() {
		return local.Format("15:04:05")
	}
	if local.Year() == now.Year() {
		return local.Format("2 Jan 15:04")
	}
	return local.Format("2 Jan 06")
}

// AgeText says how long ago something was: "12 s ago", "3 min ago".
func AgeText(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d d ago", int(d.Hours()/24))
}

// HeldText says how long a position was held: "42 min", "5 h 10 min", "12 d".
func HeldText(from, to *time.Time) string {
	if from == nil || to == nil {
		return "—"
	}
	switch d := max(to.Sub(*from), 0); {
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	default:
		return fmt.Sprintf("%d d", d/(24*time.Hour))
	}
}

func age(ctx context.Context, t time.Time) time.Duration { return viewer(ctx).Now.Sub(t) }

func ageClass(d time.Duration) string {
	switch {
	case d > deadAfter:
		return "age-dead"
	case d > staleAfter:
		return "age-stale"
	}
	return ""
}

// countdown is what is left of an approval: "0:42", or "expired".
func countdown(ctx context.Context, until time.Time) string {
	left := until.Sub(viewer(ctx).Now)
	if left <= 0 {
		return "expired"
	}
	seconds := int((left + time.Second - 1) / time.Second)
	return fmt.Sprintf("%d:%02d", seconds/60, seconds%60)
}

func passed(ctx context.Context, t time.Time) bool { return !viewer(ctx).Now.Before(t) }

// DaysLeft says how far an expiration is: "today", "1 day", "35 days", "expired".
func DaysLeft(days int) string {
	switch {
	case days < 0:
		return "expired"
	case days == 0:
		return "today"
	case days == 1:
		return "1 day"
	}
	return fmt.Sprintf("%d days", days)
}

// daysUntil counts calendar days on New York's calendar.
func daysUntil(ctx context.Context, d exchange.Date) int {
	return exchange.TradingDay(viewer(ctx).Now).DaysUntil(d)
}
