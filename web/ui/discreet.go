package ui

import (
	"context"

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

// Discreet is a sentence, without the amounts in it where those are hidden.
func Discreet(ctx context.Context, sentence string) string {
	if Private(ctx) {
		return money.Discreet(sentence)
	}
	return sentence
}

// OwnTone is the colour of a profit or loss; of a hidden one it would tell too much.
func OwnTone(ctx context.Context, a money.Amount) string {
	if Private(ctx) {
		return "text-quiet"
	}
	return gainClass(a.Direction())
}
