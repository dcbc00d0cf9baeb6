package httpio

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/alertsify/alertsify/internal/hostile"
)

// inside is this machine as an attacker wants to reach it: it counts who comes.
type inside struct {
	net.Listener

	came atomic.Int64
}

func newInside(t *testing.T) *inside {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	i := &inside{Listener: l}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			i.came.Add(1)
			_ = c.Close()
		}
	}()
	return i
}

// nameServer says of every name what next says: a server may change its mind.
func nameServer(next func(name string) [4]byte) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			for {
				if !answerName(theirs, next) {
					return
				}
			}
		}()
		return ours, nil
	}}
}

// answerName answers one question, which over a pipe comes as over TCP: after its length.
func answerName(c net.Conn, next func(name string) [4]byte) bool {
	raw := make([]byte, 2048)
	n, err := c.Read(raw)
	if err != nil || n < 2 {
		return false
	}
	var m dnsmessage.Message
	if err := m.Unpack(raw[2:n]); err != nil || len(m.Questions) != 1 {
		return false
	}
	q := m.Questions[0]
	m.Response, m.Additionals = true, nil
	if q.Type == dnsmessage.TypeA {
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 0}, Body: &dnsmessage.AResource{A: next(q.Name.String())},
		}}
	}
	packed, err := m.Pack()
	if err != nil {
		return false
	}
	_, err = c.Write(append([]byte{byte(len(packed) >> 8), byte(len(packed))}, packed...))
	return err == nil
}

// Whatever address is called, even one that should never have been stored: no connection
// inside is made. Every name leads inside here.
func TestNoHostileAddressIsDialled(t *testing.T) {
	t.Parallel()
	trap := newInside(t)
	_, port, _ := net.SplitHostPort(trap.Addr().String())
	client := NewEgress(EgressOptions{resolver: nameServer(func(string) [4]byte { return [4]byte{127, 0, 0, 1} })})
	addresses := append(hostile.Inside(), hostile.LookAlikes("hooks.example.com", "/x")...)
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "127.1", "2130706433", "0x7f.1", "rebound.example.com"} {
		addresses = append(addresses, "http://"+host+":"+port+"/", "https://"+host+":"+port+"/")
	}
	if len(addresses) < hostile.Least {
		t.Fatalf("only %d addresses", len(addresses))
	}
	for _, address := range addresses {
		if err := get(client, address); err == nil {
			t.Errorf("%q was reached", address)
		}
	}
	if n := trap.came.Load(); n > 0 {
		t.Errorf("%d connections were made inside", n)
	}
}

// A name that is public when it is looked at and private when it is dialled is refused:
// what counts is the address at that moment, every time.
func TestANameThatChangesItsMindIsRefused(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	resolver := nameServer(func(string) [4]byte {
		if asked.Add(1) == 1 {
			return [4]byte{93, 184, 215, 14}
		}
		return [4]byte{169, 254, 169, 254}
	})
	looked, err := resolver.LookupNetIP(t.Context(), "ip4", "rebind.example.com")
	if err != nil || len(looked) != 1 || !PublicAddress(looked[0]) {
		t.Fatalf("looked up: %v, %v", looked, err)
	}
	client := NewEgress(EgressOptions{resolver: resolver})
	for range 3 {
		if err := get(client, "https://rebind.example.com/"); !errors.Is(err, ErrAddressRefused) {
			t.Errorf("dialled: %v", err)
		}
	}
}

// Wherever an answer redirects to: it is not followed.
func TestNoRedirectLeadsInside(t *testing.T) {
	t.Parallel()
	trap := newInside(t)
	addresses := append(hostile.Inside(), "http://"+trap.Addr().String()+"/", "//"+trap.Addr().String()+"/")
	var at atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := at.Load()
		w.Header()["Location"] = []string{strings.NewReplacer("\r", "", "\n", "").Replace(addresses[n])}
		w.WriteHeader([]int{301, 302, 303, 307, 308}[n%5])
	}))
	defer server.Close()
	client, answered := localClient(server), 0
	for i := range addresses {
		at.Store(int64(i))
		resp, err := client.Post(server.URL, "application/json", strings.NewReader("{}"))
		if err != nil { // what is no address is not even taken for an answer
			continue
		}
		_ = resp.Body.Close()
		answered++
		if resp.StatusCode < 300 || resp.StatusCode > 399 {
			t.Errorf("redirected to %q: status %d", addresses[i], resp.StatusCode)
		}
	}
	if answered < hostile.Least {
		t.Errorf("only %d redirects were looked at", answered)
	}
	if n := trap.came.Load(); n > 0 {
		t.Errorf("%d connections were made", n)
	}
}
