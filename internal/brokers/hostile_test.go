package brokers

import (
	"net/url"
	"testing"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/hostile"
)

// The broker's portal leads nobody away from us, whatever the spelling: what is no page
// of ours is refused at its field, and what is taken is one.
func TestNoHostileAddressIsAPageToReturnTo(t *testing.T) {
	t.Parallel()
	app, err := url.Parse("https://app.example")
	if err != nil {
		t.Fatal(err)
	}
	a := &Accounts{appURL: app}
	addresses := append(hostile.Inside(), hostile.LookAlikes("app.example", "/settings")...)
	if len(addresses) < hostile.Least {
		t.Fatalf("only %d addresses", len(addresses))
	}
	refused := 0
	for _, address := range addresses {
		to, err := a.backTo(address)
		if err != nil {
			if fault.CodeOf(err) != "validation_failed" || fault.Of(err).Details["fields"] == nil {
				t.Errorf("%q: %v", address, err)
			}
			refused++
			continue
		}
		if u, err := url.Parse(to); err != nil || u.Scheme != "https" || u.Host != "app.example" || u.User != nil {
			t.Errorf("%q leads to %q", address, to)
		}
	}
	if refused < hostile.Least {
		t.Errorf("only %d of %d were refused", refused, len(addresses))
	}
}
