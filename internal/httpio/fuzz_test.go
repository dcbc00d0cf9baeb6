package httpio

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/alertsify/alertsify/internal/fault"
)

// Whatever comes as ?cursor= and ?limit=: a place in the list that is written as it was
// read, a number within its bounds, or 422 with the field's name.
func FuzzParams(f *testing.F) {
	f.Add(Cursor{}.String(), "50")
	f.Add(strings.Repeat("_", 32), "-1")
	f.Add("AAAA", "99999999999999999999")
	f.Fuzz(func(t *testing.T, cursor, limit string) {
		c, ok, err := ParseCursor(cursor)
		switch {
		case err != nil && fault.CodeOf(err) != "validation_failed":
			t.Errorf("%q: %v", cursor, err)
		case ok && c.String() != cursor:
			t.Errorf("%q is written as %q", cursor, c.String())
		}
		r := &http.Request{URL: &url.URL{RawQuery: url.Values{"limit": {limit}}.Encode()}}
		if n, err := QueryLimit(r, 50, 200); err == nil && (n < 1 || n > 200) || err != nil && fault.CodeOf(err) != "validation_failed" {
			t.Errorf("%q: %d, %v", limit, n, err)
		}
	})
}

// Whoever is not one of our proxies cannot choose the address that is counted, and the
// key that counts is never longer than an address.
func FuzzClientAddress(f *testing.F) {
	f.Add("10.0.0.0/8", "10.1.2.3:443", "1.2.3.4, 10.9.9.9")
	f.Add("", "203.0.113.7:1", "1.2.3.4")
	f.Add("::1,fe80::/10", "[fe80::1%eth0]:80", "::ffff:1.2.3.4,,,x")
	f.Fuzz(func(t *testing.T, proxies, peer, forwarded string) {
		trusted, err := ParseProxies(proxies)
		if err != nil {
			trusted = nil
		}
		got := clientAddress(&http.Request{RemoteAddr: peer, Header: http.Header{"X-Forwarded-For": {forwarded}}}, trusted)
		at, err := netip.ParseAddrPort(peer)
		if err == nil && !isTrusted(at.Addr().Unmap().WithZone(""), trusted) && got != at.Addr().Unmap().WithZone("") {
			t.Errorf("%q, who is no proxy, is taken for %s", peer, got)
		}
		if key := AddressKey(got); len(key) > 50 {
			t.Errorf("the key %q", key)
		}
		_ = AddressPrefix(got)
	})
}

// No form of an address that is not public passes for one that is.
func FuzzPublicAddress(f *testing.F) {
	for _, seed := range []string{"::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::", "169.254.169.254", "fd00::1", "1.1.1.1", "::ffff:0:127.0.0.1", "fe80::1%25x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := netip.ParseAddr(text)
		if err != nil || !PublicAddress(a) {
			return
		}
		a = a.Unmap()
		if a.IsLoopback() || a.IsPrivate() || a.IsMulticast() || a.IsLinkLocalUnicast() || a.IsUnspecified() {
			t.Errorf("%q is public", text)
		}
		if v6 := a.As16(); a.Is6() && (v6[0] == 0 || v6[0] == 0x20 && v6[1] == 0x02) {
			t.Errorf("%q holds another address and is public", text)
		}
	})
}
