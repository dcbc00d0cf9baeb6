package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/alertsify/alertsify/internal/app"
)

// seedWith runs `alertsify seed` as a shell would, beside the running stage.
func (s *show) seedWith(args ...string) (code int, said string) {
	s.t.Helper()
	var out bytes.Buffer
	c := console{out: &out, err: &out, env: app.Map(nil)}
	code = run(s.t.Context(), c, append([]string{"seed", "--data", s.stage.dir}, args...))
	return code, out.String()
}

func TestSeededFollowersCopyAtTheSandbox(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.mode("immediate")
	s.quote(apple, "3.45", "3.50")
	for _, mode := range []string{"auto", "approve", "paper"} {
		if code, said := s.seedWith("--followers", "3", "--of", "ava", "--mode", mode); code != 0 || !strings.Contains(said, "@ava has 3 more followers ("+mode+")") {
			t.Fatalf("%d %s", code, said)
		}
	}
	s.place("ava", "BTO 4 AAPL 200C "+expiry+" @ 3.50")
	s.eventually("the automatic ones bought and the others were asked", func() bool {
		return s.text(`
			select coalesce(string_agg(n::text, ' ' order by mode), '') from (
				select split_part(u.username, '_', 1) as mode, count(*) as n from copy_decisions c join users u on u.id = c.user_id
				where c.result = case when u.username like 'auto%' then 'executed' else 'awaiting_approval' end group by 1) x
			where mode in ('approve', 'auto')`) == "3 3"
	})
	if n := s.text(`select count(*)::text from subscriptions where paper`); n != "3" {
		t.Errorf("%s paper followers", n)
	}
}

func TestSeedIsAskedForProperly(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{}, {"--followers", "5"}, {"--followers", "0", "--of", "ava"}, {"--followers", "5", "--of", "ava", "--mode", "always"},
		{"--positions", "5"}, {"--positions", "-1", "--for", "ava"}, {"--for", "ava"},
	} {
		var out bytes.Buffer
		if code := run(context.Background(), console{out: &out, err: &out, env: app.Map(nil)}, append([]string{"seed"}, args...)); code != 2 {
			t.Errorf("%v: %d %s", args, code, out.String())
		}
	}
}
