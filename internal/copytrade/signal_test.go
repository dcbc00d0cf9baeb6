package copytrade

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// byThePublishedRule is the line as anybody can work it out: by the SHA-256, in hex,
// of the seed, a colon and the subscription's id.
func byThePublishedRule(seed string, subscriptions []uuid.UUID) []uuid.UUID {
	key := func(id uuid.UUID) string {
		sum := sha256.Sum256([]byte(seed + ":" + id.String()))
		return hex.EncodeToString(sum[:])
	}
	line := slices.Clone(subscriptions)
	slices.SortFunc(line, func(a, b uuid.UUID) int { return strings.Compare(key(a), key(b)) })
	return line
}

// Over many signals nobody stands in front, and nobody behind: by the seeds that the
// program draws and the keys that its statement sorts by.
func TestEveryFollowersMeanPlaceIsTheMiddleOfTheLine(t *testing.T) {
	t.Parallel()
	f := open(t)
	random := rand.New(rand.NewPCG(4, 2026))
	const followers, signals = 240, 1000
	subscriptions := make([]uuid.UUID, followers)
	for i := range subscriptions {
		for b := range subscriptions[i] {
			subscriptions[i][b] = byte(random.UintN(256))
		}
	}
	f.copier.random = rand.NewChaCha8([32]byte{20, 26})
	seeds := make([]string, signals)
	for i := range seeds {
		var err error
		seeds[i], err = f.copier.drawSeed()
		f.must(err)
	}
	places := map[uuid.UUID]int{}
	for some := range slices.Chunk(seeds, 100) { // a quarter of a million hashes at once take longer than a statement may
		rows, err := f.db.Pool().Query(f.ctx, `
			select s.id, sum(s.place)::int from (
				select f.id, row_number() over (partition by g.seed order by copy_place_key(g.seed, f.id) collate "C") as place
				from unnest($1::text[]) as g (seed) cross join unnest($2::uuid[]) as f (id)) s group by s.id`, some, subscriptions)
		f.must(err)
		var id uuid.UUID
		var sum int
		_, err = pgx.ForEachRow(rows, []any{&id, &sum}, func() error {
			places[id] += sum
			return nil
		})
		f.must(err)
	}
	if len(places) != followers {
		t.Errorf("%d of %d stood in line", len(places), followers)
	}
	for id, sum := range places {
		// The middle of places 1 to 240 is 120.5; of the line's length, in thousandths.
		if mean := sum * 1000 / (signals * (followers + 1)); mean < 450 || mean > 550 {
			t.Errorf("%s stands at %d thousandths of the line on average", id, mean)
		}
	}
}

// What is decided follows the published rule with the seed that is stored, and the
// seed cannot be known before.
func TestTheLineIsTheOneThatTheSeedGives(t *testing.T) {
	t.Parallel()
	f := open(t)
	var subscriptions []uuid.UUID
	for i := range 12 {
		subscriptions = append(subscriptions, f.follower(name(i), i%2 == 0).subscription)
	}
	seeds := map[string]bool{}
	for range 3 {
		order := f.leads(orders.BTO, 4, 4, orders.Filled)
		f.decide(order)
		seed := read[string](f, `select seed from copy_signals where leader_order_id = $1`, order)
		seeds[seed] = true
		for i, id := range byThePublishedRule(seed, subscriptions) {
			place := read[string](f, `select place || ' of ' || place_of from copy_decisions where leader_order_id = $1 and subscription_id = $2`, order, id)
			if place != fmt.Sprintf("%d of 12", i+1) {
				t.Errorf("%s instead of %d", place, i+1)
			}
		}
	}
	if len(seeds) != 3 {
		t.Errorf("seeds %v", seeds)
	}
}

