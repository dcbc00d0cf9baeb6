package webhook

import (
	"testing"

	"github.com/alertsify/alertsify/internal/hostile"
)

// Nobody's own webhook lies inside, whatever the spelling.
func TestNoHostileAddressIsTaken(t *testing.T) {
	t.Parallel()
	c := New(Options{})
	addresses := hostile.Inside()
	if len(addresses) < hostile.Least {
		t.Fatalf("only %d addresses", len(addresses))
	}
	for _, address := range addresses {
		if u, err := c.ParseURL(address); err == nil {
			t.Errorf("%q is taken as %s", address, u)
		}
	}
}
