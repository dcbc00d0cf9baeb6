// Package sandbox plays every outside party of Alertsify over real HTTP: the brokers, their webhooks, the option market, and the places alerts go to.
package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
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

	ResendKey           string // accepted Resend key; default ResendKey
	ResendWebhookURL    string // where events of mails are sent; empty: nowhere
	ResendWebhookSecret string // signs them, whsec_ and base64

	WhopKey           string // accepted Whop key; default WhopKey
	WhopWebhookURL    string // where Whop's events are sent; empty: nowhere
	WhopWebhookSecret string // signs them: all of it is the key

	AlpacaKey    string // accepted Alpaca key; empty accepts any that is not empty
	AlpacaSecret string

	ConsoleCode string // if set, the simulated sign-in page asks for it
	Seed        int64
	// Stepped leaves everything that happens by itself to whoever opened it: see Step.
	Stepped bool
	// RatePerMinute is how many SnapTrade calls the client id may send in a
	// rolling minute; default 250.
	RatePerMinute int
	Now           func() time.Time
	OnClock       func(ClockSetting) // called when the market clock is set or cleared, and once at start if one was kept
	Logger        *slog.Logger
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
	options   Options
	deps      deps
	clock     *clock
	market    *market
	paper     *paper
	snaptrade *snaptrade
	portal    *portal
	hooks     *webhooks
	alpaca    *alpaca
	discord   *discord
	push      *push
	getstream *getstream
	resend    *resend
	telegram  *telegram
	whop      *whop
	receivers *receivers
	openID    *openID
	signIns   *signIns

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
	if err := w.build(); err != nil {
		return nil, fmt.Errorf("open sandbox: %w", err)
	}
	if err := w.resume(); err != nil {
		return nil, fmt.Errorf("open sandbox: %w", err)
	}
	if err := w.listen(); err != nil {
		return nil, fmt.Errorf("open sandbox: %w", errors.Join(err, journal.close()))
	}
	w.start()
	return w, nil
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
	if o.RatePerMinute == 0 {
		o.RatePerMinute = defaultRate
	}
	return o
}

// build makes the players and lets them see each other.
func (w *World) build() error {
	var err error
	if w.clock, err = newClock(w.deps, w.options.OnClock); err != nil {
		return err
	}
	w.market = newMarket(w.deps, w.clock)
	w.paper = newPaper(w.deps, w.market, w.clock)
	w.hooks = newWebhooks(w.deps, w.options)
	w.portal = newPortal(w.deps)
	w.snaptrade = &snaptrade{
		deps: w.deps, clientID: w.options.ClientID, consumerKey: w.options.ConsumerKey,
		rate: &rateLimit{limit: w.options.RatePerMinute}, registry: newRegistry(w.deps.journal),
		paper: w.paper, market: w.market, portal: w.portal, hooks: w.hooks,
	}
	w.portal.snaptrade = w.snaptrade
	w.alpaca = newAlpaca(w.deps, w.options, w.market, w.clock)
	w.discord, w.push, w.getstream = newDiscord(w.deps), newPush(w.deps), newGetStream(w.deps)
	w.resend, w.telegram, w.receivers = newResend(w.deps, w.options), newTelegram(w.deps), newReceivers(w.deps)
	w.whop = newWhop(w.deps, w.options, w.snaptrade.registry.userNamed)
	w.openID, w.signIns = newOpenID(w.deps, w.options.People), newSignIns(w.deps, w.options.People)
	client := openIDClient{
		ID: w.options.OpenIDClientID, Secret: w.options.OpenIDClientSecret,
		RedirectURIs: w.options.RedirectURIs, ConsoleCode: w.options.ConsoleCode,
	}
	w.openID.register(client)
	w.signIns.register(client)
	w.paper.changed = w.snaptrade.afterTrade
	w.deps.faults.same = w.sameAccount
	w.deps.faults.style("snaptrade", faultStyle{write: w.snaptrade.failAs})
	w.handler = w.routes()
	return nil
}

// resume replays the journal, then makes the ids of this run differ from those
// of the runs before.
func (w *World) resume() error {
	runs := int64(0)
	w.deps.journal.On("started", func(json.RawMessage) error {
		runs++
		return nil
	})
	if err := w.deps.journal.replay(); err != nil {
		return err
	}
	w.deps.rand.reseed(w.options.Seed + runs*1_000_003)
	if err := w.deps.journal.Append("started", runs); err != nil {
		return errors.Join(err, w.deps.journal.close())
	}
	if w.clock.current().IsSet() {
		w.clock.announce()
	}
	return nil
}

func (w *World) listen() error {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", w.options.Addr)
	if err != nil {
		return err
	}
	w.listener = listener
	w.mu.Lock()
	w.url = "http://" + reachable(listener.Addr().String())
	w.mu.Unlock()
	w.server = &http.Server{
		Handler: w.handler, ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: slog.NewLogLogger(w.options.Logger.Handler(), slog.LevelDebug),
	}
	return nil
}