// The events of a fan-out are written by the database; they have the shape of the API.
func TestAFanOutTellsPagesTheShapeOfTheAPI(t *testing.T) {
	t.Parallel()
	f := open(t)
	people := []follower{f.follower("ben", true), f.follower("cara", false), f.follower("dan", true)}
	f.set(people[2], "scaling_value", "0.1")
	refused := f.follower("eve", true) // by then the broker has said no, in its own words
	unknown := f.follower("fay", true) // and a version of the program that comes later, with a reason of its own
	people = append(people, refused, unknown)
	order := f.leads(orders.BTO, 4, 4, orders.Filled)
	f.decide(order)
	f.exec(`update copy_decisions set result = 'failed', reason = 'order_rejected', numbers = numbers || '{"words": "Not \"today\"."}' where subscription_id = $1`, refused.subscription)
	f.exec(`update copy_decisions set result = 'skipped', reason = 'not_known_here' where subscription_id = $1`, unknown.subscription)
	f.exec(`update copy_signals set decided_at = decided_at - interval '6 seconds'`) // the process died before it told
	f.must(f.copier.Sweep(f.ctx))
	f.must(f.copier.tellOf(f.ctx, order)) // and it is told once
	for _, w := range people {
		wire, err := json.Marshal(f.decision(w))
		f.must(err)
		var want, got map[string]any
		f.must(json.Unmarshal(wire, &want))
		f.must(json.Unmarshal([]byte(read[string](f, `select data::text from live_events where user_id = $1 and kind = 'decision'`, w.id)), &got))
		for _, field := range []string{"expiresAt", "createdAt"} { // one writes trailing zeros
			a, _ := time.Parse(time.RFC3339Nano, fmt.Sprint(want[field]))
			b, err := time.Parse(time.RFC3339Nano, fmt.Sprint(got[field]))
			if err != nil || !a.Equal(b) {
				t.Errorf("%s %v instead of %v", field, got[field], want[field])
			}
			want[field], got[field] = "", ""
		}
		if !reflect.DeepEqual(want, got) {
			t.Errorf("told\n%v\ninstead of\n%v", got, want)
		}
	}
	question := read[string](f, `select title || ' | ' || body || ' | ' || brief from notifications where user_id = $1`, people[1].id)
	if question != "@ava bought AAPL "+sampleDay.Display()+" 200 C | 4 at $3.50. Copy 4? | Copy 4?" {
		t.Errorf("%s", question)
	}
}

// What is told of one follower's copy is nobody else's, however late it is told.
func TestWhenACopyWasSentIsToldToItsOwnerAlone(t *testing.T) {
	t.Parallel()
	f := open(t)
	people := []follower{f.follower("ben", true), f.follower("cara", true), f.follower("dan", true)}
	order := f.leads(orders.BTO, 4, 4, orders.Filled)
	f.decide(order)
	first := read[uuid.UUID](f, `select id from copy_decisions where place = 1`)
	f.exec(`update copy_decisions set result = 'queued', reason = null`)
	for _, w := range people {
		if d := f.decision(w); d.ID == first {
			sent := f.entered(w, orders.Queued)
			f.exec(`update orders set state = 'submitting', sent_at = now() + interval '2 seconds' where id = $1`, sent)
		}
	}
	f.exec(`delete from live_events`)
	f.exec(`update copy_signals set told_at = null`)
	f.must(f.copier.tellOf(f.ctx, order))
	if got := read[string](f, `
		select string_agg(case when e.data ->> 'sentAfterMs' is null then 'not sent' else 'sent' end, ', ' order by (e.data ->> 'place')::int)
		from live_events e where e.kind = 'decision'`); got != "sent, not sent, not sent" {
		t.Error(got)
	}
}

// Copies do not wait for the pages that show them.
func TestCopiesArePlacedThoughNoPageCanBeTold(t *testing.T) {
	t.Parallel()
	f := open(t)
	f.leads(orders.BTO, 4, 4, orders.Filled)
	w := f.follower("ben", true)
	f.holdCopied(w, 3)
	f.exec(`create function deaf() returns trigger language plpgsql as $$ begin raise exception 'deaf'; end $$`)
	f.exec(`create trigger deaf before insert on live_events for each row when (new.kind = 'decision') execute function deaf()`)
	order := f.leads(orders.STC, 4, 4, orders.Filled)
	f.carryOn(order)
	if got := f.exits(w); got != "3" {
		t.Errorf("sells %q", got)
	}
	f.exec(`drop trigger deaf on live_events`)
	f.must(f.copier.tellOf(f.ctx, order))
	if n := read[int](f, `select count(*)::int from live_events where kind = 'decision'`); n != 1 {
		t.Errorf("told %d times", n)
	}
}

