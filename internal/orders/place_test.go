package orders

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/risk"
)

// drafted is one contract at 3.40 with a quote around it; an exit sells some of b's position.
func (b *booker) drafted(side Side, symbol string, quantity int) Draft {
	b.t.Helper()
	contract, err := exchange.ParseSymbol(symbol)
	if err != nil {
		b.t.Fatal(err)
	}
	account, err := b.desk.accounts.ByID(b.t.Context(), b.account)
	if err != nil {
		b.t.Fatal(err)
	}
	limit, bid, listed := money.MustPrice("3.40"), money.MustPrice("3.30"), true
	dr := Draft{
		user: b.user, account: account, contract: contract,
		intent: Intent{Side: side, Contract: &contract, Quantity: quantity, Type: Limit, Limit: &limit, TimeInForce: Day},
		facts: risk.Facts{
			Entry: side == BTO, Contract: contract, Quantity: quantity, Limit: &limit, Bid: &bid, Ask: &limit,
			QuoteAt: b.desk.clock.Now(), Listed: &listed,
		},
	}
	if side == STC {
		dr.intent.PositionID, dr.intent.ConfirmDuplicate = &b.position, true
	}
	return dr
}

// placedAtOnce counts what became of as many requests that come together.
func (b *booker) placedAtOnce(drafts []Draft) map[string]int {
	var mu sync.Mutex
	var all sync.WaitGroup
	got := map[string]int{}
	for _, dr := range drafts {
		all.Go(func() {
			err := b.db.As(b.t.Context(), b.user, func(ctx context.Context, tx pgx.Tx) error {
				_, err := b.desk.enter(ctx, tx, dr)
				return err
			})
			became := "placed"
			if err != nil {
				if became = refusedWith(err); became == "" {
					became = err.Error()
				}
			}
			mu.Lock()
			defer mu.Unlock()
			got[became]++
		})
	}
	all.Wait()
	return got
}

// However many requests come at once, each is judged by what those before it have
// written: what is asked of the database together with taking a lock is answered
// after it was taken.
func TestOrdersPlacedAtOnceSeeEachOther(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		draft func(b *booker, i int) Draft
		want  map[string]int
	}{
		"buying power for three (R15)": {
			func(b *booker, i int) Draft {
				return b.drafted(BTO, fmt.Sprintf("%s%d000", oneContract[:len(oneContract)-6], 200+5*i), 1)
			},
			map[string]int{"placed": 3, "risk_buying_power": 3},
		},
		"the same again and again (R8)": {
			func(b *booker, _ int) Draft { return b.drafted(BTO, oneContract, 1) },
			map[string]int{"placed": 1, "duplicate_suspected": 5},
		},
		"more than is held (R16)": {
			func(b *booker, _ int) Draft { return b.drafted(STC, oneContract, 4) },
			map[string]int{"placed": 2, "insufficient_quantity": 4},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBooker(t)
			limits := risk.Defaults()
			limits.DuplicateWithin = time.Minute // which six at once do not outlast
			b.desk.rules = risk.New(b.db, b.desk.clock, limits, time.Now)
			b.must(`update accounts set cash = 1100, buying_power = 1100, balance_at = now() - interval '1 second'`)
			b.must(`update positions set bought = 10, cost_bought = 2000, remaining_cost = 2000`)
			var drafts []Draft
			for i := range 6 {
				drafts = append(drafts, c.draft(b, i))
			}
			if got := b.placedAtOnce(drafts); !maps.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}
