package auth

import (
	"testing"

	"github.com/alertsify/alertsify/internal/hostile"
)

// Nobody is led away after signing in, whatever the spelling.
func TestNoHostileAddressIsAPageToReturnTo(t *testing.T) {
	t.Parallel()
	addresses := append(hostile.Inside(), hostile.LookAlikes("app.example", "/orders")...)
	if len(addresses) < 450 {
		t.Fatalf("only %d addresses", len(addresses))
	}
	for _, address := range append(addresses, hostilePaths...) {
		if host := leadsTo(t, LocalPath(address)); host != "app.example" {
			t.Errorf("%q leads to %s", address, host)
		}
	}
}
