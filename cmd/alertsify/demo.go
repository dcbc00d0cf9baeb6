package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/app"
)

var (
	demoSymbol = "AAPL  " + expiryCode + "C00200000"
	demoBuy    = "BTO 4 AAPL 200C " + expiry + " @ 3.50"
	demoSell   = "STC 4 AAPL 200C " + expiry + " @ 5.25"
)

const demoWait = 30 * time.Second // for one step; a step takes milliseconds

// demo starts everything on free ports, does the main job once as people and
// programs do it, over HTTP, and prints what was observed and when. Its exit is 0
// only if every step was observed.
func demo(ctx context.Context, c console, args []string) error {
	f := flags(c, "demo")
	if err := parse(f, args); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "alertsify-demo-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	o := stageOptions{
		Dir: dir, Addr: "127.0.0.1:0", SandboxAddr: "127.0.0.1:0", Throwaway: true, Env: c.env,
		Log: logger(c, orElse(c, "LOG_LEVEL", "warn"), "text"),
	}
	s, err := raise(ctx, o)
	if err != nil {
		return err
	}
	defer s.strike()
	a, err := s.program(ctx, o)
	if err != nil {
		return err
	}
	defer a.Close()
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	d := &demonstration{stage: s, app: a, out: c.out, tokens: map[string]string{}}
	err = d.run(ctx)
	cancel()
	return errors.Join(err, <-ended)
}

// demonstration is one run of the main job.
type demonstration struct {
	stage  *stage
	app    *app.App
	out    io.Writer
	tokens map[string]string
	click  time.Time     // when the order was sent
	last   time.Duration // the latest delivery after the click
}

func (d *demonstration) run(ctx context.Context) error {
	if err := d.prepare(ctx); err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	for _, act := range []func(context.Context) error{d.buy, d.approve, d.sell} {
		if err := act(ctx); err != nil {
			return err
		}
	}
	fmt.Fprintf(d.out, "\nEvery step was observed. From the click to the last delivery of the entry: %.3f s.\n", d.last.Seconds())
	return nil
}

// prepare makes the people, connects ava's broker the way a browser does, and
// gives her and cara a device that takes pushes.
func (d *demonstration) prepare(ctx context.Context) error {
	ids, err := d.stage.meet(ctx, d.app)
	if err != nil {
		return err
	}
	for name, id := range ids {
		text, _, err := d.app.Guard().MakeToken(ctx, id, "demo", "trade")
		if err != nil {
			return err
		}
		d.tokens[name] = text.Reveal()
	}
	began := time.Now()
	if err := d.connect(ctx); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	fmt.Fprintf(d.out, "%9s  connected      ava linked %s through the portal; the webhook brought her account\n", since(began), devBroker)
	if _, err := d.stage.cast(ctx, d.app); err != nil {
		return err
	}
	for _, user := range []string{"ava", "cara"} {
		if err := d.device(ctx, user); err != nil {
			return fmt.Errorf("push: %w", err)
		}
	}
	if err := d.stage.control(ctx, http.MethodPost, "/_sandbox/broker/mode", map[string]string{"account": "*", "mode": "immediate"}, nil); err != nil {
		return err
	}
	return d.quote(ctx, "3.45", "3.50")
}

func since(t time.Time) string { return fmt.Sprintf("+%.3f s", time.Since(t).Seconds()) }

func (d *demonstration) connect(ctx context.Context) error {
	if err := d.api(ctx, "ava", http.MethodPost, "/api/brokers/connect", map[string]string{"brokerId": devBroker}, nil); err != nil {
		return err
	}
	if err := d.stage.control(ctx, http.MethodPost, "/_sandbox/connect", map[string]string{"user": "ava", "broker": devBroker}, nil); err != nil {
		return err
	}
	return d.until(ctx, "ava's account", func() (bool, error) {
		var accounts []struct{ Status string }
		err := d.api(ctx, "ava", http.MethodGet, "/api/brokers/accounts", nil, &accounts)
		return len(accounts) == 1 && accounts[0].Status == "ok", err
	})
}

func (d *demonstration) device(ctx context.Context, user string) error {
	var subscription json.RawMessage
	if err := d.stage.control(ctx, http.MethodPost, "/_sandbox/push/subscriptions", map[string]string{}, &subscription); err != nil {
		return err
	}
	return d.api(ctx, user, http.MethodPost, "/api/push/subscriptions", subscription, nil)
}

func (d *demonstration) quote(ctx context.Context, bid, ask string) error {
	return d.stage.control(ctx, http.MethodPost, "/_sandbox/market",
		map[string]any{"symbol": demoSymbol, "bid": bid, "ask": ask, "last": bid, "frozen": true}, nil)
}

// buy clicks, and watches the entry reach everybody.
func (d *demonstration) buy(ctx context.Context) error {
	events, stop, err := d.listen(ctx, "ava")
	if err != nil {
		return fmt.Errorf("open the event stream: %w", err)
	}
	defer stop()
	id, err := d.order(ctx, demoBuy)
	if err != nil {
		return err
	}
	if err := d.filled(ctx, id, "filled"); err != nil {
		return err
	}
	for _, hop := range []struct{ target, method, name, what string }{
		{"discord", http.MethodPost, "alert", "Discord has the embed"},
		{"push", http.MethodPost, "push", "the push service decrypted ava's notification"},
		{"getstream", http.MethodPost, "feed", "GetStream has the activity"},
	} {
		if err := d.hop(ctx, hop.target, hop.method, hop.name, hop.what); err != nil {
			return err
		}
	}
	if err := d.heard(ctx, events); err != nil {
		return err
	}
	if err := d.decided(ctx, "ben", "executed", "copy executed", "ben's account bought automatically"); err != nil {
		return err
	}
	return d.decided(ctx, "cara", "awaiting_approval", "approval asked", "cara is asked, with the time left")
}

