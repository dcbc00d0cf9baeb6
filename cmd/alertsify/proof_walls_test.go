package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alertsify/alertsify/internal/hostile"
)

// clientFrom is a client at one of this machine's addresses, so that it counts as
// somebody of its own.
func clientFrom(address net.IP) *http.Client {
	d := &net.Dialer{LocalAddr: &net.TCPAddr{IP: address}, Timeout: 10 * time.Second}
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DialContext: d.DialContext, MaxIdleConnsPerHost: 4}}
}

// percentile of some times; they are sorted by it.
func percentile(took []time.Duration, percent int) time.Duration {
	slices.Sort(took)
	return took[min(len(took)-1, len(took)*percent/100)].Round(10 * time.Microsecond)
}

// forgedAreRefused sends 10,000 forged and malformed webhooks, to every route of them,
// from 100 addresses: none is an error of ours, none leaves a row in any table, and 99 of
// 100 are answered within 20 ms.
func (p *proof) forgedAreRefused() {
	p.t.Helper()
	const count, senders, atOnce = 10_000, 100, 4
	before := p.settled()
	clients := make([]*http.Client, senders)
	for i := range clients {
		clients[i] = clientFrom(net.IPv4(127, 0, 2, byte(1+i)))
		defer clients[i].CloseIdleConnections()
	}
	forgeries := hostile.Forgeries(count, 1, time.Now())
	took, statuses := make([]time.Duration, count), make([]int, count)
	var next atomic.Int64
	var all sync.WaitGroup
	for range atOnce {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < count; i = int(next.Add(1)) - 1 {
				began := time.Now()
				statuses[i] = p.forge(clients[i%senders], forgeries[i])
				took[i] = time.Since(began)
			}
		})
	}
	all.Wait()
	counts := map[int]int{}
	for _, status := range statuses {
		counts[status]++
		if status < 400 || status > 499 {
			p.t.Errorf("a forged webhook was answered %d", status)
		}
	}
	if now := p.tally(); !maps.Equal(before, now) {
		p.wroteNothing(p.t, before)
	}
	slowest := percentile(took, 99)
	if slowest > 20*time.Millisecond {
		p.t.Errorf("99 of 100 are answered within %s", slowest)
	}
	p.t.Logf("forged webhooks: %d from %d addresses, answered %v; no row; half within %s, 99 of 100 within %s", count, senders, counts, percentile(took, 50), slowest)
}

