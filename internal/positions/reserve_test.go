package positions

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
)

// INV-12: of any number of sells of everything at the same time, one wins,
// round after round; the others hear what is left.
func TestOfManySellsAtOnceOneWins(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	for round := range 20 {
		p := r.opened()
		r.book(p.ID, true, 5, "3.00", nil)
		var mu sync.Mutex
		got := map[string]int{}
		var all sync.WaitGroup
		begin := make(chan struct{})
		for range 24 {
			all.Go(func() {
				<-begin
				code := r.sell(p.ID, 5)
				mu.Lock()
				defer mu.Unlock()
				got[code]++
			})
		}
		close(begin)
		all.Wait()
		if got[""] != 1 || got["insufficient_quantity"] != 23 {
			t.Fatalf("round %d: %v", round, got)
		}
		if now := r.at(p.ID); now.Reserved != 5 || now.Available() != 0 {
			t.Fatalf("round %d: %d reserved, %d available", round, now.Reserved, now.Available())
		}
		r.exec(`update orders set state = 'submitting' where position_id = $1`, p.ID)
		r.exec(`update orders set state = 'filled', cum = quantity where position_id = $1`, p.ID)
		r.book(p.ID, false, 5, "4.00", nil)
		if now := r.at(p.ID); now.Status != Closed || now.Reserved != 0 {
			t.Fatalf("round %d: %s with %d reserved", round, now.Status, now.Reserved)
		}
	}
}

// Sells of parts fill what is held to the last contract, never beyond.
func TestPartsOfAPositionAreReservedToTheLastContract(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	r.book(p.ID, true, 10, "3.00", nil)
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() { r.sell(p.ID, 1+i%3) })
	}
	all.Wait()
	now := r.at(p.ID)
	if left := now.Available(); left < 0 || left > 2 { // a larger one may not fit where a smaller one would
		t.Errorf("%d of 10 left", left)
	}
	err := r.db.AsSystem(t.Context(), "test", func(ctx context.Context, tx pgx.Tx) error {
		return Reserve(ctx, tx, r.user, p.ID, 100)
	})
	var f *fault.Error
	if !errors.As(err, &f) || f.Status != 409 || f.Details["available"] != now.Available() {
		t.Errorf("too many: %v", err)
	}
}

func TestNobodySellsWhatIsAnothersOrNotOpen(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	r.book(p.ID, true, 5, "3.00", nil)
	stranger := r.id(`insert into users (username, name) values ('ben', 'Ben') returning id`)
	reserve := func(user, id uuid.UUID) string {
		return fault.CodeOf(r.db.AsSystem(t.Context(), "test", func(ctx context.Context, tx pgx.Tx) error { return Reserve(ctx, tx, user, id, 1) }))
	}
	if code := reserve(stranger, p.ID); code != "not_found" {
		t.Errorf("another's: %s", code)
	}
	if code := reserve(r.user, uuid.New()); code != "not_found" {
		t.Errorf("none: %s", code)
	}
	r.book(p.ID, false, 5, "4.00", nil)
	if code := reserve(r.user, p.ID); code != "insufficient_quantity" {
		t.Errorf("a closed one: %s", code)
	}
}

// The database itself refuses what the code must never ask for.
func TestTheCheckRefusesToOversell(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	r.book(p.ID, true, 5, "3.00", nil)
	for _, sql := range []string{
		`update positions set sell_reserved = 6`, `update positions set sold = 6`, `update positions set sold = 3, sell_reserved = 3`,
		`update positions set sell_reserved = -1`, `update positions set sold = -1`,
	} {
		if _, err := r.db.Pool().Exec(t.Context(), sql); err == nil {
			t.Errorf("%s went through", sql)
		}
	}
}

// INV-13: what is reserved is what live sells may still sell, whichever of them
// changes, in whatever order.
func TestReservedIsWhatLiveSellsMayStillSell(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	r.book(p.ID, true, 10, "3.00", nil)
	a, b := r.order(p, "STC", 4, "accepted"), r.order(p, "STC", 3, "queued")
	r.order(p, "BTO", 5, "accepted") // buys reserve nothing
	for _, step := range []struct {
		doing, sql string
		order      uuid.UUID
		sold, want int
	}{
		{"both live", `select 1 from orders where id = $1`, a, 0, 7},
		{"one fills in part", `update orders set state = 'partial', cum = 1 where id = $1`, a, 1, 6},
		{"it is cancelled", `update orders set state = 'cancelled' where id = $1`, a, 0, 3},
		{"it turns out to have filled once more", `update orders set cum = 2 where id = $1`, a, 1, 3},
		{"the other is never sent", `update orders set state = 'aborted' where id = $1`, b, 0, 0},
	} {
		r.exec(step.sql, step.order)
		if step.sold > 0 {
			r.book(p.ID, false, step.sold, "4.00", nil)
		}
		r.settle(p.ID)
		if got := r.at(p.ID).Reserved; got != step.want {
			t.Errorf("%s: %d reserved, want %d", step.doing, got, step.want)
		}
	}
}