// order sends a quick line as ava; the clock of its hops starts with the click.
func (d *demonstration) order(ctx context.Context, line string) (id string, err error) {
	var o struct{ ID string }
	d.click = time.Now()
	err = d.api(ctx, "ava", http.MethodPost, "/api/trading/orders", map[string]string{"line": line}, &o)
	if err != nil {
		return "", fmt.Errorf("place %q: %w", line, err)
	}
	d.print("ordered", line)
	return o.ID, nil
}

func (d *demonstration) print(step, what string) {
	fmt.Fprintf(d.out, "%9s  %-14s %s\n", since(d.click), step, what)
}

type demoOrder struct{ State, AveragePrice, PositionID string }

func (d *demonstration) filled(ctx context.Context, id, step string) error {
	var o demoOrder
	err := d.until(ctx, "the fill", func() (bool, error) {
		err := d.api(ctx, "ava", http.MethodGet, "/api/trading/orders/"+id, nil, &o)
		return o.State == "filled", err
	})
	if err == nil {
		d.print(step, "4 at $"+o.AveragePrice)
	}
	return err
}

// hop waits for the first message to a party after the click, and takes the time from that party.
func (d *demonstration) hop(ctx context.Context, target, method, step, what string) error {
	return d.until(ctx, what, func() (bool, error) {
		var log struct {
			Data []struct {
				At     time.Time
				Method string
				Status int
			}
		}
		err := d.stage.control(ctx, http.MethodGet, "/_sandbox/log?target="+target, nil, &log)
		for _, r := range log.Data {
			if r.Method == method && r.At.After(d.click) && r.Status < 300 {
				took := r.At.Sub(d.click)
				d.last = max(d.last, took)
				fmt.Fprintf(d.out, "%9s  %-14s %s\n", fmt.Sprintf("+%.3f s", took.Seconds()), step, what)
				return true, err
			}
		}
		return false, err
	})
}

func (d *demonstration) decided(ctx context.Context, user, result, step, what string) error {
	err := d.until(ctx, what, func() (bool, error) {
		var list []struct{ Result string }
		err := d.api(ctx, user, http.MethodGet, "/api/copy-trading/decisions", nil, &list)
		return len(list) > 0 && list[0].Result == result, err
	})
	if err == nil {
		d.print(step, what)
	}
	return err
}

// approve lets cara say yes.
func (d *demonstration) approve(ctx context.Context) error {
	var list []struct{ ID string }
	if err := d.api(ctx, "cara", http.MethodGet, "/api/copy-trading/decisions?view=awaiting", nil, &list); err != nil || len(list) != 1 {
		return errors.Join(err, fmt.Errorf("cara has %d questions, not 1", len(list)))
	}
	if err := d.api(ctx, "cara", http.MethodPost, "/api/copy-trading/decisions/"+list[0].ID+"/approve", map[string]string{}, nil); err != nil {
		return fmt.Errorf("approve: %w", err)
	}
	return d.decided(ctx, "cara", "executed", "approved", "cara said yes; her account bought")
}

// sell closes at a profit.
func (d *demonstration) sell(ctx context.Context) error {
	if err := d.quote(ctx, "5.25", "5.30"); err != nil {
		return err
	}
	id, err := d.order(ctx, demoSell)
	if err != nil {
		return err
	}
	if err := d.filled(ctx, id, "STC"); err != nil {
		return err
	}
	if err := d.hopAgain(ctx); err != nil {
		return err
	}
	if err := d.decided(ctx, "ben", "executed", "copy closed", "ben's account sold in proportion"); err != nil {
		return err
	}
	var o demoOrder
	if err := d.api(ctx, "ava", http.MethodGet, "/api/trading/orders/"+id, nil, &o); err != nil {
		return err
	}
	var p struct{ Status, RealizedPnl string }
	if err := d.api(ctx, "ava", http.MethodGet, "/api/positions/"+o.PositionID, nil, &p); err != nil {
		return err
	}
	if p.Status != "closed" || p.RealizedPnl != "700.00" {
		return fmt.Errorf("the position is %s with %s, not closed with 700.00", p.Status, p.RealizedPnl)
	}
	d.print("P&L", "+$700.00 realised, the position is closed")
	return nil
}

// hopAgain waits for the exit's alert without counting it into the entry's time.
func (d *demonstration) hopAgain(ctx context.Context) error {
	entry := d.last
	err := d.hop(ctx, "discord", http.MethodPost, "exit alert", "Discord has entry, exit, P&L and percent")
	d.last = entry
	return err
}

// until polls for a step.
func (d *demonstration) until(ctx context.Context, what string, seen func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, demoWait)
	defer cancel()
	for {
		ok, err := seen()
		if ok && err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("not observed: %s", what), err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// api calls the product as a person's program does.
func (d *demonstration) api(ctx context.Context, user, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	header := http.Header{"Authorization": {"Bearer " + d.tokens[user]}, "Idempotency-Key": {uuid.NewString()}}
	var envelope struct{ Data json.RawMessage }
	if err := call(ctx, method, d.stage.env["APP_URL"]+path, header, body, &envelope); err != nil {
		return err
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(envelope.Data, out)
}
