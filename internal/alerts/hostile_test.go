package alerts

import (
	"strings"
	"testing"

	"github.com/alertsify/alertsify/internal/hostile"
)

// No message leads away from us, whatever address stands in its row: not by way of what
// browsers drop or take for a slash.
func TestNoHostileAddressIsThePageOfAMessage(t *testing.T) {
	t.Parallel()
	addresses := append(hostile.Inside(), hostile.LookAlikes("app.example", "/orders")...)
	if len(addresses) < hostile.Least {
		t.Fatalf("only %d addresses", len(addresses))
	}
	for _, address := range addresses {
		path := localPath(address)
		seen := strings.NewReplacer("\t", "", "\n", "", "\r", "", "\\", "/").Replace(path)
		if !strings.HasPrefix(seen, "/") || strings.HasPrefix(seen, "//") {
			t.Errorf("%q leads to %q", address, path)
		}
	}
	if localPath("/positions/1?a=b") != "/positions/1?a=b" {
		t.Error("a page of ours is not led to")
	}
}
