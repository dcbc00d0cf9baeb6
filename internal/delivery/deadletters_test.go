package delivery_test

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/fault"
)

// dead are the dead letters of a channel, "" for all.
func (s *street) dead(channel string) []delivery.DeadLetter {
	s.Helper()
	list, _, err := s.post.DeadLetters(s.ctx, channel, 50, nil)
	s.must(err)
	return list
}

// refused fails the test unless a ruling was refused with these words.
func (s *street) refused(err error, words string) {
	s.Helper()
	if fault.CodeOf(err) != "invalid_state" || !strings.Contains(err.Error(), words) {
		s.Errorf("refused with %v, want %q", err, words)
	}
}

// entryDies is an entry that Discord does not take.
func (s *street) entryDies(h *holding) uuid.UUID {
	s.Helper()
	s.fault("discord", "POST", "error", 1, 400)
	h.trade("BTO").fills(5)
	s.drain()
	list := s.dead("discord")
	if len(list) != 1 {
		s.Fatalf("%d dead letters", len(list))
	}
	return list[0].ID
}

func TestADeadLetterShowsEverythingButTheSecret(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.platform()
	id := s.entryDies(s.holding(s.user("ava")))
	l, err := s.post.DeadLetter(s.ctx, id)
	s.must(err)
	if !l.Platform || l.About != "BTO 5 AAPL 15 Jan 27 200 C of @ava" || l.Body != "At 3.50 a contract." || l.Refusal != "" || l.Tries != 1 {
		t.Errorf("%+v", l)
	}
	if len(l.Attempts) != 1 || l.Attempts[0].Outcome != "rejected" || l.Attempts[0].Detail != l.Reason {
		t.Errorf("attempts %+v", l.Attempts)
	}
	all, err := json.Marshal(l)
	s.must(err)
	if token := s.token(id); token == "" || strings.Contains(string(all), token) {
		t.Errorf("the secret is shown: %s", all)
	}
	if got := s.dead("push"); len(got) != 0 {
		t.Errorf("dead pushes: %v", got)
	}
	if _, err := s.post.DeadLetter(s.ctx, uuid.New()); fault.CodeOf(err) != "not_found" {
		t.Errorf("one that is not there: %v", err)
	}
}

// token is the sealed secret's text of a delivery's destination.
func (s *street) token(delivery uuid.UUID) string {
	s.Helper()
	var id uuid.UUID
	var sealed string
	s.must(s.db.Pool().QueryRow(s.ctx, `
		select t.id, t.secret from deliveries d join destinations t on t.id = d.destination_id where d.id = $1`, delivery).Scan(&id, &sealed))
	text, err := s.ring.Open("destinations", "secret", id.String(), sealed)
	s.must(err)
	return text.Reveal()
}

func TestADeadLetterIsSentAgainOnceHoweverOftenItIsPressed(t *testing.T) {
	t.Parallel()
	s := open(t)
	hook, root := s.platform(), s.user("root")
	id := s.entryDies(s.holding(s.user("ava")))
	var pressed sync.WaitGroup
	outcomes := make([]error, 4)
	for i := range outcomes {
		pressed.Go(func() { outcomes[i] = s.post.Replay(s.ctx, root, id) })
	}
	pressed.Wait()
	taken := 0
	for _, err := range outcomes {
		if err == nil {
			taken++
			continue
		}
		s.refused(err, "no dead letter any more")
	}
	s.drain()
	if got := s.titles(hook); taken != 1 || got != "🟢 BTO Alert" {
		t.Errorf("%d presses were taken, the channel shows %q", taken, got)
	}
	s.refused(s.post.Replay(s.ctx, root, id), "no dead letter any more")
	l, err := s.post.DeadLetter(s.ctx, id)
	s.must(err)
	if l.State != "delivered" || len(l.Attempts) != 2 || len(l.Log) != 1 || l.Log[0].Act != "replayed" || l.Log[0].By != "root" || l.Log[0].Reason != l.Attempts[0].Detail {
		t.Errorf("%+v", l)
	}
}

func TestAReplayKeepsItsPlaceInTheLane(t *testing.T) {
	t.Parallel()
	s := open(t)
	hook, root := s.platform(), s.user("root")
	ava := s.holding(s.user("ava"))
	id := s.entryDies(ava)
	ava.trade("STC").fills(5)
	s.must(s.post.Replay(s.ctx, root, id))
	s.drain()
	if got := s.titles(hook); got != "🟢 BTO Alert, 🔴 STC Alert" {
		t.Errorf("the channel shows %q", got)
	}
	bea := s.holding(s.user("bea"))
	id = s.entryDies(bea)
	bea.trade("STC").fills(5)
	s.drain()
	s.refused(s.post.Replay(s.ctx, root, id), "Something newer about the position has been sent")
	if l := s.dead("")[0]; l.ID != id || l.Refusal == "" {
		t.Errorf("the list does not say that it cannot be replayed: %+v", l)
	}
}

