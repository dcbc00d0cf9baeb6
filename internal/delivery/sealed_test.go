package delivery_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/secret"
)

// A key that is replaced: every destination is wrapped anew, its secret stays, and alerts
// go on; one that does not open ends it by name.
func TestDestinationsAreWrappedWithTheNewKeyAndGoOn(t *testing.T) {
	t.Parallel()
	s := open(t)
	older, newer := secret.NewKey("k1"), secret.NewKey("k2")
	with := func(keys string) {
		ring, err := secret.ParseRing(secret.New(keys))
		s.must(err)
		s.ring = ring
		s.post = s.newPost()
	}
	with(older.Reveal())
	ava, browser := s.user("ava"), s.browser()
	_, err := s.post.AddPush(s.ctx, ava, browser, "Firefox")
	s.must(err)
	body := scan[string](s, `select split_part(secret, '.', 4) from destinations`)

	with(newer.Reveal() + "," + older.Reveal())
	rewrap := func() (changed int, err error) {
		for _, column := range delivery.Sealed() {
			n, err := column.Rewrap(s.ctx, s.db, s.ring)
			if changed += n; err != nil {
				return changed, err
			}
		}
		return changed, nil
	}
	for _, want := range []int{1, 0} {
		if n, err := rewrap(); err != nil || n != want {
			t.Errorf("rewrapped %d, %v; want %d", n, err, want)
		}
	}
	if now := scan[string](s, `select split_part(secret, '.', 4) from destinations`); now != body {
		t.Error("the secret itself was sealed anew")
	}
	if keys, err := delivery.Sealed()[0].Keys(s.ctx, s.db); err != nil || len(keys) != 1 || keys["k2"] != 1 {
		t.Errorf("wrapped with %v, %v", keys, err)
	}
	with(newer.Reveal())
	s.holding(ava).trade("BTO").fills(5)
	s.drain()
	if got := s.shown(browser); len(got) != 1 {
		t.Errorf("the browser shows %q", got)
	}

	s.exec(`update destinations set secret = 'v1.k0.' || split_part(secret, '.', 3) || '.' || split_part(secret, '.', 4)`)
	id := scan[string](s, `select id::text from destinations`)
	if _, err := rewrap(); !errors.Is(err, secret.ErrUnknownKey) || !strings.Contains(err.Error(), id) {
		t.Errorf("an unknown key: %v", err)
	}
}
