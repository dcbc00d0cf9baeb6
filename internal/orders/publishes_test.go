package orders

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Who has stopped publishing begins nothing new in public; sells of what was announced
// are announced, so that nobody hides how it ended.
func TestWhoStoppedPublishingEndsWhatWasAnnounced(t *testing.T) {
	t.Parallel()
	b := newBooker(t)
	b.must(`update users set role = 'trader' where id = $1`, b.user)
	publishes := func(side Side) (public bool) {
		t.Helper()
		err := b.db.AsSystem(t.Context(), "test", func(ctx context.Context, tx pgx.Tx) (err error) {
			public, err = b.desk.publishes(ctx, tx, Order{UserID: b.user, PositionID: b.position, Side: side, Source: Manual})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return public
	}
	want := func(about string, buys, sells bool) {
		t.Helper()
		if got := [2]bool{publishes(BTO), publishes(STC)}; got != [2]bool{buys, sells} {
			t.Errorf("%s: buys and sells are public %v", about, got)
		}
	}
	want("publishing", true, true)
	b.must(`insert into trading_switches (scope, key, stops, cause) values ('publishing', $1::uuid::text, 'copies', 'owner')`, b.user)
	want("stopped before the buy", false, false)
	entry := b.order(BTO, Filled, 5)
	b.must(`insert into alerts (order_id, user_id, position_id, side, symbol, revision, facts, public, learnt_at) values ($1, $2, $3, 'BTO', $4, 1, '{}', false, now())`,
		entry, b.user, b.position, oneContract)
	want("stopped, and the buy was not announced", false, false)
	b.must(`update alerts set public = true`)
	want("stopped after the buy was announced", false, true)
	b.must(`delete from trading_switches`)
	want("publishing again", true, true)
}