func TestWhatIsPastAnyUseIsNotReplayed(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.platform()
	root := s.user("root")
	id := s.entryDies(s.holding(s.user("ava")))
	for _, c := range []struct{ change, back, words string }{
		{`update positions set status = 'closed', bought = 1, sold = 1`, `update positions set status = 'open', bought = 1, sold = 0`, "The position is closed"},
		{`update deliveries set unknowns = 2`, `update deliveries set unknowns = 0`, "arrived twice already"},
		{`update destinations set disabled_at = now()`, `update destinations set disabled_at = null`, "no longer takes messages"},
		{`update destinations set removed_at = now()`, `update destinations set removed_at = null`, "taken away"},
	} {
		s.exec(c.change)
		s.refused(s.post.Replay(s.ctx, root, id), c.words)
		s.exec(c.back)
	}
	s.clock.pass(3 * time.Minute)
	s.refused(s.post.Replay(s.ctx, root, id), "past any use")
	s.wantStates("discord", "create dead")
	if err := s.post.Replay(s.ctx, root, uuid.New()); fault.CodeOf(err) != "not_found" {
		t.Errorf("one that is not there: %v", err)
	}
	if n := scan[int](s, `select count(*) from dead_letter_log`); n != 0 {
		t.Errorf("%d refusals are in the log", n)
	}
}

func TestADiscardedLetterIsPutAwayForGood(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.platform()
	root := s.user("root")
	id := s.entryDies(s.holding(s.user("ava")))
	s.must(s.post.Discard(s.ctx, root, id))
	if left := s.dead(""); len(left) != 0 {
		t.Errorf("still listed: %v", left)
	}
	s.refused(s.post.Discard(s.ctx, root, id), "no dead letter any more")
	s.refused(s.post.Replay(s.ctx, root, id), "no dead letter any more")
	s.wantStates("discord", "create dead")
	log, err := s.post.Rulings(s.ctx)
	s.must(err)
	if len(log) != 1 || log[0].Act != "discarded" || log[0].DeliveryID != id {
		t.Errorf("log %+v", log)
	}
}

func TestDeadLettersArePaged(t *testing.T) {
	t.Parallel()
	s := open(t)
	ben := s.listener("ben")
	for range 3 {
		ben.hears(alerts.Notification{Type: alerts.OrderFilled})
	}
	s.exec(`update deliveries set state = 'dead', updated_at = created_at`)
	var seen []uuid.UUID
	list, next, err := s.post.DeadLetters(s.ctx, "push", 2, nil)
	for s.must(err); ; s.must(err) {
		for _, l := range list {
			seen = append(seen, l.ID)
		}
		if next == nil {
			break
		}
		list, next, err = s.post.DeadLetters(s.ctx, "push", 2, next)
	}
	if len(seen) != 3 || seen[0] == seen[1] || seen[1] == seen[2] || seen[0] == seen[2] {
		t.Errorf("seen %v", seen)
	}
}

// health is how a channel does.
func (s *street) health(channel string) delivery.ChannelHealth {
	s.Helper()
	list, err := s.post.Health(s.ctx)
	s.must(err)
	at := slices.IndexFunc(list, func(h delivery.ChannelHealth) bool { return h.Channel == channel })
	if at < 0 {
		s.Fatalf("%s is not among the channels", channel)
	}
	return list[at]
}

func TestTheHealthOfAChannel(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.platform()
	ava := s.holding(s.user("ava"))
	s.entryDies(ava)                               // failed, and dead
	s.holding(s.user("bea")).trade("BTO").fills(5) // accepted
	s.drain()
	s.exec(`update destinations set paused_until = $1 where channel = 'discord'`, s.clock.now().Add(time.Minute))
	s.holding(s.user("cleo")).trade("BTO").fills(5) // waits
	waitsSince := s.clock.now()
	s.clock.pass(10 * time.Second)
	h := s.health("discord")
	if h.Accepted != 1 || h.Failed != 1 || h.Dead != 1 || h.Waiting != 1 || h.Destinations != 1 || h.Disabled != 0 || h.Paused != 1 {
		t.Errorf("%+v", h)
	}
	if h.OldestWaiting == nil || !h.OldestWaiting.Equal(waitsSince) || h.PausedUntil == nil || h.RestsUntil != nil {
		t.Errorf("waits since %v, paused until %v, rests until %v", h.OldestWaiting, h.PausedUntil, h.RestsUntil)
	}
	s.clock.pass(2 * time.Hour)
	if h := s.health("discord"); h.Accepted != 0 || h.Failed != 0 || h.Dead != 1 || h.Paused != 0 || h.PausedUntil != nil {
		t.Errorf("two hours later: %+v", h)
	}
}
