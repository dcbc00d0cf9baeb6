package exchange

import (
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"github.com/alertsify/alertsify/internal/money"
)

func TestSymbolsAreBuiltPadded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		root   string
		day    string
		t      OptionType
		strike string
		want   string
	}{
		{"AAPL", "2026-12-18", Call, "240", "AAPL  261218C00240000"},
		{"F", "2026-10-16", Put, "12.5", "F     261016P00012500"},
		{"BRK.B", "2026-12-18", Call, "412.50", "BRKB  261218C00412500"},
		{"XYZ", "2026-12-18", Call, "0.001", "XYZ   261218C00000001"},
		{"xyz", "2026-12-18", Call, "99999.999", "XYZ   261218C99999999"},
	} {
		got, err := BuildSymbol(c.root, c.t, decimal.RequireFromString(c.strike), MustDate(c.day))
		if err != nil || got != c.want {
			t.Errorf("%s: got %q, %v; want %q", c.root, got, err, c.want)
		}
	}
}

func TestUnbuildableSymbolsAreRefused(t *testing.T) {
	t.Parallel()
	day := MustDate("2026-12-18")
	for _, c := range []struct{ root, strike string }{
		{"", "1"}, {"TOOLONGX", "1"}, {"A_B", "1"}, {"AAPL", "0"}, {"AAPL", "-1"}, {"AAPL", "7.3333"}, {"AAPL", "100000"},
	} {
		if got, err := BuildSymbol(c.root, Call, decimal.RequireFromString(c.strike), day); err == nil {
			t.Errorf("%q at %s gave %q", c.root, c.strike, got)
		}
	}
}

func TestSymbolsAreReadInEveryForm(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"AAPL  261218C00240000": "AAPL", "SPY 220819P00200000": "SPY", "AAPL1261218C00240000": "AAPL1",
		"GOOGL1261218C00180000": "GOOGL1", "SPXW  260925P05000000": "SPXW", "AAPL1 261218P00002125": "AAPL1",
	} {
		c, err := ParseSymbol(in)
		if err != nil || len(c.Symbol) != 21 || c.Symbol[:len(want)] != want {
			t.Errorf("%s: got %q, %v", in, c.Symbol, err)
		}
	}
	if c, _ := ParseSymbol("AAPL1 261218P00002125"); !c.Adjusted() || c.Underlying != "AAPL" {
		t.Errorf("AAPL1 is an adjusted series of AAPL, got %+v", c)
	}
	if c, _ := ParseSymbol("SPXW  260925P05000000"); c.Underlying != "SPX" || c.Adjusted() {
		t.Errorf("SPXW is an ordinary root of SPX, got %+v", c)
	}
	for _, bad := range []string{"", "AAPL", "AAPL  261318C00240000", "AAPL  261218X00240000", "AAPL  261218C0024000A", "AAPL  261218C00000000", "aapl  261218C00240000"} {
		if c, err := ParseSymbol(bad); err == nil {
			t.Errorf("%q gave %+v", bad, c)
		}
	}
}

func TestBuildAndParseAreInverse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		root := rapid.StringMatching(`[A-Z][A-Z]{0,4}`).Draw(t, "root")
		strike := decimal.New(rapid.Int64Range(1, 99_999_999).Draw(t, "mills"), -3)
		day := MustDate("2025-01-01").AddDays(rapid.IntRange(0, 20000).Draw(t, "day"))
		kind := rapid.SampledFrom([]OptionType{Call, Put}).Draw(t, "type")
		symbol, err := BuildSymbol(root, kind, strike, day)
		if err != nil {
			t.Fatal(err)
		}
		c, err := ParseSymbol(symbol)
		if err != nil || c.Symbol != symbol || !c.Strike.Equal(strike) || c.Expiration != day || c.Type != kind {
			t.Fatalf("%s read back as %+v, %v", symbol, c, err)
		}
	})
}

func FuzzParseSymbol(f *testing.F) {
	f.Add("AAPL  261218C00240000")
	f.Add("SPY 220819P00200000")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseSymbol(s)
		if err != nil {
			return
		}
		if again, err := ParseSymbol(c.Symbol); err != nil || again.Symbol != c.Symbol || len(c.Symbol) != 21 {
			t.Fatalf("%q → %q → %q, %v", s, c.Symbol, again.Symbol, err)
		}
	})
}

