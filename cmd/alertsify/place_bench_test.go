package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	placedPerSecond = 50
	placingTurns    = 4 // of the program, and of pgbench between them
	placingTime     = 7 * time.Second
	placingWarm     = time.Second // at the start of a turn, not counted
	placers         = 60          // people: nobody's account gets more than an order a second
)

// BenchmarkPlacing is the time from a request to place an order until its answer,
// the broker's not included: 50 a second come whatever became of those before
// them, to a server process with everything on and a database that keeps its
// promises (fsync). In turns with it, and with the program stopped,
// pgbench runs the same statements at the same rate: those that the database saw
// while an order was placed, so they are always the program's own; what the program
// sends together pgbench sends one by one. Of each turn the first second is left out:
// there the program catches up with its stop, and pgbench's connections are new. Only the ratios mean anything on a machine
// that others use too.
// One run is enough for all of it, so b.N is not looked at.
func BenchmarkPlacing(b *testing.B) {
	pgbench, err := exec.LookPath("pgbench")
	if err != nil {
		b.Skip("no pgbench to compare with; it comes with Postgres")
	}
	// The crowd and the brokers are in this process. They stand for other machines, so
	// their collecting should not take the cores from what is measured.
	defer debug.SetGCPercent(debug.SetGCPercent(heapGrowth))
	c := newCrowd(b, placers)
	c.mode("manual")
	server := startServer(b, built(b), c.stage.dir, hurried...)
	c.place(b, server.url, 0) // connections, plans and quotes are there
	c.load(b, server.url, 2*time.Second)
	scripts := c.overheard(b, server.url)
	var ours, bare latencies
	for range placingTurns {
		ours = append(ours, c.load(b, server.url, placingTime)[placedPerSecond*int(placingWarm/time.Second):]...)
		c.rest(b)
		server.pause(b)
		bare = append(bare, c.bare(b, pgbench, scripts)...)
		server.resume(b)
	}
	slices.Sort(ours)
	slices.Sort(bare)
	b.ReportMetric(ours.at(50), "p50-ms")
	b.ReportMetric(ours.at(99), "p99-ms")
	b.ReportMetric(bare.at(50), "bare-p50-ms")
	b.ReportMetric(bare.at(99), "bare-p99-ms")
	b.ReportMetric(ours.at(50)/bare.at(50), "ratio")
	b.ReportMetric(ours.at(99)/bare.at(99), "ratio-p99")
	b.ReportMetric(ours.mean()/bare.mean(), "ratio-mean")
	b.ReportMetric(float64(len(scripts[0].statements)), "statements")
	b.ReportMetric(float64(residentOf(b, server.child.Process.Pid))/(1<<20), "MiB")
	b.ReportMetric(0, "ns/op") // the time of the whole, not of one order
}

// place buys one contract for the i-th of the crowd.
func (c *crowd) place(b *testing.B, url string, i int) {
	b.Helper()
	if err := c.ask(url, i); err != nil {
		b.Fatal(err)
	}
}

func (c *crowd) ask(url string, i int) error {
	turn := i / placers
	strike := crowdStrikes()[turn%4] // quoted already, as what is on somebody's screen
	price := 5 + turn/4%10*5
	body := fmt.Sprintf(`{"side":"BTO","underlying":"AAPL","optionType":"call","strike":"%d","expiration":"`+expiryDate+`","quantity":1,"orderType":"Limit","limitPrice":"0.%02d"}`, strike, price)
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url+"/api/trading/orders", bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+c.tokens[i%placers])
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", uuid.NewString())
	resp, err := c.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusAccepted {
		return fmt.Errorf("placing: %d %s %w", resp.StatusCode, text, err)
	}
	return nil
}

// load places at the rate for a while and gives how long each took, from the
// moment it was due.
func (c *crowd) load(b *testing.B, url string, during time.Duration) latencies {
	b.Helper()
	n := int(during.Seconds() * placedPerSecond)
	took := make(latencies, n)
	var all sync.WaitGroup
	began := time.Now()
	for i := range n {
		due := began.Add(time.Duration(i) * time.Second / placedPerSecond)
		<-time.After(time.Until(due))
		c.n++
		order := c.n
		all.Go(func() {
			if err := c.ask(url, order); err != nil {
				b.Error(err)
			}
			took[i] = time.Since(due)
		})
	}
	all.Wait()
	return took
}

// latencies are in order.
type latencies []time.Duration

func (l latencies) at(percent int) float64 {
	return milliseconds(l[min(len(l)*percent/100, len(l)-1)])
}

func (l latencies) mean() float64 {
	var sum time.Duration
	for _, d := range l {
		sum += d
	}
	return milliseconds(sum / time.Duration(len(l)))
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

var failed = regexp.MustCompile(`(?m)^pgbench: error: .*$`)

// bare runs the scripts with pgbench at the same rate.
func (c *crowd) bare(b *testing.B, pgbench string, scripts []script) (took latencies) {
	b.Helper()
	dir := b.TempDir()
	args := []string{"-n", "-M", "prepared", "-c", "8", "-j", "2", "-R", strconv.Itoa(placedPerSecond), "-T", strconv.Itoa(int(placingTime.Seconds())),
		"-l", "--log-prefix", filepath.Join(dir, "log")}
	for i, s := range scripts {
		path := filepath.Join(dir, fmt.Sprintf("place%d.sql", i))
		if err := os.WriteFile(path, []byte(s.pgbench()), 0o600); err != nil {
			b.Fatal(err)
		}
		args = append(args, "-f", path)
	}
	began := time.Now()
	if out, err := exec.CommandContext(b.Context(), pgbench, append(args, c.stage.env["DATABASE_URL"])...).CombinedOutput(); err != nil {
		b.Fatalf("pgbench: %v: %q", err, failed.FindAll(out, 5)) // its report is long
	}
	logs, _ := filepath.Glob(filepath.Join(dir, "log.*"))
	for _, log := range logs {
		text, err := os.ReadFile(log)
		if err != nil {
			b.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			var client, transaction, us, script, seconds, micros int64
			if _, err := fmt.Sscan(string(line), &client, &transaction, &us, &script, &seconds, &micros); err != nil {
				b.Fatalf("pgbench wrote %q: %v", line, err)
			}
			if ended := time.UnixMicro(seconds*1_000_000 + micros); ended.Sub(began) > placingWarm {
				took = append(took, time.Duration(us)*time.Microsecond)
			}
		}
	}
	if len(took) == 0 {
		b.Fatal("pgbench ran nothing")
	}
	c.forget(b)
	return took
}

// forget removes what pgbench wrote, before the program takes it for orders.
func (c *crowd) forget(b *testing.B) {
	b.Helper()
	err := c.stage.db.InTx(b.Context(), func(ctx context.Context, tx pgx.Tx) error {
		for _, sql := range []string{
			`set local session_replication_role = replica`, // no triggers, no keys
			`delete from orders where id::text like '` + benchOrders + `%'`,
			`delete from order_events where order_id::text like '` + benchOrders + `%'`,
			`delete from idempotency_keys where key like 'bench-%'`,
			`delete from river_job where kind = 'order_send' and state = 'available'`,
		} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
