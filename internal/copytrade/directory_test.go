package copytrade

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/fault"
)

// finishes gives somebody an own position that came out with so many dollars, days ago.
func (f *floor) finishes(user, account uuid.UUID, dollars, daysAgo int, source string) {
	f.Helper()
	f.exec(`
		insert into positions (user_id, account_id, symbol, underlying, option_type, strike, expiration, multiplier, bought, sold, realized, status, source, closed_at)
		values ($1, $2, $3, 'AAPL', 'call', 200, '2027-01-15', 100, 1, 1, $4, 'closed', $5, now() - make_interval(days => $6))`,
		user, account, symbol, dollars, source, daysAgo)
}

func (f *floor) directory(q DirectoryQuery) string {
	f.Helper()
	if q.Limit == 0 {
		q.Limit = 50
	}
	page, _, err := f.copier.Directory(f.ctx, q)
	f.must(err)
	var words []string
	for _, t := range page {
		rate := "none"
		if t.WinRate != nil {
			rate = t.WinRate.StringFixed(2)
		}
		words = append(words, fmt.Sprintf("%s %s %s/%d %d", t.Username, t.PnL.StringFixed(0), rate, t.Finished, t.Followers))
	}
	return strings.Join(words, ", ")
}

func TestTheDirectoryShowsWhoPublishesWithWhatTheyMade(t *testing.T) {
	t.Parallel()
	f := open(t)
	dora, gone := f.user("dora", "trader"), f.user("gone", "trader")
	ava, own := f.account(f.trader), f.account(dora)
	f.exec(`update users set status = 'suspended' where id = $1`, gone)
	f.follower("ben", true)
	f.exec(`update subscriptions set status = 'paused' where id = $1`, f.follower("cara", false).subscription)
	f.exec(`update subscriptions set status = 'cancelled' where id = $1`, f.follower("dan", false).subscription)
	f.set(f.follower("eve", true), "paper", true) // nobody's follower but on paper
	f.finishes(f.trader, ava, 300, 0, "manual")
	f.finishes(f.trader, ava, -100, 0, "detected")
	f.finishes(f.trader, ava, 50, 3, "manual")
	f.finishes(f.trader, ava, 9000, 0, "copy") // somebody else's idea
	f.finishes(dora, own, 400, 20, "manual")
	for want, q := range map[string]DirectoryQuery{
		"dora 400 100.00/1 0, ava 250 66.67/3 2": {Sort: "pnl", Period: "all"},
		"ava 250 66.67/3 2, dora 400 100.00/1 0": {Sort: "followers", Period: "monthly"},
		"ava 250 66.67/3 2, dora 0 none/0 0":     {Sort: "pnl", Period: "weekly"},
		"ava 200 50.00/2 2, dora 0 none/0 0":     {Sort: "winRate", Period: "daily"},
		"dora 400 100.00/1 0":                    {Sort: "winRate", Period: "all", Text: "DOR"},
		"":                                       {Sort: "pnl", Period: "all", Text: "nobody"},
	} {
		if got := f.directory(q); got != want {
			t.Errorf("%+v: %s, not %s", q, got, want)
		}
	}
	if p, err := f.copier.Profile(f.ctx, "Ava"); err != nil || p.Followers != 2 || p.Finished != 3 {
		t.Errorf("%+v %v", p, err)
	}
	if _, err := f.copier.Profile(f.ctx, "gone"); fault.CodeOf(err) != "not_found" {
		t.Errorf("a suspended one: %v", err)
	}
}

func TestTheDirectoryIsReadPageByPage(t *testing.T) {
	t.Parallel()
	f := open(t)
	for i := range 7 { // some of them alike
		user := f.user(name(i), "trader")
		f.finishes(user, f.account(user), 100*(i/2), 1, "manual")
	}
	seen, cursor := map[string]int{}, ""
	for range 10 {
		page, next, err := f.copier.Directory(f.ctx, DirectoryQuery{Sort: "pnl", Period: "all", Limit: 3, Cursor: cursor})
		f.must(err)
		for _, l := range page {
			seen[l.Username]++
		}
		if cursor = next; next == "" {
			break
		}
	}
	if len(seen) != 8 || cursor != "" { // ava too
		t.Errorf("%v", seen)
	}
	for who, n := range seen {
		if n != 1 {
			t.Errorf("%s %d times", who, n)
		}
	}
	for _, bad := range []string{"nonsense", "MWUxMDAwMDAwMDAwIGF2YQ", "%%%"} {
		if _, _, err := f.copier.Directory(f.ctx, DirectoryQuery{Sort: "pnl", Period: "all", Limit: 3, Cursor: bad}); fault.CodeOf(err) != "validation_failed" {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