// A sell that comes back after its contracts were promised to another: its fill
// is booked, the CHECK holds, an operator is asked, and ending the other leaves
// nothing behind.
func TestASellFoundLateDoesNotBreakTheBook(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	r.book(p.ID, true, 5, "3.00", nil)
	late := r.order(p, "STC", 5, "unknown")
	r.exec(`update orders set state = 'not_placed' where id = $1`, late)
	r.settle(p.ID)
	if code := r.sell(p.ID, 5); code != "" {
		t.Fatalf("selling again: %s", code)
	}
	second := r.id(`select id from orders where state = 'queued'`)

	r.exec(`update orders set state = 'accepted' where id = $1`, late)
	r.settle(p.ID)
	if now := r.at(p.ID); now.Reserved != 5 || now.Review == nil {
		t.Errorf("two sells of five: %d reserved, review %v", now.Reserved, now.Review)
	}
	r.exec(`update orders set state = 'partial', cum = 3 where id = $1`, late)
	if done := r.book(p.ID, false, 3, "4.00", nil); done.Short != 0 || done.Realized.String() != "300" {
		t.Errorf("its fill: %+v", done)
	}
	if now := r.at(p.ID); now.Ledger.Sold != 3 || now.Reserved != 2 {
		t.Errorf("%d sold, %d reserved", now.Ledger.Sold, now.Reserved)
	}
	r.exec(`update orders set state = 'submitting' where id = $1`, second)
	r.exec(`update orders set state = 'rejected' where id = $1`, second)
	r.settle(p.ID)
	r.exec(`update orders set state = 'filled', cum = 5 where id = $1`, late)
	r.book(p.ID, false, 2, "4.00", nil)
	if now := r.at(p.ID); now.Status != Closed || now.Reserved != 0 || now.Ledger.Realized.String() != "500" {
		t.Errorf("%s, %d reserved, %s realised", now.Status, now.Reserved, now.Ledger.Realized)
	}
}

// Sold beyond what is held is booked as far as it is held, at its price, and
// reviewed.
func TestSoldBeyondWhatIsHeldIsReviewed(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	r.book(p.ID, true, 2, "3.00", nil)
	done := r.book(p.ID, false, 5, "4.00", nil)
	now := r.at(p.ID)
	if done.Short != 3 || now.Ledger.Sold != 2 || now.Review == nil || now.Status != Closed {
		t.Errorf("short %d, sold %d, review %v, %s", done.Short, now.Ledger.Sold, now.Review, now.Status)
	}
	if now.Ledger.Proceeds.String() != "800" || done.Realized.String() != "200" {
		t.Errorf("two contracts at 4.00 brought %s, realised %s", now.Ledger.Proceeds, done.Realized)
	}
}

func TestTheStatusOfAPosition(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	entry := r.order(p, "BTO", 5, "queued")
	r.settle(p.ID)
	is := func(when string, want Status) {
		t.Helper()
		now := r.at(p.ID)
		if now.Status != want || (now.ClosedAt != nil) != (want == Closed) {
			t.Errorf("%s: %s (closed at %v), want %s", when, now.Status, now.ClosedAt, want)
		}
	}
	is("with a live order", Open)
	r.exec(`update orders set state = 'aborted' where id = $1`, entry)
	r.settle(p.ID)
	is("when its only order was never sent", Void)

	late := r.order(p, "BTO", 2, "unknown")
	r.settle(p.ID)
	is("when an order on it lives again", Open)
	r.exec(`update orders set state = 'filled', cum = 2 where id = $1`, late)
	r.book(p.ID, true, 2, "3.00", nil)
	is("when that filled", Open)
	exit := r.order(p, "STC", 2, "accepted")
	r.exec(`update orders set state = 'filled', cum = 2 where id = $1`, exit)
	r.book(p.ID, false, 2, "4.00", nil)
	is("when all is sold", Closed)

	again := r.opened()
	if again.ID == p.ID {
		t.Error("a closed position was opened again by an entry")
	}
	r.in(func(ctx context.Context, tx pgx.Tx) error {
		ended, err := Lock(ctx, tx, p.ID)
		if err != nil {
			return err
		}
		current, err := Current(ctx, tx, ended)
		if err == nil && current.ID != again.ID {
			t.Errorf("a late fill belongs to %s, want the newer open one %s", current.ID, again.ID)
		}
		return err
	})
}

// A fill that comes after its position was void makes it what it should have been.
func TestALateFillReopens(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	r.settle(p.ID)
	if got := r.at(p.ID).Status; got != Void {
		t.Fatalf("%s", got)
	}
	r.book(p.ID, true, 3, "3.00", nil)
	if now := r.at(p.ID); now.Status != Open || now.Held() != 3 || now.OpenedAt == nil {
		t.Errorf("%s, %d held", now.Status, now.Held())
	}
	book := New(r.db)
	if _, err := book.Position(t.Context(), r.user, p.ID); err != nil {
		t.Errorf("it is not shown: %v", err)
	}
}

// One open position for a contract on an account, however many entries come at once.
func TestEntriesAtOnceShareOnePosition(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	var mu sync.Mutex
	ids := map[uuid.UUID]bool{}
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			err := r.db.AsSystem(t.Context(), "test", func(ctx context.Context, tx pgx.Tx) error {
				p, err := ForEntry(ctx, tx, Opening{UserID: r.user, AccountID: r.account, Contract: apple(t), Source: "manual"})
				mu.Lock()
				defer mu.Unlock()
				ids[p.ID] = true
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(ids) != 1 {
		t.Errorf("%d positions", len(ids))
	}
}
