package status

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
)

// queue is one with jobs in every state, and an operator.
func queue(t *testing.T) (jobs *Jobs, db *postgres.DB, operator uuid.UUID) {
	t.Helper()
	db = pgtest.New(t)
	add, err := postgres.NewQueue(db)
	if err != nil {
		t.Fatal(err)
	}
	operator = uuid.New()
	for _, sql := range []string{
		`insert into users (id, username, name, role) values ('` + operator.String() + `', 'root', 'Root', 'admin')`,
		`insert into river_job (id, queue, kind, args, max_attempts, state, scheduled_at) values
			(1, 'sends', 'order_send', '{}', 25, 'available', now() - interval '90 seconds'), (2, 'sends', 'order_send', '{}', 25, 'available', now() - interval '2 seconds'),
			(3, 'sends', 'order_send', '{}', 25, 'scheduled', now() + interval '1 minute'), (4, 'hourly', 'leaderboard', '{}', 5, 'running', now())`,
		`insert into river_job (id, queue, kind, args, max_attempts, state, finalized_at) values
			(5, 'sends', 'order_send', '{}', 25, 'completed', now() - interval '1 minute'), (6, 'sends', 'order_send', '{}', 25, 'completed', now() - interval '2 hours'),
			(7, 'sends', 'order_send', '{}', 25, 'cancelled', now())`,
		`insert into river_job (id, queue, kind, args, max_attempts, attempt, state, scheduled_at, errors) values
			(8, 'hourly', 'leaderboard', '{}', 5, 2, 'retryable', now() + interval '16 seconds', array['{"at":"2026-01-15T14:00:00Z","error":"first"}', '{"at":"2026-01-15T14:30:00Z","error":"make the boards: timeout"}']::jsonb[])`,
		`insert into river_job (id, queue, kind, args, max_attempts, attempt, state, finalized_at, errors) values
			(9, 'sends', 'order_send', '{}', 25, 25, 'discarded', now(), array['{"at":"2026-01-15T14:30:00Z","error":"lost"}']::jsonb[])`,
	} {
		if _, err := db.Pool().Exec(context.Background(), sql); err != nil {
			t.Fatal(err)
		}
	}
	return NewJobs(db, add), db, operator
}

// Jobs are counted by what becomes of them; how long the oldest waits is that of one that
// could be worked.
func TestTheQueueIsCounted(t *testing.T) {
	t.Parallel()
	jobs, _, _ := queue(t)
	list, err := jobs.Now(context.Background())
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	boards, sends := list[0], list[1]
	if boards.Kind != "leaderboard" || boards.Running != 1 || boards.Failing != 1 || boards.Oldest != nil {
		t.Errorf("boards: %+v", boards)
	}
	if sends.Waiting != 2 || sends.Later != 1 || sends.GivenUp != 1 || sends.Done != 1 || sends.Oldest == nil {
		t.Fatalf("sends: %+v", sends)
	}
	if age := time.Since(*sends.Oldest); age < 80*time.Second || age > 5*time.Minute {
		t.Errorf("the oldest waits for %s", age)
	}
}

func TestFailedJobsSayWhatWentWrongLast(t *testing.T) {
	t.Parallel()
	jobs, _, _ := queue(t)
	page, next, err := jobs.Failed(context.Background(), 1, 0)
	if err != nil || len(page) != 1 || page[0].ID != 9 || !page[0].GivenUp || page[0].Error != "lost" || next != 9 {
		t.Fatalf("%+v, %d, %v", page, next, err)
	}
	page, next, err = jobs.Failed(context.Background(), 1, next)
	if err != nil || len(page) != 1 || page[0].ID != 8 || page[0].GivenUp || page[0].Error != "make the boards: timeout" || page[0].Attempt != 2 || page[0].FailedAt == nil || next != 0 {
		t.Errorf("%+v, %d, %v", page, next, err)
	}
}

