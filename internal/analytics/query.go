package analytics

import (
	"net/url"
	"slices"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
)

// ParseFilter reads what every report is asked with: source, account, trader, from, to.
// The error names the parameter that is wrong.
func ParseFilter(q url.Values) (f Filter, err error) {
	f.Source = Source(q.Get("source"))
	if f.Source == "" {
		f.Source = All
	}
	if !slices.Contains([]Source{All, Manual, Copied}, f.Source) {
		return f, fault.Field("source", "must be all, manual or copied")
	}
	if text := q.Get("account"); text != "" {
		id, err := uuid.Parse(text)
		if err != nil || len(text) != 36 {
			return f, fault.Field("account", "must be one of your accounts")
		}
		f.Account = &id
	}
	if f.Trader = q.Get("trader"); len(f.Trader) > textMost || !postgres.Storable(f.Trader) {
		return f, fault.Field("trader", "must be somebody's username")
	}
	if f.From, err = ParseDay(q, "from"); err != nil {
		return f, err
	}
	if f.To, err = ParseDay(q, "to"); err != nil {
		return f, err
	}
	return f, f.check()
}

// Days that are asked for lie in these years; no broker of ours has older trades.
const firstYear, lastYear = 1970, 2199

// ParseDay reads a parameter that is a trading day; nil when it is absent.
func ParseDay(q url.Values, name string) (*exchange.Date, error) {
	text := q.Get(name)
	if text == "" {
		return nil, nil
	}
	day, err := exchange.ParseDate(text)
	if err != nil || day.Year < firstYear || day.Year > lastYear {
		return nil, fault.Field(name, "must be a date like 2027-01-15")
	}
	return &day, nil
}

// Narrow is the filter with trade_type, the first product's word for a list's source.
func (f Filter) Narrow(tradeType string) (Filter, error) {
	switch t := Source(tradeType); {
	case t == "":
		return f, nil
	case t != Manual && t != Copied:
		return f, fault.Field("trade_type", "must be manual or copied")
	case f.Source != "" && f.Source != All && f.Source != t:
		return f, fault.Field("trade_type", "must not contradict source")
	default:
		f.Source = t
		return f, nil
	}
}

// ParseRange reads how far back a curve goes; "" is all.
func ParseRange(word string) (Range, error) {
	if word == "" || word == "all" {
		return "all", nil
	}
	if _, known := rangeDays[Range(word)]; !known {
		return "", fault.Field("range", "must be 1w, 1m, 3m, 6m, 1y or all")
	}
	return Range(word), nil
}
