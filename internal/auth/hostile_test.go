package auth

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/alertsify/alertsify/internal/hostile"
)

// Nobody is led away after signing in, whatever the spelling.
func TestNoHostileAddressIsAPageToReturnTo(t *testing.T) {
	t.Parallel()
	addresses := append(hostile.Inside(), hostile.LookAlikes("app.example", "/orders")...)
	if len(addresses) < hostile.Least {
		t.Fatalf("only %d addresses", len(addresses))
	}
	for _, address := range append(addresses, hostilePaths...) {
		if host := leadsTo(t, LocalPath(address)); host != "app.example" {
			t.Errorf("%q leads to %s", address, host)
		}
	}
}

// What a browser says that it comes from leads nowhere else either.
func TestNoHostileAddressIsAPageThatOneCameFrom(t *testing.T) {
	t.Parallel()
	addresses := append(hostile.Inside(), hostile.LookAlikes("app.example", "/orders")...)
	if len(addresses) < hostile.Least {
		t.Fatalf("only %d addresses", len(addresses))
	}
	for _, address := range append(addresses, hostilePaths...) {
		r := httptest.NewRequest(http.MethodPost, "https://app.example/orders", nil)
		r.Header["Referer"] = []string{address}
		if host := leadsTo(t, returnTo(r)); host != "app.example" {
			t.Errorf("%q leads to %s", address, host)
		}
	}
}
