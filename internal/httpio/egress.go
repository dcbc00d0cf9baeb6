package httpio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	egressTimeout     = 10 * time.Second // a provider that needs longer is as good as gone
	egressDialTimeout = 5 * time.Second
	egressIdleTimeout = 90 * time.Second
	egressIdlePerHost = 32 // as many as we ever send to one push host at once

	// AnswerMax is how many bytes of an outside answer we are willing to read.
	AnswerMax = 64 << 10
)

// ErrAddressRefused is the cause of a call whose host resolved to an address
// that is not on the public Internet, or that asked for another port than 443.
var ErrAddressRefused = errors.New("address refused")

// ErrAnswerTooLarge is returned by ReadBounded.
var ErrAnswerTooLarge = errors.New("answer too large")

// EgressOptions configure a client for outside calls.
type EgressOptions struct {
	Timeout time.Duration // for the whole call; 0 means 10 s

	// AllowLoopback lists "host:port" of local parties, such as the sandbox.
	// They are dialled without https and without the address rule, but only
	// when they resolve to this machine. Development and tests only: the
	// caller's configuration refuses them in production.
	AllowLoopback []string

	// HTTP2 is for many small calls to few hosts. Without it the client speaks
	// HTTP/1.1, where a failed call tells reliably whether anything was written.
	HTTP2 bool

	// Party names the other side for metrics and traces, and Watch hears of each call.
	Party string
	Watch Watch // may be nil
	// Quotas keeps what the party says is left. May be nil.
	Quotas *Quotas

	resolver *net.Resolver // who knows names; tests only, else the machine's
}

// NewEgress returns a client for hosts that users can influence. It follows no
// redirect, ignores proxy variables, has a total timeout, and checks the
// address a name resolved to at the moment of dialling, which a name server
// that changes its mind cannot get around. Error answers come without the secrets
// that they repeat of the request.
func NewEgress(o EgressOptions) *http.Client {
	if o.Timeout == 0 {
		o.Timeout = egressTimeout
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(o.HTTP2)
	client := &http.Client{
		Timeout:       o.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: hush{&http.Transport{
			Proxy:               nil, // a proxy would be the address we check
			DialContext:         guardedDial(o),
			TLSHandshakeTimeout: egressDialTimeout,
			IdleConnTimeout:     egressIdleTimeout,
			MaxIdleConnsPerHost: egressIdlePerHost,
			Protocols:           protocols,
			ForceAttemptHTTP2:   o.HTTP2,
		}},
	}
	if o.Watch != nil {
		client.Transport = watched{client.Transport, o.Party, o.Watch, o.Quotas}
	}
	return client
}

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

func guardedDial(o EgressOptions) dialFunc {
	public := &net.Dialer{Timeout: egressDialTimeout, Control: controlWith(publicOnly), Resolver: o.resolver}
	local := &net.Dialer{Timeout: egressDialTimeout, Control: controlWith(loopbackOnly), Resolver: o.resolver}
	allowed := slices.Clone(o.AllowLoopback)
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		// The name as it stood in the URL decides, so that no other name that
		// happens to resolve to this machine profits from the exception.
		if slices.Contains(allowed, strings.ToLower(address)) {
			return local.DialContext(ctx, network, address)
		}
		return public.DialContext(ctx, network, address)
	}
}

func controlWith(check func(netip.AddrPort) error) func(string, string, syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		resolved, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%w: unreadable", ErrAddressRefused)
		}
		return check(resolved)
	}
}

func publicOnly(a netip.AddrPort) error {
	if a.Port() != 443 {
		return fmt.Errorf("%w: port %d", ErrAddressRefused, a.Port())
	}
	if !PublicAddress(a.Addr()) {
		return fmt.Errorf("%w: not public", ErrAddressRefused)
	}
	return nil
}

func loopbackOnly(a netip.AddrPort) error {
	if !a.Addr().Unmap().IsLoopback() {
		return fmt.Errorf("%w: not this machine", ErrAddressRefused)
	}
	return nil
}

// specialNets are the ranges that must not be reached although netip does not
// call them private: IANA's special-purpose registries.
func specialNets() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),       // this network
		netip.MustParsePrefix("100.64.0.0/10"),   // carrier-grade NAT
		netip.MustParsePrefix("192.0.0.0/24"),    // IETF protocol assignments
		netip.MustParsePrefix("192.0.2.0/24"),    // documentation
		netip.MustParsePrefix("192.88.99.0/24"),  // 6to4 relays
		netip.MustParsePrefix("198.18.0.0/15"),   // benchmarking
		netip.MustParsePrefix("198.51.100.0/24"), // documentation
		netip.MustParsePrefix("203.0.113.0/24"),  // documentation
		netip.MustParsePrefix("240.0.0.0/4"),     // reserved, broadcast
		netip.MustParsePrefix("2001::/23"),       // IETF protocol assignments, Teredo among them
		netip.MustParsePrefix("2001:db8::/32"),   // documentation
		netip.MustParsePrefix("2002::/16"),       // 6to4 of any v4
		netip.MustParsePrefix("3fff::/20"),       // documentation
	}
}

// internet6 is what of IPv6 is handed out to the public: forms of IPv4 addresses (NAT64,
// translated, compatible), discard and old site-local addresses lie outside.
func internet6() netip.Prefix { return netip.MustParsePrefix("2000::/3") }

// PublicAddress reports whether a is an ordinary address of the public
// Internet: not loopback, private, link-local (cloud metadata lives there),
// multicast, unique-local, special-purpose, nor an IPv6 form of one of these.
func PublicAddress(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.Is6() && !internet6().Contains(a) {
		return false
	}
	return !slices.ContainsFunc(specialNets(), func(p netip.Prefix) bool { return p.Contains(a) })
}

// ReadBounded reads all of an answer that may have at most limit bytes.
// A longer one is ErrAnswerTooLarge, with the first limit bytes returned.
func ReadBounded(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if int64(len(b)) > limit {
		return b[:limit], ErrAnswerTooLarge
	}
	return b, err
}

// WithoutURL takes the address out of an error of net/http: Discord tokens and
// user secrets sit in URLs, and push endpoints are secrets as a whole.
func WithoutURL(err error) error {
	var withURL *url.Error
	if !errors.As(err, &withURL) {
		return err
	}
	return fmt.Errorf("%s: %w", strings.ToLower(withURL.Op), WithoutURL(withURL.Err))
}
