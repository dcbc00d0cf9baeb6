package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/app"
	"github.com/alertsify/alertsify/internal/postgres"
)

const (
	ingestTurns = 5 // of the program and of pgbench, one after the other
	ingestTime  = 4 * time.Second
	pacedTime   = 20 * time.Second
	pacedPerSec = 1000
	ingestCrowd = 32

	benchUser       = "0b0f6a2e-3c4d-4e5f-8a9b-1c2d3e4f5a6b"
	benchAccount    = "1c1f6a2e-3c4d-4e5f-8a9b-1c2d3e4f5a6c"
	benchConnection = "2d2f6a2e-3c4d-4e5f-8a9b-1c2d3e4f5a6d"
	benchBroker     = "3e3f6a2e-3c4d-4e5f-8a9b-1c2d3e4f5a6e"
)

// BenchmarkIngest is SnapTrade's webhooks, verified, stored each once, and answered, by the
// program's whole HTTP stack with its log, metrics and guard, in a process of its own. Those
// who send are another process, as pgbench is, which in turns with them runs the same insert
// into the same table of the same database, a statement for each transaction; the database
// keeps its promises (fsync on). The ratio is our rate divided by pgbench's, a median of
// turns; plain is the same of a handler that reads, inserts and answers, and nothing else: what
// Go's server and the driver leave over for us. What becomes of stored events later is no part of it: nobody works them here.
// One run is enough for all of it, so b.N is not looked at.
func BenchmarkIngest(b *testing.B) {
	pgbench, err := exec.LookPath("pgbench")
	if err != nil {
		b.Skip("no pgbench to compare with; it comes with Postgres")
	}
	d := openDoor(b)
	d.run(1, 2*time.Second) // connections and plans are there
	for _, clients := range []int{1, ingestCrowd} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			var ratios, plains, rates []float64
			var times []sent
			for range ingestTurns {
				bare := d.bare(b, pgbench, clients)
				ours := d.run(clients, ingestTime)
				plain := d.send(b, sending{Path: plainPath, Clients: clients, Time: ingestTime})
				ratios, rates, times = append(ratios, ours.perSecond()/bare), append(rates, bare), append(times, ours)
				plains = append(plains, plain.perSecond()/bare)
			}
			slices.SortFunc(times, func(x, y sent) int { return int(x.P99 - y.P99) })
			median := times[len(times)/2]
			b.ReportMetric(middle(ratios), "ratio")
			b.ReportMetric(middle(plains), "plain-ratio")
			b.ReportMetric(middle(rates), "pgbench/s")
			b.ReportMetric(median.perSecond(), "hooks/s")
			d.report(b, median)
		})
	}
	b.Run("1000-a-second", func(b *testing.B) {
		d.report(b, d.send(b, sending{Clients: ingestCrowd, PerSec: pacedPerSec, Time: pacedTime, WarmTime: time.Second}))
	})
	b.Run("repeats", func(b *testing.B) { d.repeats(b) })
}

// repeats sends many events of which three in ten were sent before, and looks that each is
// one row, and what the process had for memory before and after.
func (d *door) repeats(b *testing.B) {
	before := d.resident(b)
	many := d.send(b, sending{Clients: ingestCrowd, Events: ingestEvents(b), Time: time.Hour, Repeats: 30})
	after := d.resident(b)
	b.ReportMetric(float64(many.Events), "events")
	b.ReportMetric(many.perSecond(), "hooks/s")
	b.ReportMetric(float64(before)/(1<<20), "MiB-start")
	b.ReportMetric(float64(after-before)/(1<<20), "MiB-grown")
	d.report(b, many)
}

// ingestEvents is INGEST_EVENTS, a hundred thousand without.
func ingestEvents(b *testing.B) int {
	b.Helper()
	given := os.Getenv("INGEST_EVENTS")
	if given == "" {
		return 100_000
	}
	n, err := strconv.Atoi(given)
	if err != nil || n < 1 {
		b.Fatalf("INGEST_EVENTS=%s is no number of events", given)
	}
	return n
}

func (d *door) report(b *testing.B, s sent) {
	b.Helper()
	b.ReportMetric(milliseconds(s.P50), "p50-ms")
	b.ReportMetric(milliseconds(s.P99), "p99-ms")
	b.ReportMetric(float64(d.resident(b))/(1<<20), "MiB")
	b.ReportMetric(float64(s.Used.Microseconds())/float64(s.Events), "us-of-senders")
	b.ReportMetric(0, "ns/op")
}

func middle(of []float64) float64 {
	of = slices.Sorted(slices.Values(of))
	return of[len(of)/2]
}

// door is a process that answers webhooks and does nothing else, on a stage whose database
// is on disk.
type door struct {
	b     *testing.B
	stage *stage
	port  int
	pid   int
}

func openDoor(b *testing.B) *door {
	b.Helper()
	dir, err := openFolderIn("", "alertsify-bench-") // on the disk, whose promises are measured
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	d := &door{b: b}
	d.stage, err = raise(b.Context(), stageOptions{
		Dir: dir, Addr: "127.0.0.1:0", SandboxAddr: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler), Env: app.Map(nil),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(d.stage.strike)
	child := exec.CommandContext(context.Background(), os.Args[0], "-test.run=^TestDoorOfABenchmark$", "-test.timeout=2h")
	child.Env = append(os.Environ(), "BENCH_DOOR="+dir)
	stdin, err := child.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := child.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = stdin.Close()
		if err := child.Wait(); err != nil {
			b.Errorf("the door: %v", err)
		}
	})
	d.pid = child.Process.Pid
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if _, err := fmt.Sscanf(lines.Text(), "the door is port %d", &d.port); err == nil {
			return d
		}
	}
	b.Fatal("the door did not open")
	return nil
}

