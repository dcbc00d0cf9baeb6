package delivery_test

import (
	"strings"
	"testing"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/hostile"
)

// Whatever address somebody gives for their alerts: what leads where nobody may lead us
// is refused with the name of its field, before anybody is called, and nothing is kept.
func TestHostileAddressesAreRefusedAndLeaveNothing(t *testing.T) {
	t.Parallel()
	s := open(t)
	ava := s.user("ava")
	browser := s.browser()
	_, err := s.post.AddPush(s.ctx, ava, browser, "Firefox")
	s.must(err)
	const kept = `select string_agg(d::text, ' ' order by id) || (select count(*) from security_events) from destinations d`
	before, calls := scan[string](s, kept), s.calls()
	refused := func(field, address string, err error) {
		if named, _ := fault.Of(err).Details["fields"].(map[string]any); fault.CodeOf(err) != "validation_failed" || named[field] == nil {
			t.Errorf("%q as the %s: %v", address, field, err)
		} else if sentence, _ := named[field].(string); len(address) > 60 && strings.Contains(sentence, address) {
			t.Errorf("the refusal repeats %q", address)
		}
	}
	inside := hostile.Inside()
	if len(inside) < hostile.Least {
		t.Fatalf("only %d addresses", len(inside))
	}
	for _, address := range append(inside, hostile.LookAlikes("discord.com", "/api/webhooks/123456789012345678/"+strings.Repeat("A", 68))...) {
		_, err := s.post.SetDiscord(s.ctx, ava, address)
		refused("url", address, err)
	}
	for _, address := range append(inside, hostile.LookAlikes("fcm.googleapis.com", "/fcm/send/x")...) {
		subscription := browser
		subscription.Endpoint = address
		_, err := s.post.AddPush(s.ctx, ava, subscription, "Firefox")
		refused("endpoint", address, err)
	}
	for _, address := range inside {
		_, err := s.post.SetReceiver(s.ctx, ava, address)
		refused("url", address, err)
	}
	if now := scan[string](s, kept); now != before {
		t.Errorf("something was kept: %s, then %s", before, now)
	}
	if n := s.calls() - calls; n > 0 {
		t.Errorf("%d calls were made", n)
	}
}

// calls is how many the other side has had.
func (s *street) calls() int {
	s.Helper()
	var log struct{ Data []struct{ Seq int64 } }
	s.control("GET", "log", nil, &log)
	return len(log.Data)
}
