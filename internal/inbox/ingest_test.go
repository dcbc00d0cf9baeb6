package inbox_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/inbox"
	"github.com/alertsify/alertsify/internal/postgres"
)

// BenchmarkIngest compares Put with pgbench sending the same insert, one statement
// for each transaction, with as many clients, on the same server in turns. The server
// keeps its promises (fsync on). Only the ratio means anything: "ratio" is Put's rate
// divided by pgbench's.
func BenchmarkIngest(b *testing.B) {
	for _, clients := range []int{1, 32} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) { benchmarkIngest(b, clients) })
	}
}

const (
	turns    = 3
	turnTime = 3 * time.Second
)

func benchmarkIngest(b *testing.B, clients int) {
	bench, err := exec.LookPath("pgbench")
	if err != nil {
		b.Skip("no pgbench to compare with; it comes with Postgres")
	}
	url := durableServer(b)
	db, err := postgres.Open(context.Background(), postgres.Options{URL: url, MaxConns: 8})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	in := inbox.New(inbox.Options{DB: db})
	defer in.Close()

	b.ReportAllocs()
	var ours, theirs float64
	for range b.N {
		for turn := range turns {
			theirs += pgbench(b, bench, url, clients)
			ours += ingest(b, in, clients, fmt.Sprintf("%d-%d", b.N, turn))
		}
	}
	n := float64(b.N * turns)
	b.ReportMetric(ours/theirs, "ratio")
	b.ReportMetric(ours/n, "put/s")
	b.ReportMetric(theirs/n, "pgbench/s")
}

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

// ingest puts events from so many clients for one turn and tells how many a second.
func ingest(b *testing.B, in *inbox.Inbox, clients int, name string) float64 {
	b.Helper()
	ctx := context.Background()
	var done atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for c := range clients {
		all.Go(func() {
			for i := 0; time.Since(began) < turnTime; i++ {
				fresh, err := in.Put(ctx, event(name+"-"+strconv.Itoa(c)+"-"+strconv.Itoa(i)))
				if err != nil || !fresh {
					b.Errorf("put: %v, %v", fresh, err)
					return
				}
				done.Add(1)
			}
		})
	}
	all.Wait()
	return float64(done.Load()) / time.Since(began).Seconds()
}

const pgbenchScript = `\set r random(1, 9000000000000000000)
insert into inbound_webhooks (provider, webhook_id, event_type, user_ref, account_ref, connection_ref, event_time, stale, payload)
values ('snaptrade', 'bench-' || :client_id || '-' || :r, 'ACCOUNT_HOLDINGS_UPDATED', 'u', 'a', 'c', now(), false, null)
on conflict do nothing;
`

func pgbench(b *testing.B, bin, url string, clients int) float64 {
	b.Helper()
	script := filepath.Join(b.TempDir(), "ingest.sql")
	if err := os.WriteFile(script, []byte(pgbenchScript), 0o600); err != nil {
		b.Fatal(err)
	}
	out, err := exec.Command(bin, "-n", "-M", "prepared", "-c", strconv.Itoa(clients), "-j", strconv.Itoa(min(clients, 2)),
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
