package sandbox

import (
	"slices"
	"strings"
	"time"
)

// underlying is one stock, fund or index of the simulated market. Its strikes
// are laid out around Start and do not move with the price.
type underlying struct {
	Symbol string
	Name   string
	Start  float64 // price at the start, dollars
	Vol    float64 // yearly volatility, 0.3 = 30 %
	Kind   string  // stock, etf, index
	Daily  bool    // options expire on every trading day of the next two weeks
}

func listedUnderlyings() []underlying {
	return []underlying{
		{"AAPL", "Apple Inc.", 192, 0.26, "stock", false},
		{"AMD", "Advanced Micro Devices, Inc.", 142, 0.45, "stock", false},
		{"AMZN", "Amazon.com, Inc.", 214, 0.32, "stock", false},
		{"BA", "The Boeing Company", 178, 0.36, "stock", false},
		{"BAC", "Bank of America Corporation", 41, 0.27, "stock", false},
		{"BRK.B", "Berkshire Hathaway Inc. Class B", 462, 0.17, "stock", false},
		{"COIN", "Coinbase Global, Inc.", 246, 0.68, "stock", false},
		{"DIS", "The Walt Disney Company", 97, 0.28, "stock", false},
		{"F", "Ford Motor Company", 11.8, 0.34, "stock", false},
		{"GOOGL", "Alphabet Inc. Class A", 176, 0.30, "stock", false},
		{"INTC", "Intel Corporation", 24, 0.48, "stock", false},
		{"IWM", "iShares Russell 2000 ETF", 221, 0.21, "etf", true},
		{"JPM", "JPMorgan Chase & Co.", 233, 0.23, "stock", false},
		{"KO", "The Coca-Cola Company", 66, 0.16, "stock", false},
		{"META", "Meta Platforms, Inc.", 585, 0.34, "stock", false},
		{"MSFT", "Microsoft Corporation", 432, 0.23, "stock", false},
		{"NFLX", "Netflix, Inc.", 760, 0.35, "stock", false},
		{"NVDA", "NVIDIA Corporation", 138, 0.44, "stock", false},
		{"PLTR", "Palantir Technologies Inc.", 64, 0.60, "stock", false},
		{"PYPL", "PayPal Holdings, Inc.", 82, 0.37, "stock", false},
		{"QQQ", "Invesco QQQ Trust", 508, 0.19, "etf", true},
		{"SOFI", "SoFi Technologies, Inc.", 14.6, 0.58, "stock", false},
		{"SPX", "S&P 500 Index", 5920, 0.14, "index", true},
		{"SPY", "SPDR S&P 500 ETF Trust", 592, 0.15, "etf", true},
		{"TSLA", "Tesla, Inc.", 252, 0.55, "stock", false},
		{"XOM", "Exxon Mobil Corporation", 119, 0.23, "stock", false},
	}
}

// strikeStep is the distance between neighbouring strikes, thousandths of a dollar.
func (u underlying) strikeStep() int64 {
	switch {
	case u.Start < 25:
		return 500
	case u.Start < 100:
		return 1000
	case u.Start < 250:
		return 2500
	case u.Start < 1000:
		return 5000
	default:
		return 25000
	}
}

// strikes are listed from 40 % to twice the starting price.
func (u underlying) strikes() []int64 {
	step := u.strikeStep()
	low, high := u.strikeBounds()
	list := make([]int64, 0, (high-low)/step+1)
	for strike := low; strike <= high; strike += step {
		list = append(list, strike)
	}
	return list
}

func (u underlying) strikeBounds() (low, high int64) {
	step := u.strikeStep()
	low = max(step, int64(u.Start*400)/step*step)
	return low, int64(u.Start*2000) / step * step
}

// expirations listed on a day: the Fridays of eight weeks, the monthlies of a
// year, the Januaries of three years (LEAPS), and for daily underlyings every
// trading day of two weeks. A holiday moves an expiration to the day before.
func (u underlying) expirations(today civilDate) []civilDate {
	var list []civilDate
	for day := today; day.before(today.add(57)); day = day.add(1) {
		friday := day.utc().Weekday() == time.Friday
		if friday || (u.Daily && day.before(today.add(14)) && isTradingDay(day)) {
			list = append(list, lastTradingDay(day))
		}
	}
	for month := range 13 {
		first := time.Date(today.Year, today.Month+time.Month(month), 1, 0, 0, 0, 0, time.UTC)
		list = append(list, monthly(first.Year(), first.Month()))
	}
	for year := 1; year <= 3; year++ {
		list = append(list, monthly(today.Year+year, time.January))
	}
	list = slices.DeleteFunc(list, func(d civilDate) bool { return d.before(today) })
	slices.SortFunc(list, func(a, b civilDate) int { return a.utc().Compare(b.utc()) })
	return slices.Compact(list)
}

func lastTradingDay(day civilDate) civilDate {
	for !isTradingDay(day) {
		day = day.add(-1)
	}
	return day
}

func monthly(year int, month time.Month) civilDate {
	return lastTradingDay(nthWeekday(year, month, time.Friday, 3))
}

// root is the option root of an expiration: SPX's weeklies trade under SPXW.
func (u underlying) root(expiration civilDate) string {
	if u.Symbol == "SPX" && monthly(expiration.Year, expiration.Month) != expiration {
		return "SPXW"
	}
	return strings.ReplaceAll(u.Symbol, ".", "")
}

// lists reports whether the contract stands on the exchange's list, given the
// expirations listed today.
func (u underlying) lists(c contract, expirations []civilDate) bool {
	low, high := u.strikeBounds()
	if c.Strike < low || c.Strike > high || c.Strike%u.strikeStep() != 0 {
		return false
	}
	return c.Root == u.root(c.Expiration) && slices.Contains(expirations, c.Expiration)
}
