package api

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/live"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/users"
)

const (
	listeners = 5000 // the product's most for one process
	crowdSize = 50   // people they belong to
	pad       = 1000 // bytes of an event
)

// BenchmarkStreams has 5,000 pages listen over real TCP, from a process of their own:
// what each costs while nothing happens, and when the last of them has heard an event
// that was published for all, from before its transaction on. The second has one page of twenty
// never read; the third, beside which to see the first, gives each a goroutine.
func BenchmarkStreams(b *testing.B) {
	for _, c := range []struct {
		name      string
		deaf      int
		goroutine bool
	}{{"held", 0, false}, {"held, 5 % never read", listeners / 20, false}, {"a goroutine each", 0, true}} {
		b.Run(c.name, func(b *testing.B) { benchStreams(b, c.deaf, c.goroutine) })
	}
}

func benchStreams(b *testing.B, deaf int, goroutine bool) {
	db := pgtest.New(b)
	hub, err := live.NewHub(b.Context(), live.Options{DB: db, PerUser: listeners})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(hub.Close)
	address, tokens := serveEvents(b, db, hub, goroutine)
	before := resident(b)
	crowd := gather(b, address, tokens, deaf)
	for end := time.Now().Add(time.Minute); hub.Open() < listeners; {
		if time.Now().After(end) {
			b.Fatalf("%d of %d pages listen", hub.Open(), listeners)
		}
		<-time.After(10 * time.Millisecond)
	}
	each := float64(resident(b)-before) / listeners
	var last, median []time.Duration
	for b.Loop() {
		err := db.InTx(b.Context(), func(ctx context.Context, tx pgx.Tx) error {
			return live.Publish(ctx, tx, uuid.Nil, "bench", map[string]any{"sent": time.Now().UnixNano(), "pad": strings.Repeat("x", pad)})
		})
		if err != nil {
			b.Fatal(err)
		}
		heard := crowd.heard(b)
		last, median = append(last, heard[1]), append(median, heard[0])
	}
	slices.Sort(last)
	slices.Sort(median)
	b.ReportMetric(each, "B-resident/page")
	b.ReportMetric(float64(last[len(last)/2].Milliseconds()), "last-ms")
	b.ReportMetric(float64(last[len(last)-1].Milliseconds()), "worst-ms")
	b.ReportMetric(float64(median[len(median)/2].Milliseconds()), "p50-ms")
	b.ReportMetric(float64(listeners-hub.Open()), "given-up")
}

// serveEvents is a server with the one route, behind everything that stands before it.
func serveEvents(b *testing.B, db *postgres.DB, hub *live.Hub, goroutine bool) (address string, tokens []string) {
	b.Helper()
	directory := users.New(db)
	guard, err := auth.New(auth.Options{DB: db, Users: directory, AppURL: "http://localhost"})
	if err != nil {
		b.Fatal(err)
	}
	for i := range crowdSize {
		name := "page" + strconv.Itoa(i)
		u, err := guard.EnsurePerson(b.Context(), "sandbox", name, users.NewUser{Username: name, Name: name, Role: users.Subscriber})
		if err != nil {
			b.Fatal(err)
		}
		text, _, err := guard.MakeToken(b.Context(), u.ID, "bench", auth.ScopeRead)
		if err != nil {
			b.Fatal(err)
		}
		tokens = append(tokens, text.Reveal())
	}
	o := Options{Guard: guard, Users: directory, Hub: hub, Seats: httpio.NewSeats(listeners, listeners, listeners)}
	if !goroutine {
		o.Streams = httpio.NewStreams(httpio.StreamOptions{})
		b.Cleanup(o.Streams.Close)
	}
	front, err := httpio.Front(httpio.FrontOptions{AppURL: "http://localhost", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: front(guard.Require(auth.SignedIn)(httpio.Handler(New(o).events))), ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(tight{l}) }()
	b.Cleanup(func() { _ = server.Close() })
	return l.Addr().String(), tokens
}

// tight gives its connections little room, so that who does not read is noticed soon.
type tight struct{ net.Listener }

func (t tight) Accept() (net.Conn, error) {
	conn, err := t.Listener.Accept()
	if socket, ok := conn.(*net.TCPConn); ok {
		err = socket.SetWriteBuffer(8 << 10)
	}
	return conn, err
}

// resident is the memory of this process that is in use, after what is not needed any
// more was given back.
func resident(b *testing.B) int {
	b.Helper()
	for range 2 {
		runtime.GC()
		debug.FreeOSMemory()
	}
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Skip("the memory of a process is read from /proc")
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		b.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// listening is the process in which the pages are.
type listening struct{ lines *bufio.Scanner }

func gather(b *testing.B, address string, tokens []string, deaf int) *listening {
	b.Helper()
	child := exec.CommandContext(b.Context(), os.Args[0], "-test.run=^TestPagesOfABenchmark$")
	child.Env = append(os.Environ(), "BENCH_PAGES="+address, "BENCH_DEAF="+strconv.Itoa(deaf), "BENCH_TOKENS="+strings.Join(tokens, " "))
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := child.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = child.Process.Kill(); _ = child.Wait() })
	l := &listening{lines: bufio.NewScanner(out)}
	l.await(b, "all listen")
	return l
}

