// Package sandbox plays every outside party of Alertsify over real HTTP: the brokers, their webhooks, the option market, and the places alerts go to.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"
)

// Person is someone the simulated OpenID provider can sign in.
type Person struct {
	Subject       string `json:"subject"`
	Username      string `json:"username"`
	Name          string `json:"name"`
	Email         string `json:"email"`
	EmailVerified bool   `json:"emailVerified"`
	Role          string `json:"role"`
}

// Options say how the sandbox plays. Everything has a default but the keys that
// must agree with the application's own.
type Options struct {
	Dir  string // journal folder; empty keeps everything in memory
	Addr string // where Serve listens; default 127.0.0.1:0, any free port

	ClientID    string // SnapTrade client id the application signs with
	ConsumerKey string // SnapTrade consumer key: checks requests, signs webhooks
	WebhookURL  string // the application's SnapTrade webhook; may be set later

	OpenIDClientID     string
	OpenIDClientSecret string
	RedirectURIs       []string
	People             []Person

	AlpacaKey    string // accepted Alpaca key; empty accepts any that is not empty
	AlpacaSecret string

	ConsoleCode string // if set, /_sandbox/ asks for it
	Seed        int64
	Now         func() time.Time
	OnClock     func(ClockSetting) // called when the market clock is set or cleared, and once at start if one was kept
	Logger      *slog.Logger
}

// deps is what every player is given.
type deps struct {
	log     *Log
	faults  *Faults
	journal *Journal
	now     func() time.Time // real time: signatures, webhook ages, order stamps
	base    func() string    // the sandbox's own address, "http://127.0.0.1:40123"
	logger  *slog.Logger
	rand    *dice
}

// World is the running sandbox.
type World struct {
	options  Options
	deps     deps
	listener net.Listener
	server   *http.Server
	handler  http.Handler

	stop       context.CancelFunc
	background sync.WaitGroup

	mu  sync.Mutex
	url string
}

// Open replays the journal, opens the listener and starts the background work
// (quote walk, order progress, webhook sender). Requests are answered once Serve
// runs; Close ends all of it.
func Open(options Options) (*World, error) {
	w := &World{options: withDefaults(options)}
	journal := newJournal(options.Dir)
	log := newLog(journal, w.options.Now, w.options.Logger)
	w.deps = deps{
		log: log, faults: newFaults(log), journal: journal, now: w.options.Now,
		base: w.URL, logger: w.options.Logger, rand: newDice(w.options.Seed),
	}
	w.handler = w.routes()
	if err := journal.replay(); err != nil {
		return nil, fmt.Errorf("open sandbox: %w", err)
	}
	return w, w.listen()
}

func withDefaults(o Options) Options {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

func (w *World) listen() error {
	listener, err := net.Listen("tcp", w.options.Addr)
	if err != nil {
		return errors.Join(fmt.Errorf("open sandbox: %w", err), w.deps.journal.close())
	}
	w.listener = listener
	w.mu.Lock()
	w.url = "http://" + listener.Addr().String()
	w.mu.Unlock()
	w.server = &http.Server{Handler: w.handler, ReadHeaderTimeout: 10 * time.Second}
	return nil
}

// URL is the sandbox's own address, without a slash at the end.
func (w *World) URL() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.url
}

// Handler answers for all parties.
func (w *World) Handler() http.Handler { return w.handler }

func (w *World) routes() http.Handler {
	r := chi.NewRouter()
	return onlyLocal(r)
}

// Serve answers requests until ctx ends or Close is called.
func (w *World) Serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = w.server.Close() })
	defer stop()
	err := w.server.Serve(w.listener)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Close stops the server and waits for the background work, at most until ctx ends.
func (w *World) Close(ctx context.Context) error {
	err := w.server.Shutdown(ctx)
	return errors.Join(err, w.deps.journal.close())
}

// onlyLocal refuses requests that name another host than this machine, so that a
// web page cannot reach the sandbox by pointing its own name here (DNS rebinding).
func onlyLocal(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		switch strings.Trim(host, "[]") {
		case "localhost", "127.0.0.1", "::1":
			next.ServeHTTP(w, r)
		default:
			http.Error(w, "the sandbox answers only on this machine", http.StatusMisdirectedRequest)
		}
	})
}

// dice is the seeded source of ids and chances, safe for several goroutines.
type dice struct {
	mu   sync.Mutex
	rand *rand.Rand
}

func newDice(seed int64) *dice { return &dice{rand: rand.New(rand.NewSource(seed))} }

// Intn returns a number in [0,n).
func (d *dice) Intn(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rand.Intn(n)
}

// Float64 returns a number in [0,1).
func (d *dice) Float64() float64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rand.Float64()
}

// NormFloat64 returns a standard normal number.
func (d *dice) NormFloat64() float64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rand.NormFloat64()
}

// Read fills p; it never fails. Not for secrets that must be unguessable.
func (d *dice) Read(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rand.Read(p)
}

// UUID returns a random (version 4) id in its 36-character form.
func (d *dice) UUID() string {
	var raw [16]byte
	_, _ = d.Read(raw[:])
	raw[6] = raw[6]&0x0f | 0x40
	raw[8] = raw[8]&0x3f | 0x80
	return uuid.UUID(raw).String()
}

// reseed starts another sequence: a restarted sandbox must not give out the ids
// of its first run again.
func (d *dice) reseed(seed int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rand = rand.New(rand.NewSource(seed))
}
