package sandbox

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
)

// The credentials the simulated GetStream app accepts.
const (
	GetStreamKey    = "sandboxkey"
	GetStreamSecret = "sandbox-getstream-secret"
)

// getstream plays a GetStream Feeds v2 app: it checks every token, keeps feeds,
// follows and copies, and answers in the shapes the Go module insists on. Calls
// that Alertsify does not make are answered 404, honestly.
type getstream struct {
	deps

	mu     sync.Mutex
	feeds  *getstreamFeeds
	groups []string
	rates  map[string]getstreamWindow
	strict bool          // whether rate limits are enforced
	fanOut time.Duration // how long copies take to appear
}

func newGetStream(d deps) *getstream {
	g := &getstream{
		deps: d, feeds: newGetStreamFeeds(), groups: getstreamGroups(),
		rates: map[string]getstreamWindow{}, strict: true,
	}
	d.journal.On("getstream", replayInto(func(c getstreamChange) { g.feeds.apply(c) }))
	d.faults.style("getstream", faultStyle{write: g.failHTTP})
	return g
}

// getstreamGroups are the feed groups the app was set up with in the dashboard.
func getstreamGroups() []string {
	return []string{"user", "timeline", "notification", "trade", "global", "signals", "position", "admin"}
}

// routes mounts what the adapter calls.
func (g *getstream) routes(r chi.Router) {
	r.Route("/api/v1.0", func(r chi.Router) {
		r.Post("/feed/{slug}/{user}/", g.handle("feed", "add", 1000, g.add))
		r.Get("/feed/{slug}/{user}/", g.handle("feed", "read", 2000, g.read))
		r.Delete("/feed/{slug}/{user}/{activity}/", g.handle("feed", "remove", 300, g.remove))
		r.Post("/feed/{slug}/{user}/follows/", g.handle("follower", "follow", 500, g.follow))
		r.Get("/feed/{slug}/{user}/follows/", g.handle("follower", "following", 500, g.following))
		r.Get("/feed/{slug}/{user}/followers/", g.handle("follower", "followers", 200, g.followers))
		r.Delete("/feed/{slug}/{user}/follows/{target}/", g.handle("follower", "unfollow", 250, g.unfollow))
		r.Post("/activities/", g.handle("activities", "update", 250, g.update))
		r.Get("/activities/", g.handle("activities", "find", 2000, g.find))
		r.Post("/unfollow_many/", g.handle("follower", "unfollow many", 0, nil)) // off until support enables it
	})
	r.NotFound(func(w http.ResponseWriter, r *http.Request) {
		g.log.Add("getstream", r.Method, r.URL.Path, http.StatusNotFound, nil)
		a := getstreamRefuse(http.StatusNotFound, 16, "DoesNotExistException", "the sandbox does not play this call")
		reply(w, a.status, a.body)
	})
}

// control mounts what a test or a developer may look at and change.
func (g *getstream) control(r chi.Router) {
	r.Get("/getstream/feeds/{slug}/{user}", g.controlFeed)
	r.Post("/getstream/settings", g.controlSettings)
}

// getstreamCall is one request whose token was right.
type getstreamCall struct {
	*http.Request
	feed string // "trade:u1"; empty where the path names none
	body []byte
}

type getstreamAnswer struct {
	status int
	body   any
}

func getstreamOK(status int, fields map[string]any) getstreamAnswer {
	fields["duration"] = "1.25ms"
	return getstreamAnswer{status, fields}
}

func getstreamRefuse(status, code int, exception, detail string) getstreamAnswer {
	return getstreamAnswer{status, map[string]any{
		"code": code, "detail": detail, "duration": "0.25ms", "exception": exception, "status_code": status,
	}}
}

func getstreamBad(detail string) getstreamAnswer {
	return getstreamRefuse(http.StatusBadRequest, 4, "InputException", detail)
}

const getstreamMaxActivity = 10 << 10 // bytes

func (g *getstream) handle(resource, kind string, perMinute int, act func(getstreamCall) getstreamAnswer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		a := getstreamBad("the body cannot be read")
		if err == nil {
			a = g.answer(w.Header(), resource, kind, perMinute, act, getstreamCall{Request: r, body: body})
		}
		g.log.Add("getstream", r.Method, r.URL.Path, a.status, json.RawMessage(body))
		reply(w, a.status, a.body)
	}
}

func (g *getstream) answer(h http.Header, resource, kind string, perMinute int, act func(getstreamCall) getstreamAnswer, c getstreamCall) getstreamAnswer {
	slug, user := chi.URLParam(c.Request, "slug"), chi.URLParam(c.Request, "user")
	limited := g.take(h, kind, perMinute)
	if a := g.authenticate(c.Request, resource, slug+user); a.status != 0 {
		return a
	}
	if limited {
		return getstreamRefuse(http.StatusTooManyRequests, 9, "RateLimitReached", "rate limit reached")
	}
	if slug == "" {
		return act(c)
	}
	c.feed = slug + ":" + user
	if a := g.checkFeed(c.feed); a.status != 0 {
		return a
	}
	return act(c)
}

