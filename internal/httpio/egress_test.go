package httpio

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestOnlyPublicAddressesAreReached(t *testing.T) {
	t.Parallel()
	refused := []string{
		"127.0.0.1", "127.8.8.8", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
		"100.64.0.1", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9",
		"224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:100.64.0.1", "::ffff:198.18.0.1",
		"64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:53aa::1", "2001:db8::1",
		"::ffff:0:127.0.0.1", "100::1", "3fff::1", "4000::1", "5f00::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "fec0::1", "ff02::1",
	}
	for _, text := range refused {
		if PublicAddress(netip.MustParseAddr(text)) {
			t.Errorf("%s would be reached", text)
		}
	}
	for _, text := range []string{"1.1.1.1", "162.159.128.233", "100.63.255.255", "100.128.0.1", "198.20.0.1", "2606:4700::1", "::ffff:1.1.1.1"} {
		if !PublicAddress(netip.MustParseAddr(text)) {
			t.Errorf("%s would be refused", text)
		}
	}
}

func TestTheDialledAddressIsCheckedNotTheName(t *testing.T) {
	t.Parallel()
	called := false
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	defer srv.Close()
	_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())

	for _, url := range []string{srv.URL, "http://localhost:" + port, "https://127.0.0.1/", "http://[::ffff:127.0.0.1]:443/", "http://1.1.1.1:8443/"} {
		err := get(NewEgress(EgressOptions{}), url)
		if !errors.Is(err, ErrAddressRefused) {
			t.Errorf("%s: got %v, want it refused", url, err)
		}
	}
	if called {
		t.Error("a refused address was called")
	}
}

func TestTheLoopbackExceptionIsForThatHostOnly(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer srv.Close()
	_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
	client := NewEgress(EgressOptions{AllowLoopback: []string{"127.0.0.1:" + port, "169.254.169.254:80"}})

	if err := get(client, srv.URL); err != nil {
		t.Errorf("the listed host: %v", err)
	}
	if err := get(client, "http://localhost:"+port); !errors.Is(err, ErrAddressRefused) {
		t.Errorf("another name of the same address: %v", err)
	}
	if err := get(client, "http://169.254.169.254/"); !errors.Is(err, ErrAddressRefused) {
		t.Errorf("an exception that is not this machine: %v", err)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.RedirectHandler("http://169.254.169.254/latest/meta-data", http.StatusFound))
	defer srv.Close()
	resp, err := localClient(srv).Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusFound {
		t.Errorf("status %d, want the redirect itself", resp.StatusCode)
	}
}

func TestAnswersAreReadUpToTheirBound(t *testing.T) {
	t.Parallel()
	if b, err := ReadBounded(strings.NewReader("12345"), 5); err != nil || string(b) != "12345" {
		t.Errorf("exactly the bound: %q, %v", b, err)
	}
	if b, err := ReadBounded(strings.NewReader("123456"), 5); !errors.Is(err, ErrAnswerTooLarge) || string(b) != "12345" {
		t.Errorf("over the bound: %q, %v", b, err)
	}
}

func TestErrorsLoseTheirURLButNotTheirCause(t *testing.T) {
	t.Parallel()
	err := get(NewEgress(EgressOptions{}), "https://127.0.0.1/webhooks/1/s3cret?userSecret=s3cret")
	clean := WithoutURL(err)
	if strings.Contains(clean.Error(), "s3cret") {
		t.Errorf("secret in %q", clean)
	}
	if !errors.Is(clean, ErrAddressRefused) {
		t.Errorf("cause lost: %v", clean)
	}
	if plain := io.ErrUnexpectedEOF; WithoutURL(plain) != plain {
		t.Error("an error without URL was changed")
	}
}

func TestWrittenTellsSentFromNotSent(t *testing.T) {
	t.Parallel()
	hangUp := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer hangUp.Close()
	tls := httptest.NewTLSServer(http.NotFoundHandler()) // its certificate is not trusted
	defer tls.Close()

	for _, c := range []struct {
		name string
		url  string
		want bool
	}{
		{"connection refused", "http://127.0.0.1:1", false}, // not a port that was given back, which somebody may take
		{"handshake failed", tls.URL, false},
		{"hung up after the request", hangUp.URL, true},
	} {
		_, host, _ := strings.Cut(c.url, "://")
		ctx, written := WatchWritten(context.Background())
		req, _ := http.NewRequestWithContext(ctx, http.MethodPost, c.url, strings.NewReader("{}"))
		resp, err := NewEgress(EgressOptions{AllowLoopback: []string{host}}).Do(req)
		if err == nil {
			resp.Body.Close()
			t.Fatalf("%s: the call succeeded", c.name)
		}
		if written.Any() != c.want {
			t.Errorf("%s: written = %v, want %v (%v)", c.name, written.Any(), c.want, err)
		}
	}
}

func localClient(srv *httptest.Server) *http.Client {
	return NewEgress(EgressOptions{AllowLoopback: []string{srv.Listener.Addr().String()}})
}

func get(c *http.Client, url string) error {
	resp, err := c.Get(url)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
