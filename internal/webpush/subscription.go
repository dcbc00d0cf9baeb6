package webpush

import (
	"crypto/ecdh"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Subscription is where one browser can be reached. Endpoint, P256dh and Auth
// are secrets of its user: print it freely, it shows only the host and a hash.
type Subscription struct {
	Endpoint string // https URL at the browser's push service
	P256dh   string // the browser's public key, base64url, 65 bytes
	Auth     string // shared secret, base64url, 16 bytes
	KeyID    string // Keys.ID of the pair it was made with; empty means the current one
}

// String shows the push host and a hash by which the row can be found.
func (s Subscription) String() string { return s.Host() + "#" + s.Hash() }

// GoString keeps %#v from printing the fields.
func (s Subscription) GoString() string { return s.String() }

// LogValue is what slog prints.
func (s Subscription) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Host is the push service's name, the unit of pauses and breakers.
func (s Subscription) Host() string {
	u, err := url.Parse(s.Endpoint)
	if err != nil {
		return ""
	}
	return u.Host
}

// Hash identifies the endpoint without revealing it: 16 hex digits.
func (s Subscription) Hash() string {
	sum := sha256.Sum256([]byte(s.Endpoint))
	return hex.EncodeToString(sum[:8])
}

const endpointMax = 2048

// ErrSubscription is the cause of every refused subscription. The errors are
// safe to show; at most they name the host.
var ErrSubscription = errors.New("not a push subscription")

// UnknownHostError refuses an endpoint at a push service that is not on the list.
type UnknownHostError struct{ Host string }

// Error names the host, for an answer of 422.
func (e *UnknownHostError) Error() string {
	return fmt.Sprintf("the push service %q is not one we may call", e.Host)
}

// Unwrap makes it an ErrSubscription.
func (e *UnknownHostError) Unwrap() error { return ErrSubscription }

// pushHosts are the browsers' push services; a leading dot means sub-domains only.
func pushHosts() []string {
	return []string{
		"fcm.googleapis.com",         // Chrome, Brave, Opera, Vivaldi, Samsung, Edge on Android
		"jmt17.google.com",           // Chromium without Google's keys
		".push.services.mozilla.com", // Firefox; updates.push.… today
		".notify.windows.com",        // Edge on Windows
		".push.apple.com",            // Safari; web.push.apple.com today
	}
}

// ValidateSubscription checks what a page sent and returns it with its keys in
// one spelling, ready to be stored. extraHosts as for AllowedEndpoint.
func ValidateSubscription(s Subscription, extraHosts []string) (Subscription, error) {
	if err := AllowedEndpoint(s.Endpoint, extraHosts); err != nil {
		return Subscription{}, err
	}
	point, err := decode(s.P256dh)
	if err != nil {
		return Subscription{}, fmt.Errorf("%w: p256dh is not base64", ErrSubscription)
	}
	if _, err := ecdh.P256().NewPublicKey(point); err != nil {
		return Subscription{}, fmt.Errorf("%w: p256dh is not a point on P-256", ErrSubscription)
	}
	auth, err := decode(s.Auth)
	if err != nil || len(auth) != 16 {
		return Subscription{}, fmt.Errorf("%w: auth is not 16 bytes in base64", ErrSubscription)
	}
	s.P256dh, s.Auth = encode(point), encode(auth)
	return s, nil
}

// AllowedEndpoint reports whether an endpoint, which is a URL a browser handed
// to a stranger, may be called: https without port, at one of the browsers' push
// services or extraHosts, compared label by label. It is asked when the
// subscription is saved and again at every send.
//
// An extra host of the form "127.0.0.1:PORT" also allows http, for that host
// only; the caller's configuration refuses such an entry in production.
func AllowedEndpoint(endpoint string, extraHosts []string) error {
	u, err := parseEndpoint(endpoint)
	if err != nil {
		return err
	}
	if isLocal(u.Host) && slices.Contains(extraHosts, u.Host) {
		return nil
	}
	if u.Scheme != "https" {
		return fmt.Errorf("%w: the endpoint is not https", ErrSubscription)
	}
	if strings.Contains(u.Host, ":") {
		return fmt.Errorf("%w: the endpoint has a port", ErrSubscription)
	}
	host := u.Hostname()
	if !isPlainName(host) {
		return fmt.Errorf("%w: the endpoint has no proper host name", ErrSubscription)
	}
	if !onList(host, append(pushHosts(), extraHosts...)) {
		return &UnknownHostError{Host: host}
	}
	return nil
}

func parseEndpoint(endpoint string) (*url.URL, error) {
	if len(endpoint) > endpointMax {
		return nil, fmt.Errorf("%w: the endpoint is longer than %d", ErrSubscription, endpointMax)
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.User != nil || u.Opaque != "" || u.Host == "" || u.Fragment != "" {
		return nil, fmt.Errorf("%w: the endpoint is not a plain URL", ErrSubscription)
	}
	return u, nil
}

func isLocal(hostPort string) bool {
	host, port, err := net.SplitHostPort(hostPort)
	if err != nil || port == "" {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// isPlainName wants lower case, because the JWT's audience repeats the host as
// it is written, and neither an IP address nor a trailing dot.
func isPlainName(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return false
	}
	if host == "" || strings.HasPrefix(host, ".") || strings.HasSuffix(host, ".") {
		return false
	}
	return strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789-.") == ""
}

func onList(host string, list []string) bool {
	return slices.ContainsFunc(list, func(allowed string) bool {
		exact := strings.TrimPrefix(allowed, ".")
		return host == allowed || strings.HasSuffix(host, "."+exact)
	})
}
