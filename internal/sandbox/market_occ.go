package sandbox

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// contract is one listed option, as the simulated exchange knows it.
type contract struct {
	Root       string
	Underlying string
	Expiration civilDate
	Call       bool
	Strike     int64 // thousandths of a dollar
}

// civilDate is a calendar date without a zone.
type civilDate struct {
	Year  int
	Month time.Month
	Day   int
}

func dateOf(t time.Time) civilDate {
	year, month, day := t.Date()
	return civilDate{year, month, day}
}

// utc is midnight UTC of the date, for calendar arithmetic only.
func (d civilDate) utc() time.Time { return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC) }

func (d civilDate) add(days int) civilDate { return dateOf(d.utc().AddDate(0, 0, days)) }

func (d civilDate) before(o civilDate) bool { return d.utc().Before(o.utc()) }

// String prints 2027-01-15.
func (d civilDate) String() string { return d.utc().Format(time.DateOnly) }

// underlyingOfRoot names the roots that differ from their underlying.
func underlyingOfRoot(root string) string {
	switch root {
	case "SPXW":
		return "SPX"
	case "BRKB":
		return "BRK.B"
	default:
		return root
	}
}

// parseOCC reads an option symbol, padded, single-spaced or unpadded: the last
// 15 characters are date, side and strike, what is before them is the root.
func parseOCC(symbol string) (contract, error) {
	if len(symbol) < 16 || len(symbol) > 21 {
		return contract{}, fmt.Errorf("option symbol %q has a wrong length", symbol)
	}
	tail := symbol[len(symbol)-15:]
	root := strings.TrimRight(symbol[:len(symbol)-15], " ")
	date, err := time.Parse("060102", tail[:6])
	if err != nil || root == "" || strings.ContainsAny(root, " .") {
		return contract{}, fmt.Errorf("option symbol %q has no valid root and date", symbol)
	}
	strike, err := strconv.ParseUint(tail[7:], 10, 32)
	if err != nil || strike == 0 || (tail[6] != 'C' && tail[6] != 'P') {
		return contract{}, fmt.Errorf("option symbol %q has no valid side and strike", symbol)
	}
	return contract{
		Root: root, Underlying: underlyingOfRoot(root), Expiration: dateOf(date),
		Call: tail[6] == 'C', Strike: int64(strike),
	}, nil
}

// compact is the unpadded symbol Alpaca uses.
func (c contract) compact() string {
	side := "P"
	if c.Call {
		side = "C"
	}
	return fmt.Sprintf("%s%s%s%08d", c.Root, c.Expiration.utc().Format("060102"), side, c.Strike)
}

// padded is the 21-character symbol SnapTrade uses.
func (c contract) padded() string {
	text := c.compact()
	return fmt.Sprintf("%-6s%s", c.Root, text[len(c.Root):])
}

func (c contract) strikeDollars() float64 { return float64(c.Strike) / 1000 }

// strikeText prints 240 or 12.5.
func (c contract) strikeText() string { return strconv.FormatFloat(c.strikeDollars(), 'f', -1, 64) }

func (c contract) optionType() string {
	if c.Call {
		return "CALL"
	}
	return "PUT"
}
