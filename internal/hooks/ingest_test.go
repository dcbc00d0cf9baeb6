package hooks_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/hooks"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/inbox"
	"github.com/alertsify/alertsify/internal/postgres"
)

const (
	clients  = 32
	turns    = 3
	turnTime = 4 * time.Second
)

// BenchmarkWebhookIngest compares the webhook door, asked over real HTTP by 32
// clients with signed distinct bodies, with pgbench sending the same insert, one
// statement for each transaction, with as many clients, on the same server in
// turns. The server keeps its promises (fsync on). Only the ratio means anything:
// the door's rate divided by pgbench's. The clients run in this process too and
// take their share of the processors, as pgbench's do.
func BenchmarkWebhookIngest(b *testing.B) {
	bench, err := exec.LookPath("pgbench")
	if err != nil {
		b.Skip("no pgbench to compare with; it comes with Postgres")
	}
	url := durableServer(b)
	address := openDoor(b, url)
	b.ReportAllocs()
	var ours, theirs float64
	for range b.N {
		for turn := range turns {
			theirs += pgbench(b, bench, url)
			ours += ingest(b, address, strconv.Itoa(b.N)+"-"+strconv.Itoa(turn))
		}
	}
	n := float64(b.N * turns)
	b.ReportMetric(ours/theirs, "ratio")
	b.ReportMetric(ours/n, "hooks/s")
	b.ReportMetric(theirs/n, "pgbench/s")
}

// openDoor serves the route, with the request record around it, as the program does.
func openDoor(b *testing.B, url string) string {
	b.Helper()
	db, err := postgres.Open(context.Background(), postgres.Options{URL: url, MaxConns: 8})
	if err != nil {
		b.Fatal(err)
	}
	box := inbox.New(inbox.Options{DB: db})
	front, err := httpio.Front(httpio.FrontOptions{AppURL: "http://127.0.0.1", Logger: quiet()})
	if err != nil {
		b.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	h := hooks.New(hooks.Options{Inbox: box, Snaptrade: client(b)})
	server := &http.Server{Handler: front(httpio.Handler(h.Snaptrade)), ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	b.Cleanup(func() {
		_ = server.Close()
		<-served
		box.Close()
		db.Close()
	})
	return "http://" + listener.Addr().String() + "/api/webhooks/snaptrade"
}

// ingest posts from so many clients for one turn and tells how many a second were
// stored. Bodies are made and signed before the clock starts.
func ingest(b *testing.B, address, name string) float64 {
	b.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: clients}
	defer transport.CloseIdleConnections()
	bodies := make([][]signed, clients)
	for c := range clients {
		bodies[c] = prepare(name + "-" + strconv.Itoa(c) + "-")
	}
	var done atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for c := range clients {
		all.Go(func() {
			for _, s := range bodies[c] {
				if time.Since(began) >= turnTime {
					return
				}
				if err := post(transport, address, s); err != nil {
					b.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	all.Wait()
	return float64(done.Load()) / time.Since(began).Seconds()
}

// signed is one webhook ready to go.
type signed struct {
	body      []byte
	signature string
}

// prepare makes more than one client can send in a turn.
func prepare(name string) []signed {
	const enough = 4_000
	at := time.Now()
	list := make([]signed, enough)
	for i := range list {
		body := event(name+strconv.Itoa(i), at)
		list[i] = signed{body: []byte(body), signature: sign(body)}
	}
	return list
}

func post(transport *http.Transport, address string, s signed) error {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, address, bytes.NewReader(s.body))
	if err != nil {
		return err
	}
	r.Header["Content-Type"] = []string{"application/json"}
	r.Header["Signature"] = []string{s.signature}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return &statusError{answer.StatusCode}
	}
	return nil
}

type statusError struct{ status int }

func (e *statusError) Error() string { return "status " + strconv.Itoa(e.status) }

// durableServer starts a private cluster on disk.
func durableServer(b *testing.B) string {
	b.Helper()
	dir, err := os.MkdirTemp("", "alertsify-bench-")
	if err != nil {
		b.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { // the server's user passes through
		b.Fatal(err)
	}
	p, err := postgres.StartPrivate(context.Background(), postgres.PrivateOptions{Dir: filepath.Join(dir, "pg")})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := p.Stop(context.Background()); err != nil {
			b.Error(err)
		}
		os.RemoveAll(dir)
	})
	if err := postgres.Migrate(context.Background(), p.URL("postgres")); err != nil {
		b.Fatal(err)
	}
	return p.URL("postgres")
}

const pgbenchScript = `\set r random(1, 9000000000000000000)
insert into inbound_webhooks (provider, webhook_id, event_type, user_ref, account_ref, connection_ref, event_time, stale, payload)
values ('snaptrade', 'bench-' || :client_id || '-' || :r, 'ACCOUNT_HOLDINGS_UPDATED', 'u-1', 'a-1', '', now(), false, null)
on conflict do nothing;
`

func pgbench(b *testing.B, bin, url string) float64 {
	b.Helper()
	script := filepath.Join(b.TempDir(), "ingest.sql")
	if err := os.WriteFile(script, []byte(pgbenchScript), 0o600); err != nil {
		b.Fatal(err)
	}
	out, err := exec.Command(bin, "-n", "-M", "prepared", "-c", strconv.Itoa(clients), "-j", "2",
		"-T", strconv.Itoa(int(turnTime.Seconds())), "-f", script, url).CombinedOutput()
	if err != nil {
		b.Fatalf("pgbench: %v: %s", err, out)
	}
	found := regexp.MustCompile(`tps = ([0-9.]+)`).FindSubmatch(out)
	if found == nil {
		b.Fatalf("pgbench said %s", out)
	}
	tps, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		b.Fatal(err)
	}
	return tps
}

// quiet encodes every line and throws it away: writing the log costs what it does
// in the program, without a terminal in the way.
func quiet() *slog.Logger {
	return slog.New(slog.NewJSONHandler(io.Discard, nil)) //nolint:sloglint // the encoding is part of what is measured
}