func (p *proof) forge(client *http.Client, f hostile.Forgery) (status int) {
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.servers[0].url+f.Path, bytes.NewReader(f.Body))
	if err != nil {
		p.t.Error(err)
		return 0
	}
	r.Header = f.Header
	resp, err := client.Do(r)
	if err != nil {
		p.t.Error(err)
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// slowCostOthersNothing keeps 10,000 connections open for a minute that send a byte now and
// then, from 100 addresses: whoever asks meanwhile has 99 of 100 answers within 100 ms, and
// afterwards the process is back at what it was. One address alone does not get more than its
// share.
func (p *proof) slowCostOthersNothing() {
	p.t.Helper()
	const count, addresses, lasts, most = 10_000, 100, time.Minute, 100 * time.Millisecond
	server, err := url.Parse(p.servers[0].url)
	if err != nil {
		p.t.Fatal(err)
	}
	token := p.token("ava", "read")
	quiet := p.othersAsk(token, 10*time.Second)
	if alone := percentile(quiet, 99); alone > most/2 {
		p.t.Fatalf("99 of 100 answers take %s before anybody is slow: this machine has other work, and nothing can be measured on it", alone)
	}
	base := p.vitals()
	slow := p.newFlood(server.Host, count, addresses)
	before := p.vitals()
	took := p.othersAsk(token, lasts)
	during := p.vitals()
	fewest, opened := slow.fewest.Load(), slow.opened.Load()
	theirs := slow.stop(p.t)
	slowest := percentile(took, 99)
	if slowest > most {
		p.t.Errorf("99 of 100 of the others' answers take %s", slowest)
	}
	if opened < 3*count {
		p.t.Errorf("only %d connections were opened: that was no flood", opened)
	}
	var now vitals
	rest := p.within(4*time.Minute, "the process is back at its base", func() string {
		if now = p.vitals(); !now.near(base) {
			return fmt.Sprintf("%+v, from %+v", now, base)
		}
		return ""
	})
	p.t.Logf("slow connections: %d for %s (%d opened, never fewer than %d at once) from %d addresses: of %d others half within %s, 99 of 100 within %s, all within %s (without them %s, %s, %s); the server's processor time %s, the flood's %s; base %+v, then %+v, %s after %+v",
		count, lasts, opened, fewest, addresses, len(took), percentile(took, 50), slowest, percentile(took, 100),
		percentile(quiet, 50), percentile(quiet, 99), percentile(quiet, 100), during.CPU-before.CPU, theirs.Round(time.Millisecond), base, during, rest.Round(time.Second), now)
}

// othersAsk lets somebody at an address of their own ask 40 times a second, whether or not they
// have their answers before: how long each took, from when it was due.
func (p *proof) othersAsk(token string, lasts time.Duration) []time.Duration {
	p.t.Helper()
	const every = 25 * time.Millisecond
	there := *p.show
	there.client = clientFrom(net.IPv4(127, 0, 5, 1))
	defer there.client.CloseIdleConnections()
	others := &proof{show: &there, servers: p.servers}
	took, failed := make([]time.Duration, lasts/every), make([]string, lasts/every)
	var all sync.WaitGroup
	for i, began := 0, time.Now(); i < len(took); i++ {
		due := began.Add(time.Duration(i) * every)
		<-time.After(time.Until(due))
		all.Go(func() {
			a, err := others.at(0, token, http.MethodGet, "/api/positions", "")
			if took[i] = time.Since(due); err != nil || a.status != http.StatusOK {
				failed[i] = fmt.Sprintf("%v %d %s", err, a.status, a.body)
			}
		})
	}
	all.Wait()
	if failed = slices.DeleteFunc(failed, func(s string) bool { return s == "" }); len(failed) > 0 {
		p.t.Errorf("%d of %d answers failed, the first: %s", len(failed), len(took), failed[0])
	}
	return took
}

// oneAddressHasItsShare opens more connections from one address than it may have.
func (p *proof) oneAddressHasItsShare() {
	p.t.Helper()
	server, err := url.Parse(p.servers[0].url)
	if err != nil {
		p.t.Fatal(err)
	}
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 4, 1)}, Timeout: 10 * time.Second}
	var opened []net.Conn
	for range 3 * shareOfOne {
		if conn, err := d.DialContext(p.t.Context(), "tcp", server.Host); err == nil {
			defer conn.Close()
			opened = append(opened, conn)
		}
	}
	<-time.After(time.Second) // what is refused is closed at once; the others have five seconds for their headers
	kept := 0
	for _, conn := range opened {
		_ = conn.SetReadDeadline(time.Now().Add(time.Millisecond))
		if _, err := conn.Read(make([]byte, 1)); isTimeout(err) { // neither closed nor reset: it waits for us
			kept++
		}
	}
	if kept > shareOfOne || kept == 0 {
		p.t.Errorf("one address has %d connections, and may have %d", kept, shareOfOne)
	}
	p.t.Logf("one address: %d of %d connections kept", kept, len(opened))
}

func isTimeout(err error) bool {
	e, ok := err.(net.Error)
	return ok && e.Timeout()
}

// vitals are what a process has of what can run out, and how long it worked.
type vitals struct {
	Goroutines, Files, HeapMiB int
	CPU                        time.Duration
}

func (v vitals) near(base vitals) bool {
	return v.Goroutines <= base.Goroutines+20 && v.Files <= base.Files+20 && v.HeapMiB <= base.HeapMiB+24
}

var gauge = regexp.MustCompile(`(?m)^(go_goroutines|process_open_fds|go_memstats_heap_alloc_bytes|process_cpu_seconds_total) (\S+)$`)

func (p *proof) vitals() (v vitals) {
	p.t.Helper()
	found := gauge.FindAllStringSubmatch(string(p.want(0, "", http.MethodGet, "/metrics", "", http.StatusOK).body), -1)
	for _, m := range found {
		n, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			p.t.Fatal(err)
		}
		switch m[1] {
		case "go_goroutines":
			v.Goroutines = int(n)
		case "process_open_fds":
			v.Files = int(n)
		case "go_memstats_heap_alloc_bytes":
			v.HeapMiB = int(n) >> 20
		case "process_cpu_seconds_total":
			v.CPU = time.Duration(n*1e3) * time.Millisecond
		}
	}
	if len(found) != 4 {
		p.t.Fatalf("the metrics have only %v", found)
	}
	return v
}

// shareOfOne is how many connections an address may have in these proofs.
const shareOfOne = 150

// What attackers send hurts nobody else: `make proofs`. Short forms stand with the
// packages that hold it off, hooks and httpio.
func (p *proof) wallsHold() {
	p.t.Helper()
	p.forgedAreRefused()
	p.oneAddressHasItsShare()
	p.slowCostOthersNothing()
}
