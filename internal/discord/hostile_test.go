package discord

import (
	"testing"

	"github.com/alertsify/alertsify/internal/hostile"
)

// Only Discord's own hosts have webhooks of Discord, whatever the spelling.
func TestNoHostileAddressIsAWebhook(t *testing.T) {
	t.Parallel()
	path := "/api/webhooks/" + testID + "/" + testToken
	addresses := hostile.Inside()
	for _, host := range []string{"discord.com", "discordapp.com"} {
		addresses = append(addresses, hostile.LookAlikes(host, path)...)
	}
	if len(addresses) < hostile.Least {
		t.Fatalf("only %d addresses", len(addresses))
	}
	for _, address := range addresses {
		if w, err := ParseWebhookURL(address); err == nil {
			t.Errorf("%q is taken as %s", address, w)
		}
	}
}
