package sandbox

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/alpacahq/alpaca-trade-api-go/v3/marketdata"
)

// A past day has its bars within its session, the same whenever one asks and wherever
// prices went since; a day without trading has none, and the last bar ends at the
// last price.
func TestThePastOfAContractStays(t *testing.T) {
	t.Parallel()
	w := openWorld(t, withAlpacaKey)
	w.must(http.MethodPost, "/_sandbox/clock", `{"now":"2026-11-18T16:02:00Z"}`, nil) // a Wednesday, 11:02 in New York
	w.must(http.MethodPost, "/_sandbox/market", `{"symbol":"`+testOption+`","bid":"3.40","ask":"3.50","last":"3.45","frozen":true}`, nil)
	bars := func(frame marketdata.TimeFrame, from, to string) []marketdata.OptionBar {
		request := marketdata.GetOptionBarsRequest{TimeFrame: frame, Start: instant(t, from), PageLimit: 17}
		if to != "" {
			request.End = instant(t, to)
		}
		list, err := w.alpacaData().GetOptionBars(compactOption, request)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	five := marketdata.NewTimeFrame(5, marketdata.Min)
	yesterday := bars(five, "2026-11-17T05:00:00Z", "2026-11-18T04:59:59Z")
	if n := len(yesterday); n < 50 || n > 78 {
		t.Fatalf("%d bars of five minutes in a session of 78", n)
	}
	opens, closes := instant(t, "2026-11-17T14:30:00Z"), instant(t, "2026-11-17T21:00:00Z")
	for i, b := range yesterday {
		if b.Timestamp.Before(opens) || !b.Timestamp.Before(closes) || b.Low <= 0 || b.Low > min(b.Open, b.Close) || b.High < max(b.Open, b.Close) {
			t.Fatalf("bar %+v", b)
		}
		if i > 0 && !b.Timestamp.After(yesterday[i-1].Timestamp) {
			t.Fatalf("%s follows %s", b.Timestamp, yesterday[i-1].Timestamp)
		}
	}
	for range 50 {
		w.market.step(time.Minute)
	}
	if again := bars(five, "2026-11-17T05:00:00Z", "2026-11-18T04:59:59Z"); !slices.Equal(again, yesterday) {
		t.Error("the past changed")
	}
	if days := bars(marketdata.OneDay, "2026-11-13T05:00:00Z", "2026-11-18T04:59:59Z"); len(days) != 3 {
		t.Errorf("from Friday to Tuesday: %+v", days)
	}
	if weekend := bars(five, "2026-11-14T05:00:00Z", "2026-11-16T04:59:59Z"); len(weekend) != 0 {
		t.Errorf("a weekend with %d bars", len(weekend))
	}
	today := bars(five, "2026-11-18T05:00:00Z", "")
	if n := len(today); n == 0 || today[n-1].Close != 3.45 || !today[n-1].Timestamp.Equal(instant(t, "2026-11-18T16:00:00Z")) {
		t.Errorf("the last of %d bars: %+v", n, today[max(n-1, 0):])
	}
}

func instant(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}
