package status

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/pgtest"
)

// Who runs is listed; who ended or fell silent is not, and is forgotten in the end.
func TestWhoRunsIsListed(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	r, ctx := NewRecorder(db), t.Context()
	old := Instance{ID: uuid.New(), Version: "v1", Protocol: 1, Part: "all"}
	fresh := Instance{ID: uuid.New(), Version: "v2", Protocol: 2, Part: "only-jobs"}
	beat := func(i Instance) {
		t.Helper()
		if err := r.Beat(ctx, i); err != nil {
			t.Fatal(err)
		}
	}
	silent := func(i Instance, age string) {
		t.Helper()
		if _, err := db.Pool().Exec(ctx, `update instances set seen_at = seen_at - $2::interval where id = $1`, i.ID, age); err != nil {
			t.Fatal(err)
		}
	}
	want := func(versions ...string) {
		t.Helper()
		list, err := r.Instances(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, i := range list {
			if i.Seen.Before(i.StartedAt.Add(-time.Minute)) || i.Protocol != map[string]int{"v1": 1, "v2": 2}[i.Version] ||
				i.Part != map[string]string{"v1": "all", "v2": "only-jobs"}[i.Version] {
				t.Errorf("%+v", i)
			}
			got = append(got, i.Version)
		}
		if len(got) != len(versions) {
			t.Fatalf("%v run, want %v", got, versions)
		}
		for i := range got {
			if got[i] != versions[i] {
				t.Fatalf("%v run, want %v", got, versions)
			}
		}
	}
	beat(old)
	beat(old)
	beat(fresh)
	want("v1", "v2")
	silent(old, "30 seconds")
	want("v2")
	beat(old)
	want("v1", "v2")
	if err := r.Leave(ctx, fresh.ID); err != nil {
		t.Fatal(err)
	}
	want("v1")
	silent(old, "11 minutes")
	beat(fresh)
	want("v2")
	var rows int
	if err := db.Pool().QueryRow(ctx, `select count(*) from instances`).Scan(&rows); err != nil || rows != 1 {
		t.Errorf("%d rows, %v", rows, err)
	}
}
