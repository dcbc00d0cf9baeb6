package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/app"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/sandbox"
	"github.com/alertsify/alertsify/internal/users"
)

// hurried are the settings of a program that many requests come to from few.
var hurried = []string{"RATE_API=1000000", "RATE_ORDERS=100000", "RATE_DISCORD=1000000"}

// crowd is a stage full of people with an account each, whose Postgres and Redis
// are real ones that can be taken away. The program that serves them is a process
// of its own.
type crowd struct {
	tb       testing.TB
	stage    *stage
	app      *app.App // never runs: makes people, and knows the settings
	postgres *postgres.Private
	redis    *redisServer
	people   map[string]uuid.UUID
	tokens   []string
	client   *http.Client
	n        int // of orders placed
}

func newCrowd(tb testing.TB, size int) *crowd {
	tb.Helper()
	dir, err := openFolder("alertsify-crowd-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	c := &crowd{tb: tb, redis: startRedis(tb), people: map[string]uuid.UUID{}}
	c.client = &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 200}}
	if err := c.startPostgres(dir); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.postgres.Stop(context.Background()); err != nil {
			tb.Errorf("stop the database: %v", err)
		}
	})
	o := stageOptions{
		Dir: dir, Addr: "127.0.0.1:0", SandboxAddr: "127.0.0.1:0", Budget: 1_000_000, Log: slog.New(slog.DiscardHandler),
		Env: app.Map(map[string]string{
			"REDIS_URL": "redis://" + c.redis.address, "DATABASE_URL": c.postgres.URL("alertsify"), "RATE_API": "1000000", "RATE_ORDERS": "100000",
		}),
	}
	if c.stage, err = raise(tb.Context(), o); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.stage.strike)
	if c.app, err = c.stage.program(tb.Context(), o); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.app.Close)
	// A busier day than any of these tests, so that its pace is nothing unusual (R11).
	if _, err := c.stage.db.Pool().Exec(tb.Context(), `insert into entry_peaks (trading_day, peak) values ('2025-01-02', 1000000)`); err != nil {
		tb.Fatal(err)
	}
	c.gather(size)
	return c
}

func (c *crowd) startPostgres(dir string) error {
	p, err := postgres.StartPrivate(context.Background(), postgres.PrivateOptions{Dir: filepath.Join(dir, "postgres")})
	if err != nil {
		return err
	}
	c.postgres = p
	return p.EnsureDatabase(context.Background(), "alertsify")
}

// gather makes the people.
func (c *crowd) gather(size int) {
	c.tb.Helper()
	ctx := c.tb.Context()
	for i := range size {
		p := sandbox.Person{Subject: personName(i), Username: personName(i), Role: "subscriber"}
		user, err := c.app.Guard().EnsurePerson(ctx, "sandbox", p.Subject, users.NewUser{
			Username: p.Username, Name: p.Username, Email: p.Username + "@example.com", EmailVerified: true, Role: users.Role(p.Role),
		})
		if err == nil {
			err = c.stage.world.Name(user.ID.String(), p.Username)
		}
		if err == nil {
			err = c.stage.connect(ctx, c.app, user.ID, p)
		}
		if err != nil {
			c.tb.Fatal(err)
		}
		text, _, err := c.app.Guard().MakeToken(ctx, user.ID, "crowd", "trade")
		if err != nil {
			c.tb.Fatal(err)
		}
		c.people[p.Username] = user.ID
		c.tokens = append(c.tokens, text.Reveal())
	}
	for _, strike := range crowdStrikes() {
		c.control(http.MethodPost, "/_sandbox/market", map[string]any{
			"symbol": fmt.Sprintf("AAPL  "+expiryCode+"C%05d000", strike), "bid": "0.45", "ask": "0.50", "last": "0.45", "frozen": true,
		})
	}
}

func personName(i int) string { return fmt.Sprintf("person%d", i) }

// crowdStrikes are the calls the crowd trades, at 0.45 to 0.50.
func crowdStrikes() (strikes []int) {
	for i := range 30 {
		strikes = append(strikes, 110+(90+5*i)%150) // from 200 on, then from 110
	}
	return strikes
}

func (c *crowd) control(method, path string, in any) {
	c.tb.Helper()
	if err := c.stage.control(context.Background(), method, path, in, nil); err != nil {
		c.tb.Fatal(err)
	}
}

// mode sets how the broker works everybody's orders.
func (c *crowd) mode(mode string) {
	c.tb.Helper()
	c.control(http.MethodPost, "/_sandbox/broker/mode", map[string]string{"account": "*", "mode": mode})
}

// redisServer is a real Redis that can be stopped and started.
type redisServer struct {
	tb            testing.TB
	address, port string
	child         *exec.Cmd
}

func startRedis(tb testing.TB) *redisServer {
	tb.Helper()
	port := freePort(tb)
	r := &redisServer{tb: tb, address: net.JoinHostPort("127.0.0.1", port), port: port}
	tb.Cleanup(r.stop)
	r.start()
	return r
}

func (r *redisServer) start() {
	r.tb.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); r.stop() {
		r.child = exec.CommandContext(context.Background(), "redis-server", "--port", r.port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
		if err := r.child.Start(); err != nil {
			r.child = nil
			r.tb.Fatalf("start redis-server (apt-get install redis-server): %v", err)
		}
		// Somebody else may have its port for a moment, as it was given up.
		for range 250 {
			if r.answers() {
				return
			}
			<-time.After(20 * time.Millisecond)
		}
	}
	r.tb.Fatal("redis-server is not ready")
}

// answers tells whether it is Redis that answers there.
func (r *redisServer) answers() bool {
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		return false
	}
	defer conn.Close()
	answer := make([]byte, 7)
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return false
	}
	if _, err := io.WriteString(conn, "PING\r\n"); err != nil {
		return false
	}
	_, err = io.ReadFull(conn, answer)
	return err == nil && string(answer) == "+PONG\r\n"
}

// stop takes it away with everything in it.
func (r *redisServer) stop() {
	if r.child != nil {
		_ = r.child.Process.Kill()
		_ = r.child.Wait()
		r.child = nil
	}
}
