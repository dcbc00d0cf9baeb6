package httpio

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
)

type addressKey struct{}

// ParseProxies reads TRUSTED_PROXIES: addresses and prefixes, separated by commas.
func ParseProxies(list string) ([]netip.Prefix, error) {
	var proxies []netip.Prefix
	for part := range strings.SplitSeq(list, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		prefix, err := parseProxy(part)
		if err != nil {
			return nil, fmt.Errorf("trusted proxy %q is neither an address nor a prefix", part)
		}
		proxies = append(proxies, prefix)
	}
	return proxies, nil
}

func parseProxy(s string) (netip.Prefix, error) {
	if strings.Contains(s, "/") {
		prefix, err := netip.ParsePrefix(s)
		return prefix.Masked(), err
	}
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	addr = addr.Unmap()
	return netip.PrefixFrom(addr, addr.BitLen()), nil
}

// withAddress finds out who is really calling: the peer, or when that is a proxy
// of ours the address it reports.
//
// A private peer that is none of ours and reports an address is a proxy that somebody forgot
// to name: everybody behind it counts as one. The log says so once.
func withAddress(trusted []netip.Prefix, log *slog.Logger) func(http.Handler) http.Handler {
	var once sync.Once
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			addr := clientAddress(r, trusted)
			if r.Header.Get("X-Forwarded-For") != "" && (addr.IsPrivate() || addr.IsLoopback()) && !isTrusted(addr, trusted) {
				once.Do(func() {
					log.WarnContext(r.Context(), "a proxy that TRUSTED_PROXIES does not name: everybody behind it has one address", "peer", addr.String())
				})
			}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), addressKey{}, addr)))
		})
	}
}

// clientAddress walks X-Forwarded-For from the right, where our own proxies
// write, and stops at the first address that is not one of them: everything left
// of it was written by the client.
func clientAddress(r *http.Request, trusted []netip.Prefix) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	client := peer.Addr().Unmap().WithZone("")
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && isTrusted(client, trusted); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			return client
		}
		client = hop.Unmap().WithZone("")
	}
	return client
}

func isTrusted(addr netip.Addr, trusted []netip.Prefix) bool {
	for _, prefix := range trusted {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// Address is the client's address; the zero Addr when it is not known.
func Address(ctx context.Context) netip.Addr {
	addr, _ := ctx.Value(addressKey{}).(netip.Addr)
	return addr
}

// AddressKey is what rates by address count: one IPv4 address, or the /64 that
// belongs to one IPv6 customer.
func AddressKey(addr netip.Addr) string {
	if addr.Is6() {
		return masked(addr, 64)
	}
	return addr.String()
}

// AddressPrefix is the part of an address that we keep: enough to recognise one's
// own sessions by, too little to find a person (/24, /48).
func AddressPrefix(addr netip.Addr) string {
	if addr.Is6() {
		return masked(addr, 48)
	}
	return masked(addr, 24)
}

func masked(addr netip.Addr, bits int) string {
	prefix, err := addr.Prefix(bits)
	if err != nil || !prefix.IsValid() { // the zero address gives no error
		return ""
	}
	return prefix.String()
}
