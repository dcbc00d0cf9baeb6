package httpio

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

// bounded is a server of ours with bounds and times that a test can wait for.
func bounded(t *testing.T, o ConnectionOptions, header, read time.Duration) (address string, c *Connections) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c = NewConnections(o)
	server := &http.Server{
		ReadHeaderTimeout: header, ReadTimeout: read, IdleTimeout: time.Minute, ConnState: c.Track,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	return l.Addr().String(), c
}

// dialFrom connects from one of this machine's addresses.
func dialFrom(t *testing.T, from, to string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 0)), Timeout: 5 * time.Second}
	c, err := d.DialContext(t.Context(), "tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// answers asks over a connection and tells whether anything comes back.
func answers(c net.Conn) bool {
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return false
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return true
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestOneAddressHasSoManyConnectionsAndOthersTheirs(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	refused := map[string]int{}
	to, c := bounded(t, ConnectionOptions{Total: 100, PerAddress: 3, Refused: func(bound string) {
		mu.Lock()
		defer mu.Unlock()
		refused[bound]++
	}}, time.Minute, time.Minute)
	var kept []net.Conn
	for range 3 {
		kept = append(kept, dialFrom(t, "127.0.0.2", to))
	}
	waitFor(t, "three are open", func() bool { return c.Open() == 3 })
	if answers(dialFrom(t, "127.0.0.2", to)) {
		t.Error("a fourth was answered")
	}
	if !answers(dialFrom(t, "127.0.0.3", to)) || !answers(kept[1]) {
		t.Error("others and those before are not answered")
	}
	_ = kept[0].Close()
	waitFor(t, "its place is free", func() bool { return c.Open() == 3 }) // two, and the other address's
	if !answers(dialFrom(t, "127.0.0.2", to)) {
		t.Error("a free place was not given")
	}
	mu.Lock()
	defer mu.Unlock()
	if refused["address"] != 1 || refused["total"] != 0 {
		t.Errorf("refused: %v", refused)
	}
}

func TestAServerHasSoManyConnectionsInAllAndItsProxiesCountForNobody(t *testing.T) {
	t.Parallel()
	to, c := bounded(t, ConnectionOptions{Total: 6, PerAddress: 2, Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.9/32")}}, time.Minute, time.Minute)
	for range 5 {
		if !answers(dialFrom(t, "127.0.0.9", to)) {
			t.Fatal("a proxy's connection was refused")
		}
	}
	if !answers(dialFrom(t, "127.0.0.2", to)) {
		t.Error("the sixth was refused")
	}
	if answers(dialFrom(t, "127.0.0.3", to)) {
		t.Error("the seventh was answered")
	}
	if n := c.Open(); n != 6 {
		t.Errorf("%d are open", n)
	}
}

func TestATenthIsForProxiesAndThisMachine(t *testing.T) {
	t.Parallel()
	to, _ := bounded(t, ConnectionOptions{Total: 20, PerAddress: 1, Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.9/32")}}, time.Minute, time.Minute)
	for i := range 18 {
		if !answers(dialFrom(t, fmt.Sprintf("127.0.2.%d", i+1), to)) {
			t.Fatalf("stranger %d was refused", i)
		}
	}
	if answers(dialFrom(t, "127.0.2.99", to)) {
		t.Error("a stranger got a place of the last tenth")
	}
	for _, from := range []string{"127.0.0.9", "127.0.0.1"} {
		if !answers(dialFrom(t, from, to)) {
			t.Errorf("%s was refused", from)
		}
	}
	if answers(dialFrom(t, "127.0.0.1", to)) {
		t.Error("the total was passed")
	}
}

func TestThisMachineCountsForNobody(t *testing.T) {
	t.Parallel()
	to, _ := bounded(t, ConnectionOptions{Total: 100, PerAddress: 1}, time.Minute, time.Minute)
	for range 5 {
		if !answers(dialFrom(t, "127.0.0.1", to)) {
			t.Fatal("a connection of this machine was refused")
		}
	}
}

// Slow headers and slow bodies, from as many addresses as it takes: who asks meanwhile is
// answered at once, and when they are gone nothing is left of them. `make proofs` has
// 10,000 for a minute against the whole program.
func TestSlowConnectionsCostOthersNothingAndLeaveNothing(t *testing.T) { // not beside others: it counts goroutines and descriptors of the process
	const crowd = 600
	to, c := bounded(t, ConnectionOptions{Total: 2000, PerAddress: 50}, 700*time.Millisecond, 1200*time.Millisecond)
	goroutines, files := runtime.NumGoroutine(), descriptors()
	client := &http.Client{Timeout: 5 * time.Second}
	quiet := medianOf100(t, client, to) // also so that the client is connected before the crowd comes
	slow := make([]net.Conn, crowd)
	for i := range slow {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i%20))}}
		conn, err := d.DialContext(t.Context(), "tcp", to)
		if err != nil {
			t.Fatal(err)
		}
		slow[i] = conn
		if i%2 == 0 {
			_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
		} else {
			_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nX-A")
		}
	}
	if median := medianOf100(t, client, to); median > 100*time.Millisecond+5*quiet {
		t.Errorf("others wait %s, and %s before the crowd came", median, quiet)
	}
	client.CloseIdleConnections()
	waitFor(t, "the slow ones are thrown out", func() bool { return c.Open() == 0 })
	for _, conn := range slow {
		_ = conn.Close()
	}
	waitFor(t, fmt.Sprintf("%d goroutines and %d descriptors", goroutines, files), func() bool {
		return runtime.NumGoroutine() <= goroutines+5 && descriptors() <= files+5
	})
}

// medianOf100 is how long half of a hundred requests take, one after the other.
func medianOf100(t *testing.T, client *http.Client, to string) time.Duration {
	t.Helper()
	took := make([]time.Duration, 100)
	for i := range took {
		began := time.Now()
		resp, err := client.Get("http://" + to + "/")
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// descriptors are the open files of this process; 0 where that cannot be seen.
func descriptors() int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(list)
}