// start runs the background work until stop.
func (w *World) start() {
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	if w.options.Stepped {
		return
	}
	w.background.Go(func() { w.hooks.run(ctx) })
	w.background.Go(func() { w.resend.run(ctx) })
	w.background.Go(func() { w.whop.run(ctx) })
	w.background.Go(func() { every(ctx, orderPace, w.workOrders) })
	w.background.Go(func() { every(ctx, walkPace, w.walkMarket) })
}

const (
	orderPace = 200 * time.Millisecond
	walkPace  = time.Second
)

func every(ctx context.Context, pace time.Duration, do func()) {
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			do()
		}
	}
}

func (w *World) workOrders() {
	if err := w.paper.tick(); err != nil {
		w.options.Logger.Error("sandbox: work orders", "error", err)
	}
}

func (w *World) walkMarket() {
	w.market.step(walkPace)
	if err := w.paper.settle(); err != nil {
		w.options.Logger.Error("sandbox: settle expired contracts", "error", err)
	}
}

// URL is the sandbox's own address, without a slash at the end.
func (w *World) URL() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.url
}

// SetWebhookURL says where SnapTrade's webhooks go; until then they are lost.
func (w *World) SetWebhookURL(url string) { w.hooks.setURL(url) }

// AllowRedirect adds a redirect URI of the application to the OpenID client.
func (w *World) AllowRedirect(uri string) {
	w.openID.allowRedirect(uri)
	w.signIns.allowRedirect(uri)
}

// Name tells the sandbox the username of a SnapTrade user id, so that control
// calls can name people.
func (w *World) Name(userID, username string) error {
	return w.snaptrade.registry.saveName(announcedName{Username: username, UserID: userID})
}

// sameAccount reports whether the account a fault names (account id, user id or
// username) is the account or user a request is about.
func (w *World) sameAccount(named, actual string) bool {
	if named == actual {
		return true
	}
	user := w.snaptrade.registry.userNamed(named)
	return user != "" && (user == actual || user == w.paper.owner(actual))
}

// Handler answers for all parties.
func (w *World) Handler() http.Handler { return w.handler }

func (w *World) routes() http.Handler {
	r := chi.NewRouter()
	r.Mount("/snaptrade", w.play("snaptrade", w.snaptrade.about, w.snaptrade.routes))
	r.Mount("/alpaca", w.play("alpaca", nil, w.alpaca.routes))
	r.Mount("/discord", w.play("discord", segment(4), w.discord.routes))
	r.Mount("/push", w.play("push", segment(1), w.push.routes))
	r.Mount("/getstream", w.play("getstream", nil, w.getstream.routes))
	r.Mount("/resend", w.play("resend", nil, w.resend.routes))
	r.Mount("/telegram", w.play("telegram", nil, w.telegram.routes))
	r.Mount("/whop", w.play("whop", nil, w.whop.routes))
	r.Mount("/receiver", w.play("receiver", segment(1), w.receivers.routes))
	r.Mount("/openid", w.play("openid", nil, w.openID.routes))
	r.Mount("/signin", w.play("signin", segment(1), w.signIns.routes))
	r.Route("/portal", w.portal.routes)
	r.Route("/_sandbox", w.control)
	return onlyLocal(r)
}

// segment names the account of a request by a part of its path: the webhook id
// of /discord/api/v10/webhooks/{id}/…, the subscription of /push/{id}.
func segment(n int) func(*http.Request) string {
	return func(r *http.Request) string {
		parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
		if n >= len(parts) {
			return ""
		}
		return parts[n]
	}
}

// play mounts one party with its faults around it.
func (w *World) play(target string, about func(*http.Request) string, routes func(chi.Router)) http.Handler {
	r := chi.NewRouter()
	routes(r)
	return w.deps.faults.wrap(target, about, r)
}

// Serve answers requests until ctx ends or Close is called.
func (w *World) Serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = w.server.Close() })
	defer stop()
	err := w.server.Serve(w.listener)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve sandbox: %w", err)
}

// Close stops the server and waits for the background work. Requests still
// running when ctx ends are cut off.
func (w *World) Close(ctx context.Context) error {
	err := w.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, w.server.Close())
	}
	w.stop()
	w.alpaca.close()
	w.background.Wait()
	for _, client := range []*http.Client{w.hooks.client, w.resend.client, w.telegram.client, w.whop.client} {
		client.CloseIdleConnections()
	}
	if closed := w.listener.Close(); !errors.Is(closed, net.ErrClosed) {
		err = errors.Join(err, closed)
	}
	return errors.Join(err, w.deps.journal.close())
}

// reachable is the address by which this machine reaches a listener that may
// listen on all of its addresses.
func reachable(addr string) string {
	listening, err := netip.ParseAddrPort(addr)
	if err != nil || !listening.Addr().IsUnspecified() {
		return addr
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(int(listening.Port())))
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
