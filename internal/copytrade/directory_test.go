package copytrade

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/fault"
)

// finishes gives somebody a position that came out with so many dollars, days ago. One of
// their own they published, so that their record told what came of it.
func (f *floor) finishes(user, account uuid.UUID, dollars, daysAgo int, source string) {
	f.Helper()
	f.exec(`
		with p as (
			insert into positions (user_id, account_id, symbol, underlying, option_type, strike, expiration, multiplier, bought, sold, realized, status, source, closed_at)
			values ($1, $2, $3, 'AAPL', 'call', 200, '2027-01-15', 100, 1, 1, $4, 'closed', $5, now() - make_interval(days => $6)) returning *)
		insert into published_results (position_id, trader_id, paper, result, realized, cost, finished_at)
		select p.id, p.user_id, a.paper, p.outcome, p.realized, 100, p.closed_at from p join accounts a on a.id = p.account_id where p.source <> 'copy'`,
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
	f.finishes(f.trader, f.paperAccount(f.trader), 7000, 0, "manual")
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
	f.copier.paperCounts = true // as in development, which has no other accounts
	if got, want := f.directory(DirectoryQuery{Sort: "pnl", Period: "daily"}), "ava 7200 66.67/3 2, dora 0 none/0 0"; got != want {
		t.Errorf("with paper accounts: %s, not %s", got, want)
	}
}

// paperAccount gives a user an account at a broker that only simulates.
func (f *floor) paperAccount(user uuid.UUID) uuid.UUID {
	f.Helper()
	return read[uuid.UUID](f, `
		insert into accounts (user_id, connection_id, broker_account_id, institution, can_trade, paper)
		select user_id, connection_id, gen_random_uuid()::text, institution, true, true from accounts where user_id = $1 returning id`, user)
}

// A profile has the directory's figures in every period, by the same rules; who does
// not publish has none, and nobody can tell why.
func TestAProfileShowsWhatEverybodyMaySee(t *testing.T) {
	t.Parallel()
	f := open(t)
	own := f.account(f.trader)
	ben := f.follower("ben", false)
	f.set(f.follower("eve", true), "paper", true)
	f.finishes(f.trader, own, 300, 0, "manual")
	f.finishes(f.trader, own, -100, 3, "detected")
	f.finishes(f.trader, own, 50, 20, "manual")
	f.finishes(f.trader, own, 10, 90, "manual")
	f.finishes(f.trader, own, 9000, 0, "copy")
	f.finishes(f.trader, f.paperAccount(f.trader), 7000, 0, "manual")
	p, err := f.copier.Profile(f.ctx, "Ava")
	f.must(err)
	var words []string
	for _, m := range p.Periods {
		words = append(words, fmt.Sprintf("%s %s %s/%d", m.Period, m.PnL.StringFixed(0), m.WinRate.StringFixed(2), m.Finished))
	}
	if got, want := strings.Join(words, ", "), "daily 300 100.00/1, weekly 200 50.00/2, monthly 250 66.67/3, all 260 75.00/4"; got != want {
		t.Errorf("%s, not %s", got, want)
	}
	if p.Username != "ava" || p.Followers != 1 || p.Finished != 4 || !p.PnL.Equal(p.Periods[3].PnL.Decimal) {
		t.Errorf("%+v", p.Listed)
	}
	if id, err := f.copier.Following(f.ctx, ben.id, "AVA"); err != nil || id == nil || *id != ben.subscription {
		t.Errorf("ben copies her by %v, %v", id, err)
	}
	if id, err := f.copier.Following(f.ctx, f.trader, "ava"); err != nil || id != nil {
		t.Errorf("she copies herself by %v, %v", id, err)
	}
	f.user("carl", "subscriber")
	f.exec(`update users set status = 'suspended' where id = $1`, f.user("gone", "trader"))
	for _, name := range []string{"carl", "gone", "nobody", "", "a\x00", "\xff"} {
		if _, err := f.copier.Profile(f.ctx, name); fault.CodeOf(err) != "not_found" {
			t.Errorf("%q: %v", name, err)
		}
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
	for _, bad := range []string{"nonsense", "MWUxMDAwMDAwMDAwIGF2YQ", "%%%", "MSD_", "MSAA"} {
		if _, _, err := f.copier.Directory(f.ctx, DirectoryQuery{Sort: "pnl", Period: "all", Limit: 3, Cursor: bad}); fault.CodeOf(err) != "validation_failed" {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
