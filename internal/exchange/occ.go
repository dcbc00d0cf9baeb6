package exchange

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// An OCC symbol has 21 characters: root (6, padded), YYMMDD, C or P, strike × 1000 (8 digits).
const (
	symbolLength = 21
	rootLength   = 6
	tailLength   = symbolLength - rootLength
)

var thousand = decimal.NewFromInt(1000)

// BuildSymbol names a contract in padded OCC form. The strike must be a whole
// number of thousandths: 7.3333 is an error, not rounded.
func BuildSymbol(underlying string, t OptionType, strike decimal.Decimal, expiration Date) (string, error) {
	root := strings.NewReplacer(".", "", "/", "", "-", "", " ", "").Replace(strings.ToUpper(underlying))
	if err := checkRoot(root); err != nil {
		return "", err
	}
	if !t.Valid() {
		return "", fmt.Errorf("option type is call or put, not %q", t)
	}
	mills := strike.Mul(thousand)
	if !mills.IsInteger() || mills.Sign() <= 0 || mills.GreaterThan(decimal.NewFromInt(99_999_999)) {
		return "", fmt.Errorf("strike %s is not between 0.001 and 99999.999 in steps of 0.001", strike)
	}
	if expiration.Year < 2000 || expiration.Year > 2099 {
		return "", fmt.Errorf("expiration %s is not a date from 2000 to 2099", expiration)
	}
	return fmt.Sprintf("%-6s%02d%02d%02d%s%08d", root,
		expiration.Year%100, int(expiration.Month), expiration.Day, t.Letter(), mills.IntPart()), nil
}

// ParseSymbol reads the padded form, the form with one space and the form with
// none: the last 15 characters are date, side and strike, the rest is the root.
// That is the only reading that survives roots ending in digits. The multiplier
// of the answer is the standard one; an adjusted root's is known only from the
// position.
func ParseSymbol(s string) (Contract, error) {
	if len(s) < tailLength+1 || len(s) > symbolLength {
		return Contract{}, fmt.Errorf("%q is not an OCC symbol of 21 characters", s)
	}
	root := strings.TrimSpace(s[:len(s)-tailLength])
	if err := checkRoot(root); err != nil {
		return Contract{}, err
	}
	tail := s[len(s)-tailLength:]
	day, err := time.Parse("060102", tail[:6])
	if err != nil {
		return Contract{}, fmt.Errorf("%q has no valid expiration", s)
	}
	expiration := dateOf(day)
	if expiration.Year < 2000 { // Go reads two-digit years from 69 on as 19xx; no option expired then
		expiration.Year += 100
	}
	t, err := typeOf(tail[6])
	if err != nil {
		return Contract{}, err
	}
	strike, err := strikeOf(tail[7:])
	if err != nil {
		return Contract{}, fmt.Errorf("%q: %w", s, err)
	}
	return Contract{
		Symbol: fmt.Sprintf("%-6s%s", root, tail), Underlying: underlyingOf(root), Type: t,
		Strike: strike, Expiration: expiration, Multiplier: StandardMultiplier,
	}, nil
}

func typeOf(letter byte) (OptionType, error) {
	switch letter {
	case 'C':
		return Call, nil
	case 'P':
		return Put, nil
	}
	return "", fmt.Errorf("option type is C or P, not %q", letter)
}

func strikeOf(digits string) (decimal.Decimal, error) {
	mills := int64(0)
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return decimal.Decimal{}, errors.New("the strike is not eight digits")
		}
		mills = mills*10 + int64(digits[i]-'0')
	}
	if mills == 0 {
		return decimal.Decimal{}, errors.New("the strike is zero")
	}
	return decimal.New(mills, -3).Truncate(3), nil
}

func checkRoot(root string) error {
	if len(root) == 0 || len(root) > rootLength {
		return fmt.Errorf("root %q is not 1 to 6 letters or digits", root)
	}
	for i := range len(root) {
		letter := root[i] >= 'A' && root[i] <= 'Z'
		digit := root[i] >= '0' && root[i] <= '9'
		if !letter && !digit {
			return fmt.Errorf("root %q is not 1 to 6 letters or digits", root)
		}
	}
	return nil
}

// Adjusted reports whether the root is of a series changed by a corporate
// action: a digit after the letters. What such a contract delivers is its own
// affair, so opening orders on it are refused.
func (c Contract) Adjusted() bool {
	root := strings.TrimSpace(c.Symbol[:rootLength])
	last := root[len(root)-1]
	return last >= '0' && last <= '9'
}

// rootUnderlyings are the roots that are not their underlying's ticker.
var rootUnderlyings = map[string]string{
	"SPXW": "SPX", "NDXP": "NDX", "RUTW": "RUT", "VIXW": "VIX", "BRKB": "BRK.B", "BFB": "BF.B",
}

func underlyingOf(root string) string {
	letters := strings.TrimRight(root, "0123456789")
	if letters == "" {
		letters = root
	}
	if underlying, known := rootUnderlyings[letters]; known {
		return underlying
	}
	return letters
}

// cashSettled are the indexes whose options pay their worth in cash; all others
// deliver shares.
var cashSettled = map[string]bool{
	"SPX": true, "NDX": true, "RUT": true, "VIX": true, "XSP": true, "XND": true, "MRUT": true, "DJX": true, "OEX": true, "XEO": true,
}

// CashSettled reports whether an exercise is paid in cash rather than in shares.
func (c Contract) CashSettled() bool { return cashSettled[c.Underlying] }
