package main

import (
	"encoding/base64"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/alertsify/alertsify/internal/app"
)

// Secrets are replaced from a terminal beside a running program: SnapTrade's, after which
// everybody trades on, and one that fails is named; and the key that wraps them, which
// leaves them as they are.
func TestSecretsAreReplacedFromATerminal(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.mode("immediate")
	s.quote(apple, "3.45", "3.50")
	rotate := func(what string, code int, says string, settings ...string) {
		t.Helper()
		env := s.stage.env
		more := map[string]string{}
		for i := 0; i < len(settings); i += 2 {
			more[settings[i]] = settings[i+1]
		}
		var out, err strings.Builder
		got := run(t.Context(), console{out: &out, err: &err, env: app.Layered(app.Map(more), app.Map(env))}, []string{"rotate", what})
		if said := out.String() + err.String(); got != code || !regexp.MustCompile(says).MatchString(said) {
			t.Errorf("alertsify rotate %s: %d\n%s", what, got, said)
		}
	}
	rotate("everything", 2, `usage: alertsify rotate`)
	const secrets = `select string_agg(user_secret, ' ' order by user_id) from snaptrade_users`
	before := s.text(secrets)
	// What an operator or a breaker halted is not a rotation's to take back.
	halts := s.text(`insert into trading_switches (scope, key, stops, cause, reason) values ('platform', '', 'copies', 'operator', 'a look at copies') returning cause`)
	rotate("snaptrade", 0, `(?s)@ava: replaced.*3 replaced, 0 kept`)
	if s.text(secrets) == before {
		t.Error("nothing was replaced")
	}
	if left := s.text(`select string_agg(cause, ' ') from trading_switches`); left != halts {
		t.Errorf("the halts are %q, want the operator's", left)
	}
	bought := s.place("ava", "BTO 1 AAPL 200C "+expiry+" @ 3.50")
	s.eventually("ava trades on", func() bool { return s.order("ava", bought).State == "filled" })

	s.sandbox("POST", "/_sandbox/faults", map[string]any{"target": "snaptrade", "match": "POST /snapTrade/resetUserSecret", "mode": "error", "status": http.StatusForbidden, "count": 1}, nil)
	rotate("snaptrade", 1, `(?s)refused, the old one holds.*2 replaced, 1 kept the old one, 0 not known, 0 lost.*1 users got no new secret`)

	old := s.stage.env["ENCRYPTION_KEYS"]
	sealed := `select string_agg(split_part(user_secret, '.', 4), ' ' order by user_id) from snaptrade_users`
	before = s.text(sealed)
	added := "k2:" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))
	rotate("keys", 0, `(?s)snaptrade_users.user_secret +3 rewrapped.*key k1 +0 rows  may be taken out.*key k2 +\d+ rows  the first: it wraps`, "ENCRYPTION_KEYS", added+","+old)
	rotate("keys", 0, `(?s)snaptrade_users.user_secret +0 rewrapped`, "ENCRYPTION_KEYS", added+","+old)
	if s.text(sealed) != before {
		t.Error("the secrets themselves were sealed anew")
	}
	rotate("keys", 1, `sealed with a key that is not in ENCRYPTION_KEYS`) // of the ring without the new one
}
