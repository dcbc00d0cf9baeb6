package postgres_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// effect writes one row and answers like a handler that placed an order.
func effect(ctx context.Context, tx pgx.Tx) (postgres.Answer, error) {
	_, err := tx.Exec(ctx, "insert into effects values (1)")
	return postgres.Answer{Status: 202, Body: json.RawMessage(`{"price": "3.50",  "id":1}`)}, err
}

func onceDB(t *testing.T) (*postgres.DB, postgres.RequestKey) {
	t.Helper()
	db := pgtest.New(t)
	mustExec(t, db, "create table effects (n int); grant all on effects to "+postgres.Member)
	return db, postgres.RequestKey{
		User: uuid.New(), Route: "POST /api/orders", Key: "0123456789abcdef", Body: []byte(`{"quantity":1}`),
	}
}

func TestOneKeyOneEffectOneAnswer(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db, key := onceDB(t)
	first, err := db.Once(ctx, key, effect)
	if err != nil || first.Replayed {
		t.Fatalf("first: %+v, %v", first, err)
	}
	again, err := db.Once(ctx, key, effect)
	if err != nil || !again.Replayed || again.Status != first.Status || string(again.Body) != string(first.Body) {
		t.Errorf("again: %+v, %v; want the first answer, byte for byte", again, err)
	}
	if n := count(t, db, "effects"); n != 1 {
		t.Errorf("effects = %d, want 1 (INV-33)", n)
	}
}

// An effect may store its answer with what it writes itself; it is repeated all the same, and
// undone with the rest.
func TestAnAnswerStoredByItsEffectIsRepeated(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db, key := onceDB(t)
	both := func(refusal error) func(context.Context, pgx.Tx) (postgres.Answer, error) {
		return func(ctx context.Context, tx pgx.Tx) (postgres.Answer, error) {
			answer := postgres.Answer{Status: 202, Body: json.RawMessage(`{"id":  7}`)}
			b := &pgx.Batch{}
			b.Queue("insert into effects values (1)")
			postgres.QueueAnswer(b, key, &answer)
			return answer, errors.Join(tx.SendBatch(ctx, b).Close(), refusal)
		}
	}
	if _, err := db.Once(ctx, key, both(errRefused)); !errors.Is(err, errRefused) || count(t, db, "idempotency_keys") != 0 {
		t.Fatalf("err = %v; a refusal must leave no row (INV-35)", err)
	}
	first, err := db.Once(ctx, key, both(nil))
	if err != nil || first.Replayed {
		t.Fatalf("first: %+v, %v", first, err)
	}
	again, err := db.Once(ctx, key, effect)
	if err != nil || !again.Replayed || again.Status != 202 || string(again.Body) != string(first.Body) || count(t, db, "effects") != 1 {
		t.Errorf("again: %+v, %v; want the first answer, byte for byte, and nothing done", again, err)
	}
}

func TestAKeyBelongsToItsUserRouteAndBody(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db, key := onceDB(t)
	if _, err := db.Once(ctx, key, effect); err != nil {
		t.Fatal(err)
	}
	otherUser, otherRoute, otherBody := key, key, key
	otherUser.User, otherRoute.Route, otherBody.Body = uuid.New(), "POST /api/subscriptions", []byte(`{"quantity":2}`)
	for _, k := range []postgres.RequestKey{otherUser, otherRoute} {
		if a, err := db.Once(ctx, k, effect); err != nil || a.Replayed {
			t.Errorf("%s: %+v, %v; want a fresh effect", k.Route, a, err)
		}
	}
	if _, err := db.Once(ctx, otherBody, effect); !errors.Is(err, postgres.ErrKeyReused) {
		t.Errorf("other body: %v, want ErrKeyReused", err)
	}
}

func TestARefusedRequestMayComeAgainCorrected(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db, key := onceDB(t)
	_, err := db.Once(ctx, key, func(context.Context, pgx.Tx) (postgres.Answer, error) { return postgres.Answer{}, errRefused })
	if !errors.Is(err, errRefused) || count(t, db, "idempotency_keys") != 0 {
		t.Fatalf("err = %v; a refusal must leave no row (INV-35)", err)
	}
	key.Body = []byte("corrected")
	if a, err := db.Once(ctx, key, effect); err != nil || a.Replayed {
		t.Errorf("corrected: %+v, %v", a, err)
	}
	key.Key = strings.Repeat("k", 16)
	_, err = db.Once(ctx, key, func(context.Context, pgx.Tx) (postgres.Answer, error) { return postgres.Answer{Status: 422}, nil })
	if err == nil {
		t.Error("a refusal was stored as an answer")
	}
}

func TestTheSameKeyInFlightWaitsThenIsRefused(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db, key := onceDB(t)
	working, finish := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	go func() {
		_, err := db.Once(ctx, key, func(ctx context.Context, tx pgx.Tx) (postgres.Answer, error) {
			close(working)
			<-finish
			return effect(ctx, tx)
		})
		first <- err
	}()
	<-working
	if _, err := db.Once(ctx, key, effect); !errors.Is(err, postgres.ErrInProgress) {
		t.Errorf("in flight: %v, want ErrInProgress after the wait", err)
	}
	close(finish)
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	if a, err := db.Once(ctx, key, effect); err != nil || !a.Replayed {
		t.Errorf("afterwards: %+v, %v", a, err)
	}
}

func TestManyAtOnceHaveOneEffect(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db, key := onceDB(t)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			// On a busy machine the first may need longer than the others wait for it.
			err := postgres.ErrInProgress
			for end := time.Now().Add(time.Minute); errors.Is(err, postgres.ErrInProgress) && time.Now().Before(end); {
				_, err = db.Once(ctx, key, effect)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := count(t, db, "effects"); n != 1 {
		t.Errorf("effects = %d, want 1", n)
	}
}

func TestAnswersAreKeptThirtyDays(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db, key := onceDB(t)
	if _, err := db.Once(ctx, key, effect); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, test := range []struct {
		now  time.Time
		want int64
	}{{now.AddDate(0, 0, 29), 0}, {now.AddDate(0, 0, 31), 1}} {
		if n, err := postgres.TrimKeys(ctx, db, test.now); err != nil || n != test.want {
			t.Errorf("at %s removed %d, %v; want %d", test.now, n, err, test.want)
		}
	}
}
