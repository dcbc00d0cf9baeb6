package ui

import (
	"context"
	"regexp"

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
	sentence = leftCount.ReplaceAllString(sentence, Hidden+"$1")
	return heldCount.ReplaceAllStringFunc(sentence, func(said string) string {
		parts := heldCount.FindStringSubmatch(said)
		if parts[1] != "" { // a limit
			return said
		}
		return Hidden + " " + unitOf(parts[2])
	})
}

// unitOf is always of many: "contract" would say that there is one.
func unitOf(word string) string {
	if word == "contract" {
		return "contracts"
	}
	return word
}

// How sentences say quantities: "Sold 5 AAPL", "STC 5 AAPL … @ 3.50", "Paper: 5 AAPL expired";
// "3/5 filled"; "5 AAPL … left your account"; "2 contracts left this account", "You hold 5, 3 of
// them copied". "At most 10 contracts" is a limit, which whoever is refused by it must read.
// The page's script has the same.
var (
	tradedCount = regexp.MustCompile(`(?i)\b(bought|sold|hold|BTO|STC|Paper:) \d[\d,]*\b`)
	filledPart  = regexp.MustCompile(`\b\d+/\d+ filled\b`)
	leftCount   = regexp.MustCompile(`^\d[\d,]*( .+ left your account)\b`)
	heldCount   = regexp.MustCompile(`(?i)(at most )?\b\d[\d,]* (contracts?|shares|copied|of them)\b`)
)

// OwnTone is the colour of a profit or loss; of a hidden one it would tell too much.
func OwnTone(ctx context.Context, a money.Amount) string {
	if Private(ctx) {
		return "text-quiet"
	}
	return gainClass(a.Direction())
}