func (l *listening) await(b *testing.B, prefix string) string {
	b.Helper()
	for l.lines.Scan() {
		if rest, ok := strings.CutPrefix(l.lines.Text(), prefix); ok {
			return rest
		}
	}
	b.Fatalf("the pages ended before %q", prefix)
	return ""
}

// heard waits until all who read have the event: after what time half of them, and all.
func (l *listening) heard(b *testing.B) (times [2]time.Duration) {
	b.Helper()
	if _, err := fmt.Sscan(l.await(b, "heard"), &times[0], &times[1]); err != nil {
		b.Fatal(err)
	}
	return times
}

// TestPagesOfABenchmark is no test: in the process of BenchmarkStreams' pages it is they.
func TestPagesOfABenchmark(t *testing.T) {
	address := os.Getenv("BENCH_PAGES")
	if address == "" {
		t.Skip("the pages of BenchmarkStreams")
	}
	deaf, _ := strconv.Atoi(os.Getenv("BENCH_DEAF"))
	tokens := strings.Fields(os.Getenv("BENCH_TOKENS"))
	arrived := make(chan time.Duration, listeners)
	held := make([]*bufio.Reader, listeners) // a connection that nobody holds is closed when it is collected
	var opened sync.WaitGroup
	atOnce := make(chan struct{}, 32)
	for i := range listeners {
		opened.Go(func() {
			atOnce <- struct{}{}
			defer func() { <-atOnce }()
			reader, err := openPage(address, tokens[i%len(tokens)], i < deaf)
			if err != nil {
				t.Errorf("page %d: %v", i, err)
				return
			}
			held[i] = reader
			if i >= deaf {
				go hear(reader, arrived)
			}
		})
	}
	opened.Wait()
	fmt.Println("all listen")
	for {
		times := make([]time.Duration, 0, listeners)
		for range listeners - deaf {
			times = append(times, <-arrived)
		}
		slices.Sort(times)
		fmt.Println("heard", int64(times[len(times)/2]), int64(times[len(times)-1]))
		runtime.KeepAlive(held)
	}
}

// openPage opens a stream. A deaf one asks and never reads, with as little room as it gets.
func openPage(address, token string, deaf bool) (*bufio.Reader, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	if deaf {
		err = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	}
	if err == nil {
		_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "+token+"\r\n\r\n")
	}
	reader := bufio.NewReaderSize(conn, 2<<10)
	for line := ""; err == nil && !deaf && !strings.HasPrefix(line, "retry"); {
		line, err = reader.ReadString('\n')
	}
	return reader, err
}

// hear tells how old each event is when it comes.
func hear(reader *bufio.Reader, arrived chan<- time.Duration) {
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			return
		}
		if _, sent, found := strings.Cut(line, `"sent":`); found {
			sent, _, _ = strings.Cut(strings.TrimSpace(sent), "}")
			sent, _, _ = strings.Cut(strings.TrimSpace(sent), ",")
			nanos, err := strconv.ParseInt(strings.TrimSpace(sent), 10, 64)
			if err != nil {
				return
			}
			arrived <- time.Since(time.Unix(0, nanos))
		}
	}
}
