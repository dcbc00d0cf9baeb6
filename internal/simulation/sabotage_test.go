package simulation

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/snaptrade"
)

// sabotage is a defect that is planted to see it found.
type sabotage struct {
	says       string // what the finding must say
	lives      int    // within so many; zero: 125
	sql        string // in the database, such as a trigger that gets in the way
	neverSweep bool   // nothing repairs
	repeats    bool   // something on the way sends each request twice
	unclaimed  bool   // somebody sends without a claim
	pressing   bool   // no defect: switches are pressed all the time
}

// A simulation that cannot fail proves nothing: each of these defects must be found
// within a hundred lives.
func TestPlantedDefectsAreFound(t *testing.T) {
	t.Parallel()
	empty := emptyWorld(t)
	for name, defect := range map[string]sabotage{
		"a fill is booked twice": {says: "INV-14", sql: `
			create function public.twice() returns trigger language plpgsql as $$ begin
				update positions set bought = bought + new.quantity where id = new.position_id and new.side = 'BTO'; return null; end $$;
			create trigger twice after insert on public.fills for each row execute function public.twice();`},
		"what nobody answered is sent again": {says: "INV-1", sql: `
			alter table public.orders disable trigger orders_guard;
			create function public.again() returns trigger language plpgsql as $$ begin
				new.state := 'queued'; new.claim_token := null; new.send_before := new.send_before + interval '1 hour'; return new; end $$;
			create trigger again before update on public.orders for each row when (new.state = 'unknown') execute function public.again();`},
		"an order's end is another than the broker's": {says: "the broker says", sql: `
			create function public.wrong() returns trigger language plpgsql as $$ begin new.state := 'cancelled'; return new; end $$;
			create trigger wrong before update on public.orders for each row when (new.state = 'filled' and old.state = 'unknown') execute function public.wrong();`},
		"a fill is forgotten": {says: "INV-6", sql: `
			create function public.forget() returns trigger language plpgsql as $$ begin return null; end $$;
			create trigger forget before insert on public.fills for each row when (new.quantity = 3) execute function public.forget();`},
		"a switch is turned and not kept": {says: "INV-36", pressing: true, sql: `
			create function public.unkept() returns trigger language plpgsql as $$ begin return null; end $$;
			create trigger unkept before insert on public.trading_switches for each row execute function public.unkept();`},
		"what is listed is not always linked": {says: "INV-8: a look was shown", sql: `
			create function public.unlinked() returns trigger language plpgsql as $$ begin return null; end $$;
			create trigger unlinked before insert on public.order_broker_ids for each row when (hashtext(new.broker_order_id) % 3 = 0)
				execute function public.unlinked();`},
		"looks come a minute late": {says: "though nothing kept a look from it", lives: 40, sql: `
			create function public.later() returns trigger language plpgsql as $$ begin new.next_look_at := new.next_look_at + interval '1 minute'; return new; end $$;
			create trigger later before insert or update on public.account_looks for each row
				when (new.next_look_at is not null) execute function public.later();`},
		"nobody makes up for lost bells":       {says: "INV-8", neverSweep: true},
		"a proxy repeats requests":             {says: "broker", repeats: true},
		"an order is sent that nobody claimed": {says: "INV-3", unclaimed: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := begin(t, empty, 5, cmp.Or(defect.lives, 125))
			s.sabotage = defect
			s.must(s.exec(defect.sql))
			err := s.run()
			if err == nil || !strings.Contains(err.Error(), defect.says) {
				t.Errorf("found %v, want something about %s", err, defect.says)
			}
		})
	}
}

// sendUnclaimed is what the planted defect does.
func (s *simulation) sendUnclaimed() error {
	p := s.person("ava")
	who, err := s.engine.accounts.Credentials(s.ctx, p.user)
	if err != nil {
		return err
	}
	one := decimal.NewFromInt(1)
	return s.call("a send without a claim", func(ctx context.Context) error {
		_, _ = s.engine.broker.PlaceOption(ctx, who, p.broker, snaptrade.OptionOrder{
			Symbol: contracts()[0].Symbol, Action: snaptrade.BuyToOpen, Units: 1, Type: snaptrade.TypeLimit, LimitPrice: &one, TimeInForce: snaptrade.Day,
		}) // whatever became of it
		return nil
	})
}

// twice sends a request once before it is sent.
func twice(broker http.Handler, w http.ResponseWriter, r *http.Request) (http.ResponseWriter, *http.Request) {
	body, _ := io.ReadAll(r.Body) // of a request on loopback
	r.Body = io.NopCloser(bytes.NewReader(body))
	serve(broker, httptest.NewRecorder(), r)
	r.Body = io.NopCloser(bytes.NewReader(body))
	return w, r
}
