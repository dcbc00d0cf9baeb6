package users

import (
	"slices"
	"testing"

	"github.com/alertsify/alertsify/internal/hostile"
)

// A picture is one of a provider's or none, whatever the spelling.
func TestNoHostileAddressIsAPicture(t *testing.T) {
	t.Parallel()
	addresses := hostile.Inside()
	for host := range slices.Values(pictureHosts()) {
		addresses = append(addresses, hostile.LookAlikes(host, "/a/x")...)
		if good := "https://" + host + "/a/x=s96-c?v=4"; picture(good) != good {
			t.Errorf("%s is not kept", good)
		}
	}
	if len(addresses) < hostile.Least {
		t.Fatalf("only %d addresses", len(addresses))
	}
	for _, address := range addresses {
		if kept := picture(address); kept != "" {
			t.Errorf("%q is kept as %s", address, kept)
		}
	}
}
