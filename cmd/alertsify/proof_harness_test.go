package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

// proof is a trader, ava, whom invented followers copy on a stage whose servers are
// processes of their own. show asks and judges; it serves nothing.
type proof struct {
	*show

	crowd   *crowd
	binary  string
	servers []*childServer
}

func newProof(t *testing.T, binary string, servers int, settings ...string) *proof {
	t.Helper()
	p := &proof{crowd: newCrowd(t, 0), binary: binary}
	p.crowd.mode("immediate")
	for range servers {
		p.servers = append(p.servers, p.serve(t, settings...))
	}
	people, err := p.crowd.stage.cast(t.Context(), p.crowd.app)
	if err != nil {
		t.Fatal(err)
	}
	p.show = &show{
		t: t, stage: p.crowd.stage, app: p.crowd.app, url: p.servers[0].url, people: people, tokens: map[string]string{}, client: p.crowd.client,
	}
	p.exec(`update subscriptions set status = 'paused', updated_at = now()`) // ben's and cara's
	return p
}

func (p *proof) serve(t *testing.T, settings ...string) *childServer {
	t.Helper()
	return startServer(t, p.binary, p.crowd.stage.dir, slices.Concat([]string{"LOG_LEVEL=error"}, hurried, settings)...)
}

// roundsOf is how often a proof is run: a few times inside the suite, and as PROOF_ROUNDS says.
func roundsOf(t *testing.T, short int) int {
	t.Helper()
	return countOf(t, "PROOF_ROUNDS", short)
}

// follow lets n new people follow ava, and those before do so no longer.
func (p *proof) follow(n int, mode string) (followers []uuid.UUID) {
	p.t.Helper()
	p.exec(`update subscriptions set status = 'paused', updated_at = now() where status = 'active'`)
	stem := mode + "_" + uuid.NewString()[:6]
	if err := p.app.Invent(p.t.Context(), n, "ava", mode, stem, connector(p.stage.env["SANDBOX_URL"])); err != nil {
		p.t.Fatal(err)
	}
	for _, id := range strings.Fields(p.text(`select string_agg(id::text, ' ' order by username) from users where starts_with(username, $1)`, stem)) {
		followers = append(followers, uuid.MustParse(id))
	}
	if len(followers) != n {
		p.t.Fatalf("%d of %d followers", len(followers), n)
	}
	return followers
}

// trades buys one of each contract in ava's account, in her broker's own app.
func (p *proof) trades(contracts []string) {
	p.t.Helper()
	for _, symbol := range contracts {
		p.sandbox("POST", "/_sandbox/broker/trade", map[string]any{"account": "ava", "symbol": symbol, "side": "BTO", "quantity": 1, "price": "0.50"}, nil)
	}
	p.look()
}

// contracts are n that the crowd's market quotes at 0.45 to 0.50.
func contracts(n int) (symbols []string) {
	for _, strike := range crowdStrikes()[:n] {
		symbols = append(symbols, fmt.Sprintf("AAPL  %sC%05d000", expiryCode, strike))
	}
	return symbols
}

// at sends one request to one of the servers as somebody with a token.
func (p *proof) at(server int, token, method, path, body string) (answer, error) {
	r, err := http.NewRequestWithContext(context.Background(), method, p.servers[server%len(p.servers)].url+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Idempotency-Key", uuid.NewString())
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := p.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, got}, err
}

// want is at for a request that must be answered so.
func (p *proof) want(server int, token, method, path, body string, status int) answer {
	p.t.Helper()
	a, err := p.at(server, token, method, path, body)
	if err != nil || a.status != status {
		p.t.Fatalf("%s %s: %v %d %s", method, path, err, a.status, a.body)
	}
	return a
}

// tokenOf is an access token of an invented person.
func (p *proof) tokenOf(user uuid.UUID) string {
	p.t.Helper()
	text, _, err := p.app.Guard().MakeToken(p.t.Context(), user, "proof", "trade")
	if err != nil {
		p.t.Fatal(err)
	}
	return text.Reveal()
}

// buys lets ava buy one contract, which fills at once, and gives the order.
func (p *proof) buys(server, turn int) (order string) {
	p.t.Helper()
	strikes := crowdStrikes()
	line := fmt.Sprintf(`{"confirmDuplicate":true,"line":"BTO 1 AAPL %dC %s @ 0.50"}`, strikes[turn%len(strikes)], expiry)
	var o struct{ ID string }
	p.want(server, p.token("ava", "trade"), http.MethodPost, "/api/trading/orders", line, http.StatusAccepted).into(p.t, &o)
	return o.ID
}

// number reads one number from the database.
func (p *proof) number(sql string, args ...any) (n int) {
	p.t.Helper()
	if err := p.stage.db.Pool().QueryRow(p.t.Context(), sql, args...).Scan(&n); err != nil {
		p.t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// within waits until nothing is left to say, and tells how long that took; after a
// time it fails the test with what is left. The time is generous inside the suite,
// whose machine has other things to do.
func (p *proof) within(limit time.Duration, what string, left func() string) time.Duration {
	p.t.Helper()
	if os.Getenv("PROOF_ROUNDS") == "" {
		limit = max(limit, 90*time.Second)
	}
	began := time.Now()
	for said := left(); said != ""; said = left() {
		if time.Since(began) > limit {
			p.t.Fatalf("%s, after %s: %s", what, limit, said)
		}
		<-time.After(20 * time.Millisecond)
	}
	return time.Since(began)
}

// sound holds the stored data to the invariants.
func (p *proof) sound() {
	p.t.Helper()
	if problems := p.problems(p.t.Context(), p.app.Bounds()); len(problems) > 0 {
		p.t.Errorf("after it:\n%s", strings.Join(problems, "\n"))
	}
}

// atOnce runs n of something at the same moment.
func atOnce(n int, do func(i int)) {
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			do(i)
		})
	}
	close(start)
	all.Wait()
}
