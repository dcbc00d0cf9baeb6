package webpush

import (
	"errors"
	"strings"
	"testing"

	"github.com/alertsify/alertsify/internal/hostile"
)

// Only a browser's push service has endpoints, whatever the spelling.
func TestNoHostileAddressIsAnEndpoint(t *testing.T) {
	t.Parallel()
	addresses := hostile.Inside()
	for _, host := range pushHosts() {
		addresses = append(addresses, hostile.LookAlikes(strings.TrimPrefix(host, "."), "/x")...)
	}
	if len(addresses) < hostile.Least {
		t.Fatalf("only %d addresses", len(addresses))
	}
	for _, address := range addresses {
		if err := AllowedEndpoint(address, nil); !errors.Is(err, ErrSubscription) {
			t.Errorf("%q is taken: %v", address, err)
		}
	}
}
