package users

import (
	"strings"
	"testing"

	"github.com/alertsify/alertsify/internal/hostile"
)

// A picture is one of a provider's or none, whatever the spelling.
func TestNoHostileAddressIsAPicture(t *testing.T) {
	t.Parallel()
	addresses := hostile.Inside()
	for host := range strings.FieldsSeq(avatarHosts) {
		addresses = append(addresses, hostile.LookAlikes(host, "/a/x")...)
		if good := "https://" + host + "/a/x=s96-c?v=4"; (NewUser{AvatarURL: good}).avatar() != good {
			t.Errorf("%s is not kept", good)
		}
	}
	if len(addresses) < hostile.Least {
		t.Fatalf("only %d addresses", len(addresses))
	}
	for _, address := range addresses {
		if kept := (NewUser{AvatarURL: address}).avatar(); kept != "" {
			t.Errorf("%q is kept as %s", address, kept)
		}
	}
}
