package hostile

import (
	"slices"
	"testing"
)

// The tests of every place that takes an address rely on both.
func TestThereAreEnoughAndNoneTwice(t *testing.T) {
	t.Parallel()
	inside := Inside()
	if len(inside) < Least {
		t.Errorf("only %d addresses", len(inside))
	}
	for name, list := range map[string][]string{"inside": inside, "look-alikes": LookAlikes("discord.com", "/api/webhooks/1/a")} {
		slices.Sort(list)
		if n := len(slices.Compact(slices.Clone(list))); n != len(list) {
			t.Errorf("%s: %d addresses, and only %d different ones", name, len(list), n)
		}
	}
}
