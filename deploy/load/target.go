package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	answerTime = 30 * time.Second // of one request
	answerMax  = 8 << 20          // bytes of one answer
	cancelled  = time.Second      // after it was placed an order is cancelled
	orderOn    = "AAPL"
)

// target is the program that is asked.
type target struct {
	settings
	http   *http.Client
	stream *http.Client // without a limit of time
	round  atomic.Int64 // takes turns

	contracts []contract
	rank      atomic.Int64   // of orders
	cancels   result         // what came of taking orders back
	after     sync.WaitGroup // cancels to come
	run       string         // names this run's webhooks
	hooks     atomic.Int64
}

// kind is one sort of request.
type kind struct {
	name string
	send func(context.Context) error
}

func newTarget(s settings) *target {
	transport := &http.Transport{MaxIdleConnsPerHost: s.atOnce, MaxConnsPerHost: 0}
	return &target{
		settings: s, http: &http.Client{Transport: transport, CheckRedirect: stay}, stream: &http.Client{Transport: &http.Transport{}},
		cancels: result{kind: "cancels"}, run: rand.Text(),
	}
}

func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func (t *target) kinds() []kind {
	return []kind{{"pages", t.page}, {"reads", t.read}, {"orders", t.order}, {"webhooks", t.webhook}}
}

func (t *target) turn() int { return int(t.round.Add(1) - 1) }

func (t *target) token() string { return t.tokens[t.turn()%len(t.tokens)] }

// page asks for what anybody may look at.
func (t *target) page(ctx context.Context) error {
	pages := []string{"/", "/leaderboard", "/status", "/legal/terms", "/login"}
	_, err := t.ask(ctx, http.MethodGet, pages[t.turn()%len(pages)], "", nil, http.StatusOK)
	return err
}

// read asks for what open pages and programs look at.
func (t *target) read(ctx context.Context) error {
	reads := []string{
		"/api/trading/orders?view=working", "/api/positions?status=open", "/api/notifications", "/api/feeds/global", "/api/copy-trading/subscriptions",
		"/api/analytics-v2/user-stats", "/api/analytics-v2/daily-stats", "/api/analytics-v2/cumulative", "/api/leaderboard", "/api/profile",
	}
	_, err := t.ask(ctx, http.MethodGet, reads[t.turn()%len(reads)], t.token(), nil, http.StatusOK)
	return err
}

// contract is one that can be ordered.
type contract struct{ kind, strike, expiration string }

// findContracts looks for some, of the expiration after the nearest.
func (t *target) findContracts(ctx context.Context) error {
	var days struct{ Data []string }
	if err := t.get(ctx, "/api/market/expirations?symbol="+orderOn, &days); err != nil {
		return err
	}
	if len(days.Data) < 2 {
		return errors.New("no expirations")
	}
	day := days.Data[1]
	var chain struct {
		Data struct{ Strikes []struct{ Strike string } }
	}
	if err := t.get(ctx, "/api/market/chain?near=15&symbol="+orderOn+"&expiration="+day, &chain); err != nil {
		return err
	}
	for _, rung := range chain.Data.Strikes {
		t.contracts = append(t.contracts, contract{"call", rung.Strike, day}, contract{"put", rung.Strike, day})
	}
	if len(t.contracts) == 0 {
		return errors.New("no strikes")
	}
	return nil
}

func (t *target) get(ctx context.Context, path string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	body, err := t.ask(ctx, http.MethodGet, path, t.token(), nil, http.StatusOK)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}

