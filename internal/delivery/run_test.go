package delivery_test

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/delivery"
)

// start runs a post until the test ends, and waits for it: stop begins its end, ended
// returns after it.
func (s *street) start(p *delivery.Post) (stop, ended func()) {
	ctx, cancel := context.WithCancel(s.ctx)
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	ended = sync.OnceFunc(func() {
		if err := <-done; err != nil {
			s.Errorf("run: %v", err)
		}
	})
	s.Cleanup(func() {
		cancel()
		ended()
	})
	return cancel, ended
}

// held is a way on which requests wait until they are released.
type held struct {
	http.Transport
	arrived, release chan struct{}
}

func (h *held) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case h.arrived <- struct{}{}:
	default: // nobody looks for a second one
	}
	select {
	case <-h.release:
		return h.Transport.RoundTrip(r)
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

func TestTwoProcessesKeepEveryLaneInOrder(t *testing.T) {
	t.Parallel()
	s := open(t)
	hook := s.platform()
	s.control("POST", "discord/limits", map[string]int{"perWebhook": 0, "perChannel": 0}, nil)
	ava := s.user("ava")
	var seen atomic.Int64
	for range 2 {
		s.start(s.postWith(func(o *delivery.Options) {
			o.Observe = func(channel, outcome string, _ time.Duration) {
				if channel == delivery.ChannelDiscord && outcome == string(delivery.Accepted) {
					seen.Add(1)
				}
			}
		}))
	}
	const lanes = 10
	for range lanes {
		h := s.holding(ava)
		h.trade("BTO").fills(5)
		h.trade("STC").fills(5)
	}
	s.eventually("all deliveries are finished", func() bool {
		return scan[int](s, `select count(*) from deliveries where state in ('pending', 'sending')`) == 0
	})
	if got := len(s.messages(hook)); got != 2*lanes || seen.Load() != 2*lanes {
		t.Errorf("%d messages, %d observed, want %d", got, seen.Load(), 2*lanes)
	}
	if n := scan[int](s, `
		select count(*) from deliveries entry join deliveries "exit"
		on "exit".position_id = entry.position_id and "exit".destination_id = entry.destination_id
		where entry.side = 'BTO' and "exit".side = 'STC' and (entry.message_id > "exit".message_id and entry.channel = 'discord')`); n != 0 {
		t.Errorf("%d exits overtook their entries", n)
	}
}

func TestARunIsWokenByACommit(t *testing.T) {
	t.Parallel()
	s := open(t)
	hook := s.platform()
	s.start(s.postWith(func(o *delivery.Options) { o.Poll = time.Hour })) // nothing but the bell wakes it
	s.holding(s.user("ava")).trade("BTO").fills(5)
	s.eventually("the alert is told", func() bool { return s.titles(hook) == "🟢 BTO Alert" })
}

func TestStoppingFinishesWhatIsInFlight(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.platform()
	way := &held{arrived: make(chan struct{}, 1), release: make(chan struct{})}
	s.Cleanup(way.CloseIdleConnections)
	stop, ended := s.start(s.postWith(func(o *delivery.Options) {
		o.Discord = delivery.NewDiscord(s.discord(&http.Client{Transport: way}))
	}))
	s.holding(s.user("ava")).trade("BTO").fills(5)
	s.eventually("it is on its way", func() bool { return len(way.arrived) == 1 })
	s.wantStates("discord", "create sending")
	stop()
	close(way.release)
	ended()
	s.wantStates("discord", "create delivered")
}

func TestADestinationHasOneRequestInFlight(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.platform()
	ava := s.user("ava")
	for range 3 {
		s.holding(ava).trade("BTO").fills(5)
	}
	n, err := s.post.ClaimOnly(s.ctx)
	s.must(err)
	more, err := s.newPost().ClaimOnly(s.ctx)
	s.must(err)
	if got := scan[int](s, `select count(*) from deliveries where channel = 'discord' and state = 'sending'`); got != 1 {
		t.Errorf("%d messages for one webhook in flight (%d and %d claimed)", got, n, more)
	}
	if got := scan[int](s, `select count(*) from deliveries where channel = 'feed' and state = 'sending'`); got != 3 {
		t.Errorf("%d activities in flight, want all lanes of the feed", got)
	}
}
