package inbox_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/inbox"
	"github.com/alertsify/alertsify/internal/pgtest"
)

// Who leaves takes nobody along who shares a commit with them.
func TestARequestThatLeavesDoesNotCancelItsBatch(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	b := newInbox(t, db)
	hold, err := db.Pool().Begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := hold.Exec(context.Background(), "lock table inbound_webhooks in exclusive mode"); err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithCancel(context.Background())
	var all, gone sync.WaitGroup
	for i := range 20 {
		all.Go(func() { put(t, b, event(fmt.Sprint("stays ", i))) })
		gone.Go(func() {
			if _, err := b.Put(ctx, event(fmt.Sprint("leaves ", i))); err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	waitForTheTable(t, hold)
	leave()
	gone.Wait()
	if err := hold.Rollback(context.Background()); err != nil {
		t.Fatal(err)
	}
	all.Wait()
	if n := rows(t, db, "webhook_id like 'stays %'"); n != 20 {
		t.Errorf("%d of 20 were stored", n)
	}
}

// waitForTheTable returns as soon as one waits for the table that hold has locked; who
// comes meanwhile shares the commits after it. Nobody waits longer than lock_timeout.
func waitForTheTable(t *testing.T, hold pgx.Tx) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; <-time.After(5 * time.Millisecond) {
		var waits bool
		// pg_stat_activity would not change within a transaction.
		err := hold.QueryRow(t.Context(), `
			select exists (select from pg_locks l join pg_database d on d.oid = l.database
				where d.datname = current_database() and l.relation = 'inbound_webhooks'::regclass and not l.granted)`).Scan(&waits)
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("nobody waits for the table: %v", err)
		}
		if waits {
			return
		}
	}
}

// INV-34: what was acknowledged before kill -9 is there, and nothing twice.
func TestWhatWasAcknowledgedSurvivesKillingTheProcess(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProcessThatIsKilled$")
	child.Env = append(os.Environ(), "INBOX_KILLED="+url)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var acknowledged []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if id, ok := strings.CutPrefix(lines.Text(), "stored "); ok {
			acknowledged = append(acknowledged, id)
		}
		if len(acknowledged) == 500 {
			_ = child.Process.Kill() // what it had said until then is read to its end
		}
	}
	_ = child.Wait()
	if len(acknowledged) < 500 {
		t.Fatalf("only %d were acknowledged", len(acknowledged))
	}
	var stored int
	err = pgtest.Open(t, url).Pool().QueryRow(t.Context(), `select count(*) from inbound_webhooks where webhook_id = any($1)`, acknowledged).Scan(&stored)
	if err != nil || stored != len(acknowledged) {
		t.Errorf("%d were acknowledged, %d are stored (%v)", len(acknowledged), stored, err)
	}
}

// TestProcessThatIsKilled is no test: in the process that is killed it stores and says so.
func TestProcessThatIsKilled(t *testing.T) {
	url := os.Getenv("INBOX_KILLED")
	if url == "" {
		t.Skip("the process of TestWhatWasAcknowledgedSurvivesKillingTheProcess")
	}
	b := inbox.New(inbox.Options{DB: pgtest.Open(t, url)})
	var next atomic.Int64
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			for {
				id := fmt.Sprint(next.Add(1))
				if _, err := b.Put(context.Background(), event(id)); err != nil {
					t.Error(err)
					return
				}
				fmt.Println("stored " + id)
			}
		})
	}
	all.Wait()
}