// order places a limit order far below the market, so that it rests, and has it cancelled
// after a while, which is a kind of its own.
func (t *target) order(ctx context.Context) error {
	n := int(t.rank.Add(1) - 1)
	c := t.contracts[n%len(t.contracts)]
	price := strconv.Itoa(5 + n/len(t.contracts)%8*5) // another price each time: the same order twice within ten seconds is asked about
	body := fmt.Sprintf(`{"side":"BTO","underlying":%q,"optionType":%q,"strike":%q,"expiration":%q,"quantity":1,"orderType":"Limit","limitPrice":"0.%02s"}`,
		orderOn, c.kind, c.strike, c.expiration, price)
	token := t.token()
	answer, err := t.ask(ctx, http.MethodPost, "/api/trading/orders", token, []byte(body), http.StatusAccepted)
	if err != nil {
		return err
	}
	var placed struct{ Data struct{ ID string } }
	if err := json.Unmarshal(answer, &placed); err != nil {
		return fmt.Errorf("read the order: %w", err)
	}
	t.after.Go(func() { t.cancel(context.WithoutCancel(ctx), placed.Data.ID, token) })
	return nil
}

// cancel takes an order back, also when the run has ended meanwhile.
func (t *target) cancel(ctx context.Context, id, token string) {
	<-time.After(cancelled)
	ctx, stop := context.WithTimeout(ctx, answerTime)
	defer stop()
	began := time.Now()
	_, err := t.ask(ctx, http.MethodDelete, "/api/trading/orders/"+id, token, []byte("{}"), http.StatusAccepted)
	if err != nil && strings.Contains(err.Error(), `"code":"invalid_state"`) {
		err = nil // the broker was faster, which is an answer
	}
	t.cancels.add(time.Since(began), err)
}

// webhook sends an event of SnapTrade's of which nothing follows, so that it is verified,
// stored and done. The body is written in canonical form, so that signing it
// as it is signs it right.
func (t *target) webhook(ctx context.Context) error {
	n := t.hooks.Add(1)
	if n%10 == 0 {
		n--
	}
	body := fmt.Sprintf(`{"clientId":%q,"eventTimestamp":%q,"eventType":"USER_REGISTERED","userId":"load","webhookId":"load-%s-%d"}`,
		t.client, time.Now().UTC().Format(time.RFC3339), t.run, n)
	mac := hmac.New(sha256.New, []byte(t.key))
	mac.Write([]byte(body))
	_, err := t.send(ctx, http.MethodPost, "/api/webhooks/snaptrade", []byte(body), http.StatusOK, func(h http.Header) {
		h.Set("Content-Type", "application/json")
		h.Set("Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	})
	return err
}

// ask is one request of somebody's; what changes something carries a key of its own.
func (t *target) ask(ctx context.Context, method, path, token string, body []byte, want int) ([]byte, error) {
	return t.send(ctx, method, path, body, want, func(h http.Header) {
		if token != "" {
			h.Set("Authorization", "Bearer "+token)
		}
		if body != nil {
			h.Set("Content-Type", "application/json")
			h.Set("Idempotency-Key", rand.Text())
		}
	})
}

func (t *target) send(ctx context.Context, method, path string, body []byte, want int, head func(http.Header)) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, t.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	head(r.Header)
	resp, err := t.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, answerMax))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != want {
		return nil, fmt.Errorf("%s %s: %d %.200s", method, path, resp.StatusCode, answer)
	}
	return answer, nil
}

// listen keeps streams open; the time is that until one was open. One that ends before its
// time counts as failed, and is not opened again.
func (t *target) listen(ctx context.Context, streams int, r *result) {
	var all sync.WaitGroup
	var events atomic.Int64
	for range streams {
		all.Go(func() {
			began := time.Now()
			err := t.hear(ctx, func() { r.add(time.Since(began), nil) }, &events)
			if ctx.Err() == nil {
				r.add(time.Since(began), fmt.Errorf("a stream ended: %w", err))
			}
		})
	}
	all.Wait()
	r.note = fmt.Sprintf("%d events heard", events.Load())
}

// hear reads one stream until it ends.
func (t *target) hear(ctx context.Context, opened func(), events *atomic.Int64) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url+"/api/events", nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+t.token())
	resp, err := t.stream.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET /api/events: %d", resp.StatusCode)
	}
	opened()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, answerMax)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "event:") {
			events.Add(1)
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return io.EOF
}
