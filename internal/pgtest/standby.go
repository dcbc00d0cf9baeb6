package pgtest

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/postgres"
)

// Standby gives the address of a migrated database on a server of its own that is a standby:
// it is read and takes no writes until promote is called.
func Standby(t testing.TB) (address string, promote func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*waitMax)
	defer cancel()
	root, err := openRoot()
	if err != nil {
		t.Fatalf("standby: %v", err)
	}
	mother, err := ensureMother(ctx, root)
	if err != nil {
		t.Fatalf("standby: %v", err)
	}
	dir := filepath.Join(root, "run-"+strconv.Itoa(os.Getpid())+"-"+uuid.NewString()[:8])
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := copyCluster(ctx, mother, dir); err != nil {
		t.Fatalf("standby: %v", err)
	}
	//nolint:gosec // the server's user reads it; nothing is in it
	if err := os.WriteFile(filepath.Join(dir, "data", "standby.signal"), nil, 0o644); err != nil {
		t.Fatalf("standby: %v", err)
	}
	cluster, err := postgres.StartPrivate(ctx, postgres.PrivateOptions{Dir: dir, Throwaway: true})
	if err != nil {
		t.Fatalf("standby: %v", err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(context.Background()); err != nil {
			t.Errorf("stop the standby: %v", err)
		}
	})
	return cluster.URL(templateName), func() {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), cluster.URL("postgres"))
		if err != nil {
			t.Fatalf("promote: %v", err)
		}
		defer conn.Close(context.Background())
		if _, err := conn.Exec(t.Context(), "select pg_promote()"); err != nil {
			t.Fatalf("promote: %v", err)
		}
	}
}
