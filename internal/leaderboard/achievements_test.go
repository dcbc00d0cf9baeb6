package leaderboard

import (
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func (a *arena) achieved(p person) (kinds []Kind) {
	a.Helper()
	list, err := a.board.Achievements(a.ctx, p.name)
	a.must(err)
	for _, one := range list {
		kinds = append(kinds, one.Kind)
	}
	slices.Sort(kinds)
	return kinds
}

// trades finishes so many of a trader's, one a minute, each with so many dollars.
func (a *arena) trades(p person, n int, dollars int64) {
	a.Helper()
	var list []*trade
	for i := range n {
		made := a.won(p, dollars)
		made.at = a.now.Add(time.Duration(i-n) * time.Second)
		list = append(list, made)
	}
	a.store(list...)
	a.now = a.now.Add(time.Minute)
}

// Achievements come from what was published, once each, and stay when it is corrected.
func TestAchievementsAreAwardedOnceAndStay(t *testing.T) {
	t.Parallel()
	a := open(t)
	ava, quiet := a.person("ava", "trader"), a.person("quiet", "trader")
	hidden := a.won(quiet, 10)
	hidden.public = false
	a.store(hidden)
	want := func(when string, kinds ...Kind) {
		t.Helper()
		a.refresh()
		if got := a.achieved(ava); !slices.Equal(got, kinds) {
			t.Errorf("%s: %v, not %v", when, got, kinds)
		}
	}
	want("before any trade")
	a.trades(ava, 1, -10)
	want("after a loss", FirstTrade)
	a.trades(ava, 4, 10)
	want("after four wins", FirstTrade, FirstWin, TopTen) // with five trades in 7 days
	a.trades(ava, 1, 0)                                   // neither won nor lost: the streak is over
	a.trades(ava, 4, 10)
	want("after four more", FirstTrade, FirstWin, TopTen)
	a.trades(ava, 1, 10)
	want("after five in a row", FirstTrade, FirstWin, FiveInARow, TopTen)
	a.trades(ava, 5, 10)
	want("after ten in a row", FirstTrade, FirstWin, TenInARow, FiveInARow, TopTen)
	a.trades(ava, 84, -1)
	want("after a hundred trades", FirstTrade, FirstWin, TenInARow, FiveInARow, TopTen, HundredTrade)
	a.exec(`update positions set realized = -1 where user_id = $1`, ava.id) // late fees took it all
	rows, err := a.db.Pool().Query(a.ctx, `select id from positions where user_id = $1`, ava.id)
	a.must(err)
	var all []*trade
	one := trade{}
	_, err = pgx.ForEachRow(rows, []any{&one.id}, func() error { made := one; all = append(all, &made); return nil })
	a.must(err)
	a.bring(all...)
	want("after corrections", FirstTrade, FirstWin, TenInARow, FiveInARow, TopTen, HundredTrade)
	if n := read[int](a, `select count(*) from notifications where user_id = $1 and type = 'achievement'`, ava.id); n != 6 {
		t.Errorf("told of %d", n)
	}
	if got := a.achieved(quiet); len(got) != 0 {
		t.Errorf("of what nobody was shown: %v", got)
	}
}
