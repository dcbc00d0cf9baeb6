package httpio

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestTheClientAddressComesOnlyFromOurProxies(t *testing.T) {
	t.Parallel()
	trusted, err := ParseProxies("10.0.0.0/8, 192.0.2.7 ,2001:db8::/32")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"no proxy", "203.0.113.5:4000", nil, "203.0.113.5"},
		{"a stranger's header", "203.0.113.5:4000", []string{"1.2.3.4"}, "203.0.113.5"},
		{"one proxy", "10.1.1.1:4000", []string{"203.0.113.5"}, "203.0.113.5"},
		{"the client lies to our proxy", "10.1.1.1:4000", []string{"1.2.3.4, 203.0.113.5"}, "203.0.113.5"},
		{"two proxies", "10.1.1.1:4000", []string{"203.0.113.5, 192.0.2.7"}, "203.0.113.5"},
		{"two header lines", "10.1.1.1:4000", []string{"1.2.3.4", "203.0.113.5"}, "203.0.113.5"},
		{"garbage", "10.1.1.1:4000", []string{"203.0.113.5, nonsense"}, "10.1.1.1"},
		{"no header from the proxy", "10.1.1.1:4000", nil, "10.1.1.1"},
		{"all ours", "10.1.1.1:4000", []string{"10.2.2.2"}, "10.2.2.2"},
		{"IPv4 in IPv6", "[::ffff:10.1.1.1]:4000", []string{"::ffff:203.0.113.5"}, "203.0.113.5"},
		{"IPv6", "[2001:db8::1]:4000", []string{"2001:470::9"}, "2001:470::9"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.peer
		for _, line := range c.forwarded {
			r.Header.Add("X-Forwarded-For", line)
		}
		if got := clientAddress(r, trusted); got.String() != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestAForgottenProxyIsSaidOnce(t *testing.T) {
	t.Parallel()
	for peer, lines := range map[string]int{"10.9.9.9:1": 1, "10.1.1.1:1": 0, "203.0.113.5:1": 0} {
		var log bytes.Buffer
		h := withAddress([]netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}, slog.New(slog.NewTextHandler(&log, nil)))(http.NotFoundHandler())
		for range 3 {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = peer
			r.Header.Set("X-Forwarded-For", "203.0.113.7")
			h.ServeHTTP(httptest.NewRecorder(), r)
		}
		if n := strings.Count(log.String(), "TRUSTED_PROXIES"); n != lines {
			t.Errorf("%s: %d lines: %s", peer, n, log.String())
		}
	}
}

func TestParseProxiesNamesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	if list, err := ParseProxies(" , "); err != nil || len(list) != 0 {
		t.Errorf("an empty list = %v, %v", list, err)
	}
	for _, bad := range []string{"proxy.example", "10.0.0.0/33", "10.0.0"} {
		if _, err := ParseProxies(bad); err == nil {
			t.Errorf("%q was read as a proxy", bad)
		}
	}
}

func TestAddressesAreKeptShort(t *testing.T) {
	t.Parallel()
	v4, v6 := netip.MustParseAddr("203.0.113.77"), netip.MustParseAddr("2001:db8:1:2:3:4:5:6")
	for _, c := range [][2]string{
		{AddressPrefix(v4), "203.0.113.0/24"}, {AddressPrefix(v6), "2001:db8:1::/48"},
		{AddressKey(v4), "203.0.113.77"}, {AddressKey(v6), "2001:db8:1:2::/64"},
		{AddressPrefix(netip.Addr{}), ""},
	} {
		if c[0] != c[1] {
			t.Errorf("got %q, want %q", c[0], c[1])
		}
	}
}
