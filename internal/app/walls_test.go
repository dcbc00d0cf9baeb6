package app

import "testing"

// A small machine is not one address's, whatever is set; development is measured from one.
func TestOneAddressHasATwentiethInProduction(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		env              string
		total, set, want int
	}{
		{Production, 20_000, 200, 200}, {Production, 768, 200, 38}, {Production, 10, 200, 1}, {Development, 768, 20_000, 20_000},
	} {
		if got := shareOf(c.total, Config{Env: c.env, ConnectionsPerAddress: c.set}); got != c.want {
			t.Errorf("%s, %d in all, %d set: %d", c.env, c.total, c.set, got)
		}
	}
}