var getstreamUser = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func (g *getstream) checkFeed(feed string) getstreamAnswer {
	slug, user, _ := strings.Cut(feed, ":")
	g.mu.Lock()
	configured := slices.Contains(g.groups, slug)
	g.mu.Unlock()
	if !configured {
		return getstreamRefuse(http.StatusBadRequest, 6, "FeedConfigException", "The following feeds are not configured: '"+slug+"'")
	}
	if !getstreamUser.MatchString(user) {
		return getstreamBad("invalid user id")
	}
	return getstreamAnswer{}
}

// authenticate checks key, signature and claims (HS256, no expiry).
func (g *getstream) authenticate(r *http.Request, resource, feedID string) getstreamAnswer {
	if r.URL.Query().Get("api_key") != GetStreamKey {
		return getstreamRefuse(http.StatusUnauthorized, 2, "ApiKeyException", "api_key not found")
	}
	if feedID == "" {
		feedID = "*"
	}
	action := map[string]string{http.MethodGet: "read", http.MethodPost: "write", http.MethodDelete: "delete"}[r.Method]
	claims, ok := getstreamClaims(r.Header.Get("Authorization"))
	right := claims["resource"] == resource && claims["action"] == action && claims["feed_id"] == feedID
	if !ok || !right || r.Header.Get("Stream-Auth-Type") != "jwt" {
		return getstreamRefuse(http.StatusUnauthorized, 3, "SignatureException", "signature or claims are wrong")
	}
	return getstreamAnswer{}
}

func getstreamClaims(token string) (map[string]any, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, false
	}
	mac := hmac.New(sha256.New, []byte(GetStreamSecret))
	mac.Write([]byte(parts[0] + "." + parts[1]))
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || !hmac.Equal(signature, mac.Sum(nil)) {
		return nil, false
	}
	header, err1 := base64.RawURLEncoding.DecodeString(parts[0])
	payload, err2 := base64.RawURLEncoding.DecodeString(parts[1])
	var claims map[string]any
	if err1 != nil || err2 != nil || !bytes.Contains(header, []byte(`"HS256"`)) || json.Unmarshal(payload, &claims) != nil {
		return nil, false
	}
	return claims, true
}

type getstreamWindow struct {
	used int
	ends time.Time
}

// take counts a call against its documented limit and sets the three headers
// every answer has.
func (g *getstream) take(h http.Header, kind string, perMinute int) (limited bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	w := g.rates[kind]
	if !now.Before(w.ends) {
		w = getstreamWindow{ends: now.Add(time.Minute)}
	}
	w.used++
	g.rates[kind] = w
	h.Set("X-Ratelimit-Limit", strconv.Itoa(perMinute))
	h.Set("X-Ratelimit-Remaining", strconv.Itoa(max(0, perMinute-w.used)))
	h.Set("X-Ratelimit-Reset", strconv.FormatInt(w.ends.Unix()+1, 10))
	return w.used > perMinute && (g.strict || perMinute == 0)
}

// failHTTP is how GetStream looks when a fault is played: JSON below 500, a
// load balancer's HTML above.
func (g *getstream) failHTTP(w http.ResponseWriter, _ *http.Request, status int) {
	g.take(w.Header(), "fault", 1)
	switch {
	case status == http.StatusTooManyRequests:
		reply(w, status, getstreamRefuse(status, 9, "RateLimitReached", "rate limit reached").body)
	case status < http.StatusInternalServerError:
		reply(w, status, getstreamRefuse(status, 4, "InputException", "simulated").body)
	default:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<html><body>simulated failure</body></html>")
	}
}

// change journals what is about to happen to the feeds, then lets it happen.
func (g *getstream) change(c getstreamChange) {
	if err := g.journal.Append("getstream", c); err != nil {
		g.logger.Error("sandbox: journal getstream", "error", err)
	}
	g.feeds.apply(c)
}

func (g *getstream) controlFeed(w http.ResponseWriter, r *http.Request) {
	feed := chi.URLParam(r, "slug") + ":" + chi.URLParam(r, "user")
	g.mu.Lock()
	found := g.feeds.read(feed, g.now())
	g.mu.Unlock()
	reply(w, http.StatusOK, map[string]any{"data": found})
}

func (g *getstream) controlSettings(w http.ResponseWriter, r *http.Request) {
	in := struct {
		FanOutMs   int      `json:"fanOutMs"`
		RateLimits bool     `json:"rateLimits"`
		Groups     []string `json:"groups"`
	}{RateLimits: true, Groups: getstreamGroups()}
	if !playerInput(w, r, &in) {
		return
	}
	g.mu.Lock()
	g.fanOut, g.strict, g.groups = time.Duration(in.FanOutMs)*time.Millisecond, in.RateLimits, in.Groups
	g.mu.Unlock()
	reply(w, http.StatusOK, in)
}

func getstreamLimit(q url.Values) int {
	n, err := strconv.Atoi(q.Get("limit"))
	if err != nil || n < 1 {
		return 25
	}
	return min(n, 100)
}
