package leaderboard

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/record"
)

// inbox is what somebody was told of ranks, oldest first.
func (a *arena) inbox(p person) (list []string) {
	a.Helper()
	rows, err := a.db.Pool().Query(a.ctx, `select title || ': ' || body from notifications where user_id = $1 and type = 'leaderboard' order by created_at, id`, p.id)
	a.must(err)
	list, err = pgx.CollectRows(rows, pgx.RowTo[string])
	a.must(err)
	return list
}

// Who moves in a top ten hears of it, in one message for an hour, and hears nothing of an
// hour in which nothing moved.
func TestAChangeOfRankIsToldOnce(t *testing.T) {
	t.Parallel()
	a := open(t)
	ava, ben, cara := a.person("ava", "trader"), a.person("ben", "trader"), a.person("cara", "trader")
	a.store(a.won(ava, 100), a.won(ben, 50))
	a.refresh()
	if list := append(a.inbox(ava), a.inbox(ben)...); len(list) != 0 {
		t.Errorf("the first boards changed somebody's rank: %q", list)
	}
	a.refresh()
	a.store(a.won(ben, 500))
	a.refresh()
	a.must(a.board.Refresh(a.ctx))
	moved := "P&L, all time: 1st, was 2nd; P&L, 30 days: 1st, was 2nd; P&L, 7 days: 1st, was 2nd."
	if got := strings.Join(a.inbox(ben), "|"); got != "You are 1st on the leaderboard: "+moved {
		t.Errorf("ben: %s", got)
	}
	if got := strings.Join(a.inbox(ava), "|"); got != "Your rank has changed: "+strings.NewReplacer("1st", "2nd", "2nd", "1st").Replace(moved) {
		t.Errorf("ava: %s", got)
	}
	if got := a.inbox(cara); len(got) != 0 {
		t.Errorf("cara, who has no rank: %q", got)
	}
	if got, want := read[string](a, `select url from notifications where user_id = $1`, ben.id), "/leaderboard?metric=pnl&period=all"; got != want {
		t.Errorf("it leads to %s", got)
	}
	a.refresh()
	if got := len(a.inbox(ben)) + len(a.inbox(ava)); got != 2 {
		t.Errorf("%d messages after an hour without a change", got)
	}
}

// What is told and what it is about are committed together or not at all.
func TestARefreshThatFailsTellsNothing(t *testing.T) {
	t.Parallel()
	a := open(t)
	ava, ben := a.person("ava", "trader"), a.person("ben", "trader")
	a.store(a.won(ava, 100), a.won(ben, 50))
	a.refresh()
	a.store(a.won(ben, 500))
	a.exec(`create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$`)
	a.exec(`create trigger refuse before insert on notifications for each row execute function refuse()`)
	before := a.now
	a.now = a.now.Add(time.Hour)
	if err := a.board.Refresh(a.ctx); err == nil {
		t.Fatal("nothing failed")
	}
	page, _, err := a.board.Page(a.ctx, Query{Metric: PnL, Period: record.Always, Limit: 1})
	a.must(err)
	if !page.AsOf.Equal(before) || page.Standings[0].Username != "ava" {
		t.Errorf("half of it is there: %+v", page)
	}
	a.exec(`drop trigger refuse on notifications`)
	a.must(a.board.Refresh(a.ctx)) // the job, once more
	if len(a.inbox(ava)) != 1 || len(a.inbox(ben)) != 1 {
		t.Errorf("told: %q, %q", a.inbox(ava), a.inbox(ben))
	}
}

// Who withdraws from the boards is not told that their rank is gone.
func TestWhoStopsPublishingIsToldNothing(t *testing.T) {
	t.Parallel()
	a := open(t)
	ava := a.person("ava", "trader")
	a.store(a.won(ava, 100))
	a.refresh()
	a.exec(`insert into trading_switches (scope, key, stops, reason) values ('publishing', $1, 'copies', 'no more')`, ava.id.String())
	a.refresh()
	if list := a.inbox(ava); len(list) != 0 {
		t.Errorf("%q", list)
	}
}

func TestAMessageNamesAFewChangesAndCountsTheRest(t *testing.T) {
	t.Parallel()
	was, is, far := 3, 2, 11
	var list []change
	for _, m := range Metrics() {
		list = append(list, change{metric: m, period: record.Weekly, was: &was, is: &is})
	}
	list = append(list, change{metric: PnL, period: record.Always, was: &is, is: &far}, change{metric: ROI, period: record.Always, was: &is})
	n := note(7, list)
	if n.Body != "P&L, 7 days: 2nd, was 3rd; ROI, 7 days: 2nd, was 3rd; win rate, 7 days: 2nd, was 3rd; copy efficiency: 2nd, was 3rd; and 3 more." || n.SubjectKey != "leaderboard:7" {
		t.Errorf("%+v", n)
	}
	if got := note(7, list[5:]); got.Title != "Your rank has changed" || got.Body != "P&L, all time: out of the top ten, was 2nd; ROI, all time: not ranked, was 2nd." {
		t.Errorf("%+v", got)
	}
}

func TestRanksAreWrittenAsPeopleSayThem(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{1: "1st", 2: "2nd", 3: "3rd", 4: "4th", 11: "11th", 12: "12th", 13: "13th", 21: "21st", 112: "112th", 1003: "1003rd"} {
		if got := Ordinal(n); got != want {
			t.Errorf("%d is %s", n, got)
		}
	}
}
