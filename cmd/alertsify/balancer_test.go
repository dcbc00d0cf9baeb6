package main

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// balancer is a proxy before several instances, set up as that of deploy/compose.yaml: it
// asks each whether it is ready, sends requests to those that are, in turns, and sends one
// elsewhere only when it has not left.
type balancer struct {
	url    string
	client *http.Client
	failed atomic.Int64 // requests that it had no answer for

	mu    sync.Mutex
	ready map[string]bool // by the address of an instance, host:port
	turn  int
}

// newBalancer serves on a listener until the test ends.
func newBalancer(t *testing.T, at net.Listener) *balancer {
	t.Helper()
	b := &balancer{url: "http://" + at.Addr().String(), client: &http.Client{Timeout: 2 * time.Second}, ready: map[string]bool{}}
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.Out.URL.Scheme = "http"; r.SetXForwarded() },
		Transport:     &picking{b, &http.Transport{MaxIdleConnsPerHost: 100, DialContext: (&net.Dialer{Timeout: time.Second}).DialContext}},
		FlushInterval: -1,
		ErrorLog:      log.New(&recorder{}, "", 0),
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, _ error) {
			if r.Context().Err() == nil { // the client did not leave
				b.failed.Add(1)
			}
			w.WriteHeader(http.StatusBadGateway)
		},
	}
	server := &http.Server{Handler: proxy, ReadHeaderTimeout: time.Minute}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(at) })
	running.Go(func() { b.watch(ctx) })
	t.Cleanup(func() {
		stop()
		_ = server.Close()
		running.Wait()
	})
	return b
}

// add has it look after one more instance, whose address is http://host:port, and waits
// until that is ready.
func (b *balancer) add(t *testing.T, instance string) {
	t.Helper()
	host := strings.TrimPrefix(instance, "http://")
	b.mu.Lock()
	b.ready[host] = false
	b.mu.Unlock()
	for end := time.Now().Add(time.Minute); !b.isReady(host); <-time.After(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s is not ready", instance)
		}
	}
}

// drop forgets an instance.
func (b *balancer) drop(instance string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.ready, strings.TrimPrefix(instance, "http://"))
}

func (b *balancer) isReady(host string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ready[host]
}

func (b *balancer) mark(host string, ready bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.ready[host]; known {
		b.ready[host] = ready
	}
}

// watch asks each instance ten times a second, all at once.
func (b *balancer) watch(ctx context.Context) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var asking sync.WaitGroup
	defer asking.Wait()
	asked := sync.Map{} // who has not answered yet
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		b.mu.Lock()
		hosts := make([]string, 0, len(b.ready))
		for host := range b.ready {
			hosts = append(hosts, host)
		}
		b.mu.Unlock()
		for _, host := range hosts {
			if _, waits := asked.LoadOrStore(host, true); !waits {
				asking.Go(func() {
					b.mark(host, isReady(b.client, "http://"+host))
					asked.Delete(host)
				})
			}
		}
	}
}

// pick is the next ready instance; empty while none is.
func (b *balancer) pick() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var hosts []string
	for host, ready := range b.ready {
		if ready {
			hosts = append(hosts, host)
		}
	}
	if len(hosts) == 0 {
		return ""
	}
	slices.Sort(hosts)
	b.turn++
	return hosts[b.turn%len(hosts)]
}

// picking sends each request to an instance.
type picking struct {
	balancer *balancer
	way      *http.Transport
}

var errNobody = errors.New("no instance is ready")

// RoundTrip tries for five seconds to get the request onto a connection, and once.
func (p *picking) RoundTrip(r *http.Request) (*http.Response, error) {
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		host := p.balancer.pick()
		if host == "" {
			<-time.After(20 * time.Millisecond)
			continue
		}
		r.URL.Host = host
		resp, err := p.way.RoundTrip(r)
		var op *net.OpError
		if err == nil || !errors.As(err, &op) || op.Op != "dial" {
			return resp, err
		}
		p.balancer.mark(host, false)
	}
	return nil, errNobody
}

// isReady asks a server's readiness.
func isReady(client *http.Client, url string) bool { return answers(client, url+"/api/health/ready") }

// answers tells whether a page answers 200 within three seconds.
func answers(client *http.Client, url string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := client.Do(r)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}
