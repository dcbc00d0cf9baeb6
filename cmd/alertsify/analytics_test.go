package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/app"
	"github.com/alertsify/alertsify/internal/money"
)

// walkAnalytics asks every report of somebody with seeded positions, with every filter: the
// totals are one number (dashboard, calendar, CSV), and what makes no sense is refused by name.
func (s *show) walkAnalytics(t *testing.T) {
	if code, said := s.seedWith("--positions", "60", "--for", "ben"); code != 0 || !strings.Contains(said, "@ben has 60 more finished positions") {
		t.Fatalf("%d %s", code, said)
	}
	account := s.do("ben", "GET", "/api/brokers/accounts", "").want(t, 200).ids(t)[0]
	const at = "/api/analytics-v2/"
	filter := "?source=manual&account=" + account + "&from=2020-01-01&to=2030-01-01"
	var stats struct {
		Data struct {
			Total  decimal.Decimal `json:"total_pnl"`
			Closed int             `json:"total_closed_trades"`
		}
	}
	for _, path := range []string{
		"user-stats", "period-stats", "closed-positions?limit=7&sort=pnl_pct&order=asc&trade_type=manual&q=A", "closed-positions?tag=none&offset=10", "open-positions?trade_type=manual", "open-positions?limit=1",
		"symbol-stats?limit=3&sort=win_rate_pct", "daily-stats?start_date=2026-01-01&end_date=2026-06-01", "heatmap", "cumulative?range=1y", "user-stats?trader=ava",
		"period-stats" + filter, "closed-positions" + filter, "open-positions" + filter, "symbol-stats" + filter, "daily-stats" + filter, "heatmap" + filter, "cumulative" + filter,
		"closed-positions/export?format=json", "user-stats" + filter,
	} {
		a := s.do("ben", "GET", at+path, "").want(t, 200)
		if strings.HasPrefix(path, "user-stats") {
			if err := json.Unmarshal(a.body, &stats); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, page := range []string{"?tab=trades&tag=none", "?tab=open&source=manual"} {
		s.do("ben", "GET", "/analytics"+page, "").want(t, 200)
	}
	exported := s.do("ben", "GET", at+"closed-positions/export"+filter, "").want(t, 200)
	lines, err := csv.NewReader(bytes.NewReader(exported.body)).ReadAll()
	if err != nil || len(lines) < 61 {
		t.Fatalf("%d lines (%v)", len(lines), err)
	}
	sum := decimal.Zero
	for _, line := range lines[1:] {
		sum = sum.Add(decimal.RequireFromString(line[9]))
	}
	if !sum.Equal(stats.Data.Total) || stats.Data.Closed != len(lines)-1 {
		t.Errorf("%d positions made %s, the CSV says %s", stats.Data.Closed, stats.Data.Total, sum)
	}
	calendar := decimal.Zero
	for year := 2024; year <= time.Now().Year()+1; year++ {
		var days []struct {
			PnL decimal.Decimal `json:"total_pnl"`
		}
		s.do("ben", "GET", fmt.Sprintf(at+"daily-stats?start_date=%d-01-01&end_date=%[1]d-12-31", year), "").want(t, 200).into(t, &days)
		for _, day := range days {
			calendar = calendar.Add(day.PnL)
		}
	}
	if !calendar.Equal(stats.Data.Total) {
		t.Errorf("the calendar says %s, the whole %s", calendar, stats.Data.Total)
	}
	total := money.Amount{Decimal: sum}.Signed()
	for _, page := range []string{"/dashboard", "/analytics"} {
		if a := s.do("ben", "GET", page, "").want(t, 200); !contains(a.body, ">"+total+"<") {
			t.Errorf("%s does not show %s", page, total)
		}
	}
	for path, field := range map[string]string{
		"user-stats?source=mine": "source", "heatmap?account=" + s.people["ava"].String(): "account", "cumulative?range=2w": "range", "closed-positions?sort=id": "sort",
		"closed-positions?offset=10001": "offset", "closed-positions?cursor=x": "cursor", "open-positions?cursor=x": "cursor", "daily-stats?start_date=2024-01-01&end_date=2025-12-31": "start_date",
		"open-positions?source=copied&trade_type=manual": "trade_type", "closed-positions/export?format=xls": "format", "symbol-stats?sort=pnl": "sort", "user-stats?trader=nobody_at_all": "trader",
	} {
		if a := s.do("ben", "GET", at+path, "").want(t, 422); !contains(a.body, `"`+field+`"`) {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	var out bytes.Buffer
	code := run(t.Context(), console{out: &out, err: &out, env: app.Map(nil)}, []string{"rebuild", "analytics", "--data", s.stage.dir})
	if code != 0 || !strings.Contains(out.String(), "every one was what the positions say") {
		t.Errorf("%d %s", code, out.String())
	}
}