// A job that was given up is worked once more, and it is written down whose doing that was.
// No other is touched.
func TestOnlyWhatIsGivenUpIsWorkedAgain(t *testing.T) {
	t.Parallel()
	jobs, db, operator := queue(t)
	ctx := context.Background()
	for id, want := range map[int64]string{1: "invalid_state", 4: "invalid_state", 5: "invalid_state", 8: "invalid_state", 12345: "not_found"} {
		if err := jobs.Again(ctx, operator, id); fault.CodeOf(err) != want {
			t.Errorf("job %d: %v, want %s", id, err, want)
		}
	}
	if err := jobs.Again(ctx, operator, 9); err != nil {
		t.Fatal(err)
	}
	if err := jobs.Again(ctx, operator, 9); fault.CodeOf(err) != "invalid_state" {
		t.Errorf("a second time: %v", err)
	}
	var state, by, change string
	if err := db.Pool().QueryRow(ctx, `select state::text from river_job where id = 9`).Scan(&state); err != nil || state != "available" {
		t.Errorf("the job is %s, %v", state, err)
	}
	err := db.Pool().QueryRow(ctx, `select by_user::text, change::text from audit_log where kind = 'river_job' and row_id = '9'`).Scan(&by, &change)
	if err != nil || by != operator.String() || !strings.Contains(change, "discarded") {
		t.Errorf("written down: by %s, %s, %v", by, change, err)
	}
}

// A job of which there is one at a time stays given up while the next one is there.
func TestWhatAnotherJobDoesIsNotWorkedAgain(t *testing.T) {
	t.Parallel()
	jobs, db, operator := queue(t)
	ctx := context.Background()
	for _, sql := range []string{
		`update river_job set unique_key = 'round', unique_states = B'11110001' where id = 9`,
		`insert into river_job (id, queue, kind, args, max_attempts, state, unique_key, unique_states) values (10, 'sends', 'order_send', '{}', 25, 'available', 'round', B'11110001')`,
	} {
		if _, err := db.Pool().Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	if err := jobs.Again(ctx, operator, 9); fault.CodeOf(err) != "invalid_state" || !strings.Contains(err.Error(), "Another job") {
		t.Errorf("%v", err)
	}
	if _, err := db.Pool().Exec(ctx, `delete from river_job where id = 10`); err != nil {
		t.Fatal(err)
	}
	if err := jobs.Again(ctx, operator, 9); err != nil {
		t.Errorf("once the other is gone: %v", err)
	}
}

// Errors of libraries may quote an address with its key in it; operators read the rest, in one line.
func TestAnErrorIsShownWithoutSecrets(t *testing.T) {
	t.Parallel()
	jobs, db, _ := queue(t)
	for text, want := range map[string]string{
		`Post "https://discord.com/api/webhooks/123/s3cr3t-Tok3n": EOF`:            `Post […]: EOF`,
		`get https://user:pa55@example.com:8443/x?token=abc: refused`:              `get [address] refused`,
		"send order 0192f3c4-7a51-7c1e-9a55-3f1d2c4b5a60: 503\ngoroutine 1":        "send order 0192f3c4-7a51-7c1e-9a55-3f1d2c4b5a60: 503",
		"answered 500\nbearer abc\nmore":                                           "answered 500",
		"given \"two\nlines\": refused":                                            "given […]: refused",
		"ava@example.com is nobody":                                                "[mail] is nobody",
		"bad signature 5f2b7c1d9e8a4f3b6c0d1e2f of alf_" + strings.Repeat("x", 43): "bad signature […] of […]",
		"password=abc: no": "[secret] no",
	} {
		if _, err := db.Pool().Exec(t.Context(), `update river_job set errors = array[jsonb_build_object('error', $1::text)] where id = 9`, text); err != nil {
			t.Fatal(err)
		}
		page, _, err := jobs.Failed(t.Context(), 1, 0)
		if err != nil || len(page) != 1 || page[0].Error != want {
			t.Errorf("%.60q is shown as %+v (%v), want %q", text, page, err, want)
		}
	}
}
