package market

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/users"
)

func keeper(t *testing.T) (*Market, *postgres.DB) {
	t.Helper()
	db := pgtest.New(t)
	m := New(Options{DB: db}) // without Alpaca: the rows are kept all the same
	t.Cleanup(m.Close)
	return m, db
}

func person(t *testing.T, db *postgres.DB, name string) uuid.UUID {
	t.Helper()
	var u users.User
	err := db.InTx(context.Background(), func(ctx context.Context, tx pgx.Tx) (err error) {
		u, err = users.New(db).Create(ctx, tx, users.NewUser{Username: name, Name: name})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return u.ID
}

func words(rows []WatchRow) string {
	list := make([]string, len(rows))
	for i, r := range rows {
		day := "next"
		if r.Expiration != nil {
			day = r.Expiration.String()
		}
		list[i] = fmt.Sprintf("%s %s %s ±%d", r.Underlying, r.Type, day, r.Near)
	}
	return strings.Join(list, ", ")
}

func day(text string) *exchange.Date {
	d := exchange.MustDate(text)
	return &d
}

func TestRowsAreKeptInTheirOrder(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	m, db := keeper(t)
	ava := person(t, db, "ava")
	wanted := []WatchRow{{"spy", "put", nil, 0}, {"AAPL", "call", day(expiryDate), 5}, {"brk/b", "call", nil, 10}}
	set, err := m.SetWatchlist(ctx, ava, wanted)
	if err != nil {
		t.Fatal(err)
	}
	want := "SPY put next ±0, AAPL call " + expiryDate + " ±5, BRK.B call next ±10"
	kept, err := m.Watchlist(ctx, ava)
	if err != nil || words(kept) != want || words(set) != want {
		t.Errorf("set %s, kept %s, %v", words(set), words(kept), err)
	}
	if _, err := m.SetWatchlist(ctx, ava, nil); err != nil {
		t.Fatal(err)
	}
	if kept, err = m.Watchlist(ctx, ava); err != nil || len(kept) != 0 || kept == nil {
		t.Errorf("after emptying: %#v, %v", kept, err)
	}
}

func TestRowsAreAddedChangedAndRemoved(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	m, db := keeper(t)
	ava := person(t, db, "ava")
	for _, step := range []struct {
		do   func(context.Context, uuid.UUID, WatchRow) ([]WatchRow, error)
		row  WatchRow
		want string
	}{
		{m.AddToWatchlist, WatchRow{"SPY", "call", nil, 2}, "SPY call next ±2"},
		{m.AddToWatchlist, WatchRow{"spy", "call", day(expiryDate), 2}, "SPY call next ±2, SPY call " + expiryDate + " ±2"},
		{m.AddToWatchlist, WatchRow{"spy", "call", nil, 5}, "SPY call next ±5, SPY call " + expiryDate + " ±2"},
		{m.RemoveFromWatchlist, WatchRow{Underlying: "QQQ", Type: "call"}, "SPY call next ±5, SPY call " + expiryDate + " ±2"},
		{m.RemoveFromWatchlist, WatchRow{Underlying: "SPY", Type: "call"}, "SPY call " + expiryDate + " ±2"},
	} {
		got, err := step.do(ctx, ava, step.row)
		if err != nil || words(got) != step.want {
			t.Errorf("%v: %s, %v; want %s", step.row, words(got), err, step.want)
		}
	}
}

// INV-39: nobody sees or changes another's rows.
func TestAWatchlistIsItsOwners(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	m, db := keeper(t)
	ava, ben := person(t, db, "ava"), person(t, db, "ben")
	row := WatchRow{"AAPL", "call", nil, 2}
	for _, user := range []uuid.UUID{ava, ben} {
		if _, err := m.AddToWatchlist(ctx, user, row); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := m.SetWatchlist(ctx, ben, []WatchRow{{"F", "put", nil, 1}}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.RemoveFromWatchlist(ctx, ben, row); err != nil {
		t.Fatal(err)
	}
	kept, err := m.Watchlist(ctx, ava)
	if err != nil || words(kept) != "AAPL call next ±2" {
		t.Errorf("ava's rows: %s, %v", words(kept), err)
	}
}

// Contracts are listed for three years, the exchange's calendar for less.
func TestARowMayLookAtWhateverIsListed(t *testing.T) {
	t.Parallel()
	m, db := keeper(t)
	far := exchange.TradingDay(time.Now()).AddDays(3 * 365)
	if _, err := m.AddToWatchlist(t.Context(), person(t, db, "ava"), WatchRow{"AAPL", "call", &far, 2}); err != nil {
		t.Errorf("%s: %v", far, err)
	}
}

// INV-35: a refusal changes nothing.
func TestARefusedRowLeavesTheOthersAsTheyWere(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	m, db := keeper(t)
	ava := person(t, db, "ava")
	if _, err := m.AddToWatchlist(ctx, ava, WatchRow{"SPY", "call", nil, 2}); err != nil {
		t.Fatal(err)
	}
	good := WatchRow{"AAPL", "call", nil, 2}
	many := slices.Repeat([]WatchRow{good}, WatchMax+1)
	for field, rows := range map[string][]WatchRow{
		"rows[1].underlying": {good, {"not a symbol", "call", nil, 2}},
		"rows[0].optionType": {{"AAPL", "straddle", nil, 2}},
		"rows[0].expiration": {{"AAPL", "call", day("2999-01-17"), 2}},
		"rows[0].near":       {{"AAPL", "call", nil, NearMax + 1}},
		"rows[2].underlying": {good, {"SPY", "call", nil, 1}, {"aapl", "call", nil, 9}},
		"rows":               many,
	} {
		_, err := m.SetWatchlist(ctx, ava, rows)
		var f *fault.Error
		if !errors.As(err, &f) || !strings.Contains(fmt.Sprint(f.Details), field+":") {
			t.Errorf("%s: %v", field, err)
		}
	}
	kept, err := m.Watchlist(ctx, ava)
	if err != nil || words(kept) != "SPY call next ±2" {
		t.Errorf("kept %s, %v", words(kept), err)
	}
}

func TestTabsDoNotLoseEachOthersRows(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	m, db := keeper(t)
	ava := person(t, db, "ava")
	names := []string{"AAPL", "AMD", "BA", "DIS", "F", "KO", "SPY", "TSLA"}
	var tabs sync.WaitGroup
	for _, name := range names {
		tabs.Go(func() {
			if _, err := m.AddToWatchlist(ctx, ava, WatchRow{name, "call", nil, 2}); err != nil {
				t.Error(err)
			}
		})
	}
	tabs.Wait()
	if kept, err := m.Watchlist(ctx, ava); err != nil || len(kept) != len(names) {
		t.Errorf("kept %s, %v", words(kept), err)
	}
}