// Deciding that died between two slices goes on behind the last one, with the same
// line; what was decided is not decided again.
func TestDecidingGoesOnBehindTheLastSlice(t *testing.T) {
	t.Parallel()
	f := open(t)
	var subscriptions []uuid.UUID
	for i := range 7 {
		subscriptions = append(subscriptions, f.follower(name(i), false).subscription)
	}
	order := f.leads(orders.BTO, 4, 4, orders.Filled)
	f.decide(order)
	seed := read[string](f, `select seed from copy_signals`)
	line := byThePublishedRule(seed, subscriptions)
	// As if the first three had been one slice, and the process had died behind it.
	f.exec(`delete from copy_decisions where place > 3`)
	f.exec(`update copy_signals set placed = 3, decided_at = null, last_key = copy_place_key(seed, $1)`, line[2])
	f.exec(`update subscriptions set status = 'cancelled' where id = $1`, line[4]) // and one left meanwhile
	f.exec(`update fills set learnt_at = learnt_at - interval '6 seconds'`)
	f.exec(`update orders set finished_at = finished_at - interval '6 seconds'`)
	f.must(f.copier.Sweep(f.ctx))
	got := read[string](f, `select string_agg(place || '/' || place_of || ' ' || subscription_id, ', ' order by place) from copy_decisions`)
	var want []string
	place := 0
	for i, id := range line {
		if i == 4 {
			continue
		}
		place++
		want = append(want, fmt.Sprintf("%d/7 %s", place, id))
	}
	if got != strings.Join(want, ", ") {
		t.Errorf("%s\ninstead of\n%s", got, strings.Join(want, ", "))
	}
}

// budget lets copied entries out at the given seconds from now, one call at each.
func (f *floor) budget(seconds ...int) {
	f.copier.forecast = func(_ context.Context, within time.Duration, most int) (calls []time.Duration, err error) {
		for _, s := range seconds {
			if at := time.Duration(s) * time.Second; at <= within && len(calls) < most {
				calls = append(calls, at)
			}
		}
		return calls, nil
	}
}

// inLine is what became of the followers in the order of their places: the reason, or
// in how many seconds their copy is due. What is due and what expires are reckoned from
// one instant; decided_at is another one, of the database's clock.
func (f *floor) inLine(order uuid.UUID) string {
	f.Helper()
	return read[string](f, `
		select string_agg(coalesce(c.reason, '+' || trim_scale(extract(epoch from c.due_at - c.expires_at) + s.max_delay_seconds)), ' ' order by c.place)
		from copy_decisions c join subscriptions s on s.id = c.subscription_id where c.leader_order_id = $1`, order)
}

func TestWhoseTimeTheBudgetMissesIsSkippedAtOnce(t *testing.T) {
	t.Parallel()
	f := open(t)
	for i := range 6 {
		f.follower(name(i), true)
	}
	// Balances are fresh for three quarters of a minute: an entry takes one call until then, two after it.
	f.budget(0, 0, 20, 40, 65, 65, 70)
	f.exec(`update subscriptions set max_delay_seconds = 66`)
	order := f.leads(orders.BTO, 4, 4, orders.Filled)
	f.exec(`update accounts set balance_at = now()`) // five seconds later one is not fresh at 40
	f.decide(order)
	if got := f.inLine(order); got != "+0 +0 +20 +40 +65 line_too_long" {
		t.Errorf("%s", got)
	}
	if n := read[int](f, `select count(*)::int from copy_decisions where reason = 'line_too_long' and result = 'skipped' and quantity = 0`); n != 1 {
		t.Errorf("%d skipped", n)
	}
	// Who waits less is skipped sooner, and leaves the call to the next in line.
	f.exec(`delete from copy_decisions where leader_order_id = $1`, order)
	f.exec(`update subscriptions set max_delay_seconds = 10 where id = (
		select s.id from subscriptions s, copy_signals g order by copy_place_key(g.seed, s.id) collate "C" offset 2 limit 1)`)
	f.exec(`update copy_signals set placed = 0, last_key = '', decided_at = null`)
	f.exec(`update accounts set balance_at = now()`)
	f.decide(order)
	if got := f.inLine(order); got != "+0 +0 line_too_long +20 +40 +65" {
		t.Errorf("%s", got)
	}
}

// What the pages tell is what happens: as many are sent as the budget was said to
// serve, and what they are promised is gone for the next signal.
func TestTheCapacityThatIsToldIsTheOneThatDecides(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		balance    string // how old
		sent       int
		told, then []Capacity
	}{
		{"0 seconds", 12, []Capacity{{60, 6, 12}, {120, 12, 24}}, []Capacity{{60, 0, 0}, {120, 6, 12}}},
		{"2 minutes", 6, []Capacity{{60, 6, 12}, {120, 12, 24}}, []Capacity{{60, 0, 0}, {120, 6, 12}}},
	} {
		t.Run(c.balance, func(t *testing.T) {
			t.Parallel()
			f := open(t)
			for i := range 14 {
				f.follower(name(i), true)
			}
			f.exec(`update accounts set balance_at = now() - $1::interval`, c.balance)
			f.copier.forecast = snaptrade.NewBudget(f.db.Pool(), 20).Forecast // 12 of which are for copied entries
			f.tells(c.told)
			order := f.leads(orders.BTO, 4, 4, orders.Filled)
			f.decide(order)
			sent := read[int](f, `select count(*)::int from copy_decisions where result = 'queued'`)
			skipped := read[int](f, `select count(*)::int from copy_decisions where reason = 'line_too_long'`)
			if sent != c.sent || skipped != 14-c.sent {
				t.Errorf("%d sent, %d skipped; the budget serves %d", sent, skipped, c.sent)
			}
			f.tells(c.then)
		})
	}
	f := open(t)
	if list, err := f.copier.Capacity(f.ctx, 60); err != nil || list != nil {
		t.Errorf("without a budget: %v, %v", list, err)
	}
}

