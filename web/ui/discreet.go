package ui

import (
	"context"
	"regexp"
	"strings"

	"github.com/alertsify/alertsify/internal/money"
)

// Hidden stands where the eye in the header hides an amount. The amount itself is not in
// the page then: not in its text, its titles or what screen readers say.
const Hidden = money.Hidden

// Private tells whether whoever looks hides amounts.
func Private(ctx context.Context) bool { return viewer(ctx).Private }

// Own is an amount or a quantity of somebody's own, or that it is hidden.
func Own(ctx context.Context, text string) string {
	if Private(ctx) {
		return Hidden
	}
	return text
}

// Discreet is a sentence, without the amounts and the quantities in it where those are hidden.
func Discreet(ctx context.Context, sentence string) string {
	if !Private(ctx) {
		return sentence
	}
	sentence = tradedCount.ReplaceAllString(money.Discreet(sentence), "$1 "+Hidden)
	sentence = filledPart.ReplaceAllString(sentence, "partly filled")
	return contractCount.ReplaceAllStringFunc(sentence, func(said string) string {
		if len(said) > len(limitWords) && strings.EqualFold(said[:len(limitWords)], limitWords) {
			return said
		}
		return Hidden + said[strings.LastIndexByte(said, ' '):]
	})
}

// How sentences say quantities: "Sold 5 AAPL", "3/5 filled", "2 contracts left this account".
// "At most 10 contracts" is a limit, which whoever is refused by it must read.
var (
	tradedCount   = regexp.MustCompile(`(?i)\b(bought|sold|hold) \d[\d,]*\b`)
	filledPart    = regexp.MustCompile(`\b\d+/\d+ filled\b`)
	contractCount = regexp.MustCompile(`(?i)(?:` + limitWords + `)?\b\d[\d,]* contracts?\b`)
)

const limitWords = "at most "

// OwnTone is the colour of a profit or loss; of a hidden one it would tell too much.
func OwnTone(ctx context.Context, a money.Amount) string {
	if Private(ctx) {
		return "text-quiet"
	}
	return gainClass(a.Direction())
}
