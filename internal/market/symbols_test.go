package market

import (
	"strings"
	"testing"
)

func TestSymbolsAreFoundByTickerThenByName(t *testing.T) {
	t.Parallel()
	all := []Symbol{{"AA", "Alcoa"}, {"AAPL", "Apple Inc."}, {"APLE", "Apple Hospitality"}, {"PINE", "Alpine Income"}, {"X", "Pineapple Energy"}}
	for query, want := range map[string]string{
		"AA": "AA,AAPL", "APPLE": "AAPL,APLE", "ALP": "PINE", "INC": "AAPL,PINE", "ZZ": "", "APLE": "APLE",
	} {
		var got []string
		for _, s := range search(all, query) {
			got = append(got, s.Symbol)
		}
		if strings.Join(got, ",") != want {
			t.Errorf("%s finds %v, want %s", query, got, want)
		}
	}
}

// An index is no asset, yet it has options.
func TestATickerWithOptionsIsFoundThoughItIsNoAsset(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	if got, err := s.market.Symbols(s.ctx, "spx"); err != nil || len(got) != 1 || got[0].Symbol != "SPX" {
		t.Errorf("%v, %v", got, err)
	}
	for _, query := range []string{"", "ZZZZ", "no such thing"} {
		if got, err := s.market.Symbols(s.ctx, query); err != nil || got == nil || len(got) != 0 {
			t.Errorf("%q: %v, %v", query, got, err)
		}
	}
}

func TestAnUnderlyingIsFoundByItsName(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for query, want := range map[string]string{"apple": "AAPL", "s&p": "SPY?", "boeing": "BA", "brk.b": "BRK.B"} {
		got, err := s.market.Symbols(s.ctx, query)
		if err != nil {
			t.Fatal(err)
		}
		found := ""
		if len(got) > 0 {
			found = got[0].Symbol
		}
		if found != strings.TrimSuffix(want, "?") && !strings.HasSuffix(want, "?") {
			t.Errorf("%s finds %v, want %s first", query, got, want)
		}
	}
	if s.calls.of("/v2/assets") != 1 {
		t.Errorf("the list was read %d times, want once", s.calls.of("/v2/assets"))
	}
}

// A contract's root leads to its underlying, so that SPXW orders find their listing.
func TestARootIsItsUnderlying(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{"spxw": "SPX", "BRKB": "BRK.B", "brk/b": "BRK.B", "BRK-B": "BRK.B", "aapl ": "AAPL", "V": "V"} {
		if got, err := ticker(given); err != nil || got != want {
			t.Errorf("%q is %q, %v; want %q", given, got, err, want)
		}
	}
	for _, given := range []string{"", "1A", "A B", "TOOLONG", "A.BCD", "é"} {
		if got, err := ticker(given); err == nil {
			t.Errorf("%q was taken as %q", given, got)
		}
	}
}
