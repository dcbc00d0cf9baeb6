package analytics_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/analytics"
	"github.com/alertsify/alertsify/internal/api"
	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/users"
)

const (
	asked      = 31 // times of each report
	plainAsked = 7  // of the opponent's, which take long
)

// BenchmarkAnalytics asks every route of analytics over HTTP, with a token, for somebody with
// 100,000 finished positions among a million and for somebody with a hundred, in turns. In
// the same run the plain opponent is asked the same of the first one: one SELECT over a view
// of the positions, with an index on owner and status, without HTTP. Times are medians in
// milliseconds, p50-ms that of the slowest route; heavy/light and plain/heavy are the ratios that mean anything on a machine
// that others use too. Open positions have no opponent: a plain SELECT finds them by the same
// index. One run is enough for all of it, so b.N is not looked at.
func BenchmarkAnalytics(b *testing.B) {
	m := analytics.NewMillion(b)
	d := openDoor(b, m)
	b.ResetTimer()
	slowest, closest := 0.0, math.Inf(1)
	for _, route := range []string{"user-stats", "period-stats", "closed-positions", "open-positions", "symbol-stats", "daily-stats", "heatmap", "cumulative"} {
		var heavy, light, opponent []time.Duration
		for range asked {
			heavy, light = append(heavy, d.ask(route, d.heavy)), append(light, d.ask(route, d.light))
		}
		h := median(heavy)
		slowest = max(slowest, h)
		b.ReportMetric(h, route+"-heavy-ms")
		b.ReportMetric(h/median(light), route+"-heavy/light")
		if sql, has := plain[route]; has {
			for range plainAsked {
				opponent = append(opponent, askPlain(b, m.DB, sql, m.Heavy))
			}
			closest = min(closest, median(opponent)/h)
			b.ReportMetric(median(opponent)/h, route+"-plain/heavy")
		}
	}
	b.ReportMetric(slowest, "p50-ms")
	b.ReportMetric(closest, "ratio")
	b.ReportMetric(0, "ns/op")
}

// median is that of some times, in milliseconds, without the first, which plans and warms.
func median(times []time.Duration) float64 {
	times = slices.Sorted(slices.Values(times[1:]))
	return float64(times[len(times)/2].Microseconds()) / 1000
}

// door is a server with the routes of analytics behind everything that stands before them
// but the rate limit, and two who ask.
type door struct {
	b            *testing.B
	server       *httptest.Server
	heavy, light string // their tokens
}

func openDoor(b *testing.B, m analytics.Million) *door {
	b.Helper()
	log, directory := slog.New(slog.DiscardHandler), users.New(m.DB)
	guard, err := auth.New(auth.Options{DB: m.DB, Users: directory, AppURL: "http://localhost"})
	if err != nil {
		b.Fatal(err)
	}
	desk := orders.New(orders.Options{DB: m.DB, Clock: exchange.NewClock(time.Now), Now: time.Now, Logger: log, Market: &market.Market{}})
	routes := slices.DeleteFunc(api.New(api.Options{Results: m.Reports, Desk: desk, Guard: guard, Users: directory}).Routes(), func(r auth.Route) bool {
		return !strings.HasPrefix(r.Pattern, "/api/analytics-v2/")
	})
	router := chi.NewRouter()
	if err := guard.Mount(router, routes); err != nil {
		b.Fatal(err)
	}
	front, err := httpio.Front(httpio.FrontOptions{AppURL: "http://localhost", Logger: log})
	if err != nil {
		b.Fatal(err)
	}
	d := &door{b: b, server: httptest.NewServer(front(router))}
	b.Cleanup(d.server.Close)
	d.heavy, d.light = d.token(guard, m.Heavy), d.token(guard, m.Light)
	return d
}

func (d *door) token(guard *auth.Guard, user uuid.UUID) string {
	d.b.Helper()
	text, _, err := guard.MakeToken(d.b.Context(), user, "bench", auth.ScopeRead)
	if err != nil {
		d.b.Fatal(err)
	}
	return text.Reveal()
}

// ask is how long a route takes until its last byte.
func (d *door) ask(route, token string) time.Duration {
	d.b.Helper()
	began := time.Now()
	r, err := http.NewRequestWithContext(d.b.Context(), http.MethodGet, d.server.URL+"/api/analytics-v2/"+route, nil)
	if err != nil {
		d.b.Fatal(err)
	}
	r.Host = "localhost"
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := d.server.Client().Do(r)
	if err != nil {
		d.b.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	took := time.Since(began)
	_ = answer.Body.Close()
	if err != nil || answer.StatusCode != http.StatusOK || !json.Valid(body) || len(body) < 50 {
		d.b.Fatalf("%s: %d %s (%v)", route, answer.StatusCode, body, err)
	}
	return took
}

const plainFrom = ` from plain where user_id = $1 and status in ('closed', 'expired', 'exercised') `

// plain are the opponent's statements.
var plain = map[string]string{
	"user-stats": `select count(*), count(*) filter (where source = 'copy'), sum(realized), sum(realized) filter (where source = 'copy'), count(*) filter (where realized > 0),
		count(*) filter (where realized < 0), max(realized), min(realized), sum(cost_bought), sum(fees), sum(greatest(realized, 0)), sum(greatest(-realized, 0)), avg(closed_at - opened_at)` + plainFrom,
	"period-stats": `select count(*) filter (where day > current_date - 7), sum(realized) filter (where day > current_date - 7), count(*) filter (where day > current_date - 7 and realized > 0),
		count(*) filter (where day > current_date - 30), sum(realized) filter (where day > current_date - 30), count(*) filter (where day > current_date - 30 and realized > 0),
		count(*) filter (where day > current_date - 90), sum(realized) filter (where day > current_date - 90), count(*) filter (where day > current_date - 90 and realized > 0),
		count(*) filter (where day >= date_trunc('year', current_date)), sum(realized) filter (where day >= date_trunc('year', current_date)), count(*), sum(realized)` + plainFrom,
	"closed-positions": `select *, count(*) over ()` + plainFrom + `order by closed_at desc limit 50`,
	"symbol-stats":     `select underlying, option_type, count(*), count(*) filter (where realized > 0), sum(realized), sum(bought)` + plainFrom + `group by 1, 2 order by 5 desc limit 50`,
	"daily-stats":      `select day, count(*), sum(realized), count(*) filter (where realized > 0)` + plainFrom + `and day > current_date - 90 group by 1 order by 1 desc`,
	"heatmap": `select extract(dow from at), extract(hour from at), floor(extract(minute from at) / 30), count(*), sum(realized),
		count(*) filter (where realized > 0)` + plainFrom + `group by 1, 2, 3`,
	"cumulative": `select day, p, sum(p) over (order by day) from (select day, sum(realized) as p` + plainFrom + `group by 1) x order by day`,
}

func askPlain(b *testing.B, db *postgres.DB, sql string, user uuid.UUID) time.Duration {
	b.Helper()
	began := time.Now()
	rows, err := db.Pool().Query(b.Context(), sql, user)
	if err != nil {
		b.Fatal(err)
	}
	for rows.Next() {
		if _, err := rows.Values(); err != nil {
			b.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		b.Fatal(err)
	}
	return time.Since(began)
}
