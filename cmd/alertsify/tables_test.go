package main

import (
	"bytes"
	"encoding/csv"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alertsify/alertsify/internal/money"
)

// walkTables holds for every table, by every sort that its page offers, that the CSV beside
// it has the rows that the pages show, in their order and to the cent, with the columns that
// somebody picked. ava is signed in already: what follows counts her sessions.
func (s *show) walkTables(t *testing.T, ava *http.Client) {
	b := s.signIn("ben")
	clients := map[string]*http.Client{"ava": ava, "ben": b}
	const form = "Content-Type: application/x-www-form-urlencoded"
	if a := s.send(b, "POST", "/tables/closed/columns", "column=moon", form).want(t, 422); !contains(a.body, "must be columns of this table") {
		t.Errorf("a column that is none: %s", a.body)
	}
	s.send(b, "POST", "/tables/moon/columns", "column=pnl", form).want(t, 404)
	a := s.send(b, "POST", "/tables/closed/columns", "column=fees&column=pnl&return_to=/positions%3Fstatus%3Dclosed", form).want(t, 303)
	if to := a.header.Get("Location"); to != "/positions?done=columns&status=closed" {
		t.Errorf("the picker leads to %s", to)
	}
	if a := s.send(b, "GET", "/tables/closed/csv", "").want(t, 200); !strings.HasPrefix(string(a.body), "contract,symbol,remarks,tags,pnl,fees\r\n") || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("the CSV of chosen columns: %v, %.80s", a.header, a.body)
	}
	tried := 0
	for _, table := range []struct {
		person, page string
		row          func(cells map[string]string) string // of the page
		line         func(fields map[string]string) string
	}{
		{"ben", "/positions?status=closed", shownGain, saidGain}, {"ben", "/analytics?tab=trades", shownGain, saidGain},
		{"ava", "/positions?status=open", shownGain, saidGain},
		{"ava", "/orders?view=today", func(c map[string]string) string { return c["contract"] + " " + c["side"] + " " + c["quantity"] }, func(f map[string]string) string {
			return f["contract"] + " " + f["side"] + " " + f["filled"] + "/" + f["quantity"]
		}},
		{"ben", "/copy", func(c map[string]string) string { return c["contract"] + " " + c["contracts"] }, func(f map[string]string) string {
			return f["contract"] + " " + f["their_contracts"] + " → " + f["your_contracts"]
		}},
	} {
		client := clients[table.person]
		for _, sort := range s.sortsOf(t, client, table.page) {
			page := table.page + "?sort=" + sort
			if strings.Contains(table.page, "?") {
				page = table.page + "&sort=" + sort
			}
			shown, sheet := s.rowsOf(t, client, page, table.row)
			said := s.linesOf(t, client, sheet, table.line)
			if len(shown) == 0 || !slices.Equal(shown, said) {
				t.Errorf("%s shows %d rows and its CSV has %d:\n%.400q\n%.400q", page, len(shown), len(said), shown, said)
			}
			tried++
		}
	}
	if tried < 30 {
		t.Errorf("only %d sorts were tried", tried)
	}
	s.send(b, "POST", "/tables/closed/columns", "usual=on", form).want(t, 303)
	if a := s.send(b, "GET", "/tables/closed/columns", "").want(t, 200); !contains(a.body, `value="source" checked`) {
		t.Error("the usual columns did not come back")
	}
}

func shownGain(c map[string]string) string { return c["contract"] + " " + c["pnl"] }

func saidGain(f map[string]string) string {
	if f["pnl"] == "" {
		return f["contract"] + " —"
	}
	return f["contract"] + " " + money.MustAmount(f["pnl"]).Signed()
}

var (
	sortSelect = regexp.MustCompile(`(?s)<select name="sort".*?</select>`)
	optionIs   = regexp.MustCompile(`<option value="([^"]+)"`)
	rowOf      = regexp.MustCompile(`(?s)<tr tabindex="0".*?</tr>`)
	cellOf     = regexp.MustCompile(`(?s)<td[^>]*data-column="([a-z]+)"[^>]*>(.*?)</td>`)
	badges     = regexp.MustCompile(`(?s)<(span|a)[^>]*class="badge badge-xs[^>]*>.*?</(span|a)>`)
	anyTag     = regexp.MustCompile(`<[^>]*>`)
	sheetLink  = regexp.MustCompile(`href="(/tables/[a-z-]+/csv[^"]*)"`)
	nextLink   = regexp.MustCompile(`<a href="([^"]*)"[^>]*rel="next"`)
)

func (s *show) sortsOf(t *testing.T, client *http.Client, page string) (sorts []string) {
	t.Helper()
	body := s.send(client, "GET", page, "").want(t, 200).body
	for _, option := range optionIs.FindAllSubmatch(sortSelect.Find(body), -1) {
		sorts = append(sorts, url.QueryEscape(string(option[1])))
	}
	return sorts
}

// rowsOf are the rows of a list over all its pages, and where its CSV is.
func (s *show) rowsOf(t *testing.T, client *http.Client, page string, row func(map[string]string) string) (rows []string, sheet string) {
	t.Helper()
	for page != "" {
		body := s.send(client, "GET", page, "").want(t, 200).body
		for _, tr := range rowOf.FindAll(body, -1) {
			cells := map[string]string{}
			for _, td := range cellOf.FindAllSubmatch(tr, -1) {
				words := anyTag.ReplaceAllString(string(badges.ReplaceAll(td[2], nil)), " ")
				cells[string(td[1])] = strings.Join(strings.Fields(html.UnescapeString(words)), " ")
			}
			if cells["contract"] != "" {
				rows = append(rows, row(cells))
			}
		}
		if link := sheetLink.FindSubmatch(body); link != nil {
			sheet = html.UnescapeString(string(link[1]))
		}
		page = ""
		if link := nextLink.FindSubmatch(body); link != nil {
			page = html.UnescapeString(string(link[1]))
		}
	}
	return rows, sheet
}

func (s *show) linesOf(t *testing.T, client *http.Client, sheet string, line func(map[string]string) string) (rows []string) {
	t.Helper()
	lines, err := csv.NewReader(bytes.NewReader(s.send(client, "GET", sheet, "").want(t, 200).body)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, values := range lines[1:] {
		fields := map[string]string{}
		for i, name := range lines[0] {
			fields[name] = values[i]
		}
		rows = append(rows, line(fields))
	}
	return rows
}