// TestDoorOfABenchmark is no test: in the process of BenchmarkIngest's door it is the
// program, built as `serve` builds it, without what happens by itself. Its log goes where
// nobody reads it, but is written.
func TestDoorOfABenchmark(t *testing.T) {
	dir := os.Getenv("BENCH_DOOR")
	if dir == "" {
		t.Skip("the door of BenchmarkIngest")
	}
	debug.SetGCPercent(heapGrowth)
	log, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := load(console{out: os.Stdout, err: log, env: app.Map(nil)}, app.Development, dir)
	if err != nil {
		t.Fatal(err)
	}
	a, err := app.New(t.Context(), cfg, logger(console{err: log}, "info", "json"))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	handler, closePlain, err := besidePlain(t.Context(), a.Handler(), cfg.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer closePlain()
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = server.Shutdown(context.Background())
	}()
	fmt.Printf("the door is port %d\n", listener.Addr().(*net.TCPAddr).Port)
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
	a.Close()
}

const plainPath = "/plain"

// besidePlain puts a plain handler beside ours, with connections of its own.
func besidePlain(ctx context.Context, ours http.Handler, url string) (http.Handler, func(), error) {
	db, err := postgres.Open(ctx, postgres.Options{URL: url, AppName: "plain"})
	if err != nil {
		return nil, nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != plainPath {
			ours.ServeHTTP(w, r)
			return
		}
		var e struct{ AccountID, BrokerageAuthorizationID, EventType, UserID, WebhookID string }
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err == nil {
			err = json.Unmarshal(body, &e)
		}
		if err == nil {
			_, err = db.Pool().Exec(r.Context(), `
				insert into inbound_webhooks (provider, webhook_id, event_type, user_ref, account_ref, connection_ref, event_time, stale, payload)
				values ('snaptrade', $1, $2, $3, $4, $5, now(), false, null) on conflict do nothing`,
				e.WebhookID, e.EventType, e.UserID, e.AccountID, e.BrokerageAuthorizationID)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = io.WriteString(w, thanked)
	}), db.Close, nil
}

// run sends as fast as events are answered.
func (d *door) run(clients int, during time.Duration) sent {
	d.b.Helper()
	return d.send(d.b, sending{Clients: clients, Time: during})
}

// send sends, and looks that each id is in the inbox once, and nothing else.
func (d *door) send(b *testing.B, what sending) sent {
	b.Helper()
	what.Path = cmp.Or(what.Path, "/api/webhooks/snaptrade")
	what.Name, what.Port, what.Key = uuid.NewString(), d.port, d.stage.env["SNAPTRADE_CONSUMER_KEY"]
	s := send(b, what)
	var rows, ids int
	err := d.stage.db.Pool().QueryRow(b.Context(), `select count(*), count(distinct webhook_id) from inbound_webhooks where webhook_id >= $1 and webhook_id < $1 || 'z'`, what.Name+"-").
		Scan(&rows, &ids)
	if err != nil {
		b.Fatal(err)
	}
	if rows != s.Distinct || ids != s.Distinct {
		b.Errorf("%d events of %d ids are %d rows of %d ids", s.Events, s.Distinct, rows, ids)
	}
	return s
}

const ingestScript = `\set r random(1, 9000000000000000000)
insert into inbound_webhooks (provider, webhook_id, event_type, user_ref, account_ref, connection_ref, event_time, stale, payload)
values ('snaptrade', '0f0f6a2e-3c4d-4e5f-8a9b-' || :client_id || '-' || :r, 'ACCOUNT_HOLDINGS_UPDATED', '` + benchUser + `', '` + benchAccount + `', '` + benchConnection + `', now(), false, null)
on conflict do nothing;
`

var tps = regexp.MustCompile(`tps = ([0-9.]+)`)

// bare is how many of the same inserts pgbench does in a second.
func (d *door) bare(b *testing.B, pgbench string, clients int) float64 {
	b.Helper()
	script := filepath.Join(b.TempDir(), "ingest.sql")
	if err := os.WriteFile(script, []byte(ingestScript), 0o600); err != nil {
		b.Fatal(err)
	}
	out, err := exec.CommandContext(b.Context(), pgbench, "-n", "-M", "prepared", "-c", strconv.Itoa(clients), "-j", strconv.Itoa(min(clients, 2)),
		"-T", strconv.Itoa(int(ingestTime.Seconds())), "-f", script, d.stage.env["DATABASE_URL"]).CombinedOutput()
	found := tps.FindSubmatch(out)
	if err != nil || found == nil {
		b.Fatalf("pgbench: %v: %s", err, out)
	}
	rate, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		b.Fatal(err)
	}
	return rate
}

// resident is the memory of the door's process, in bytes.
func (d *door) resident(b *testing.B) int64 { return residentOf(b, d.pid) }