// tells fails the test unless the budget is said to serve so many.
func (f *floor) tells(want []Capacity) {
	f.Helper()
	delays := make([]int, len(want))
	for i, c := range want {
		delays[i] = c.Seconds
	}
	got, err := f.copier.Capacity(f.ctx, delays...)
	f.must(err)
	if !slices.Equal(got, want) {
		f.Errorf("told %v, not %v", got, want)
	}
}

func TestALineStandsBehindTheOneBefore(t *testing.T) {
	t.Parallel()
	f := open(t)
	for i := range 3 {
		f.follower(name(i), true)
	}
	f.exec(`update accounts set balance_at = now() - interval '2 minutes'`) // two calls each
	f.budget(0, 0, 0, 1, 1, 2, 30, 30, 30, 31, 32, 33, 34, 61)
	first := f.leads(orders.BTO, 4, 4, orders.Filled)
	f.decide(first)
	second := f.leads(orders.BTO, 4, 4, orders.Filled)
	f.decide(second)
	if a, b := f.inLine(first), f.inLine(second); a != "+0 +1 +2" || b != "+30 +31 +33" {
		t.Errorf("%s, then %s", a, b)
	}
}

// Whoever stands in line with a fresh balance takes one call, and no more from the
// next signal's followers.
func TestALineTakesNoMoreCallsThanItNeeds(t *testing.T) {
	t.Parallel()
	f := open(t)
	for i := range 3 {
		f.follower(name(i), true)
	}
	f.budget(0, 0, 1, 2, 2, 3)
	first := f.leads(orders.BTO, 4, 4, orders.Filled)
	f.decide(first)
	second := f.leads(orders.BTO, 4, 4, orders.Filled)
	f.decide(second)
	if a, b := f.inLine(first), f.inLine(second); a != "+0 +0 +1" || b != "+2 +2 +3" {
		t.Errorf("%s, then %s", a, b)
	}
}

// Asked followers, exits and copies on paper need no place in the budget's line.
func TestOnlyAutomaticEntriesStandInTheBudgetsLine(t *testing.T) {
	t.Parallel()
	f := open(t)
	asked, holds := f.follower("cara", false), f.follower("dan", true)
	f.budget()
	order := f.leads(orders.BTO, 4, 4, orders.Filled)
	f.decide(order)
	if got := f.reason(asked) + ", " + f.reason(holds); got != "awaiting_approval, skipped: line_too_long" {
		t.Errorf("%s", got)
	}
	f.holdCopied(holds, 4)
	f.decide(f.leads(orders.STC, 2, 2, orders.Filled))
	if got := f.reason(holds); got != "queued" {
		t.Errorf("%s", got)
	}
}

// However many processes place copies, twenty are between their T1 and the broker's
// answer; the others wait for their turn.
func TestAtMostTwentyCopiesAreInHand(t *testing.T) {
	t.Parallel()
	f := open(t)
	people := make([]follower, inHand)
	for i := range people {
		people[i] = f.follower(name(i), true)
	}
	f.decide(f.leads(orders.BTO, 4, 4, orders.Filled))
	for _, w := range people[1:] {
		f.entered(w, orders.Queued)
	}
	full := func() (full bool) {
		f.Helper()
		full, err := f.copier.handFull(f.ctx, f.db.Pool())
		f.must(err)
		return full
	}
	if full() {
		t.Error("nineteen are no full hand")
	}
	f.entered(people[0], orders.Submitting)
	if !full() {
		t.Error("twenty are")
	}
	err := f.db.AsSystem(f.ctx, "test", func(ctx context.Context, tx pgx.Tx) error { return f.copier.takeHand(ctx, tx) })
	if !isAgain(err) {
		t.Errorf("the twenty-first: %v", err)
	}
	f.exec(`update orders set state = 'unknown', unknown_since = now() where source = 'copy' and state = 'submitting'`)
	if full() {
		t.Error("an unknown one is not in hand any more")
	}
}