func TestTicks(t *testing.T) {
	t.Parallel()
	contract := func(root string) Contract { return Contract{Underlying: root} }
	for _, c := range []struct{ root, price, down, up string }{
		{"AAPL", "2.991", "2.99", "3.00"}, {"AAPL", "3.50", "3.50", "3.50"}, {"AAPL", "3.52", "3.50", "3.55"},
		{"SPY", "3.52", "3.52", "3.52"}, {"SPX", "2.52", "2.50", "2.55"}, {"SPX", "3.52", "3.50", "3.60"},
	} {
		p := money.MustPrice(c.price)
		down, up := contract(c.root).RoundDown(p), contract(c.root).RoundUp(p)
		if down.String() != c.down || up.String() != c.up {
			t.Errorf("%s %s: down %s up %s", c.root, c.price, down, up)
		}
		if !contract(c.root).OnTick(up) || !contract(c.root).OnTick(down) {
			t.Errorf("%s %s: rounded off the tick", c.root, c.price)
		}
	}
}

func TestSessions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		day, underlying, close string
		open                   bool
	}{
		{"2026-11-20", "AAPL", "21:00", true}, {"2026-11-20", "SPY", "21:15", true},
		{"2026-07-01", "AAPL", "20:00", true}, // daylight saving
		{"2026-11-27", "AAPL", "18:00", true}, {"2026-11-27", "SPX", "18:15", true},
		{"2026-11-26", "AAPL", "", false}, {"2026-11-21", "AAPL", "", false}, {"2029-01-03", "AAPL", "", false},
	} {
		s, ok := SessionOf(MustDate(c.day), c.underlying)
		if ok != c.open || (ok && s.Close.UTC().Format("15:04") != c.close) {
			t.Errorf("%s %s: %v %v", c.day, c.underlying, ok, s.Close.UTC())
		}
	}
}

func TestTheTradingDayIsNewYorks(t *testing.T) {
	t.Parallel()
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for in, want := range map[string]string{
		"2026-11-21T00:30:00Z":      "2026-11-20", // 19:30 New York
		"2026-11-21T09:30:00+09:00": "2026-11-20",
		"2026-03-08T06:59:00Z":      "2026-03-08",
	} {
		if got := TradingDay(at(in)).String(); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestAClockThatIsTurned(t *testing.T) {
	t.Parallel()
	saturday := MustDate("2026-11-21").At(12, 0)
	c := NewClock(func() time.Time { return saturday })
	if c.Open("AAPL") {
		t.Error("open on a Saturday")
	}
	if next, ok := c.NextOpen("AAPL"); !ok || !next.Equal(MustDate("2026-11-23").At(9, 30)) {
		t.Errorf("next open %v", next)
	}
	c.Set(ClockState{AlwaysOpen: true})
	if !c.Open("AAPL") {
		t.Error("closed although always open")
	}
	c.Set(ClockState{Offset: 48 * time.Hour})
	if !c.Open("AAPL") || c.Today() != MustDate("2026-11-23") {
		t.Errorf("turned to Monday noon: open %v on %s", c.Open("AAPL"), c.Today())
	}
}

func TestMonthlyExpirations(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		after string
		days  int
		want  string
	}{
		{"2026-11-28", 30, "2027-01-15"},
		{"2026-12-16", 30, "2027-01-15"}, // exactly 30 days
		{"2026-12-17", 30, "2027-02-19"},
		{"2026-01-31", 0, "2026-02-20"},
		{"2026-05-20", 0, "2026-06-18"}, // Juneteenth is a Friday
	} {
		if got := Monthly(MustDate(c.after), c.days); got.String() != c.want {
			t.Errorf("%d days after %s: %s, want %s", c.days, c.after, got, c.want)
		}
	}
}

func FuzzParseDate(f *testing.F) {
	f.Add("2027-01-15")
	f.Add("2027-02-30")
	f.Add("0000-00-00")
	f.Add("２０２７-01-15")
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDate(s)
		if err != nil {
			return
		}
		if d.String() != s {
			t.Fatalf("%q is %s", s, d)
		}
		_, _, _ = Known(d), d.Display(), d.AddDays(1)
	})
}
