package sandbox

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
)

// discord plays Discord's webhook API: it keeps messages so that edits work,
// enforces the documented limits and the observed rates, and marks in the log
// whatever would have notified somebody.
type discord struct {
	deps
	rate  *discordRate
	chaos *discordChaos

	mu       sync.Mutex
	hooks    map[string]discordHook
	messages map[string]discordMessage
	lastID   uint64
	mode     string // how the next calls go wrong; empty: they do not
	modeLeft int    // calls the mode still holds for; 0: until changed
}

// discordHook is one webhook and the channel it posts to.
type discordHook struct {
	ID        string   `json:"id"`
	Token     string   `json:"token"`
	ChannelID string   `json:"channelId"`
	GuildID   string   `json:"guildId"`
	Name      string   `json:"name"`
	Forum     bool     `json:"forum"`   // posts need a thread
	Threads   []string `json:"threads"` // the channel's threads
	State     string   `json:"state"`   // "", or one of the states below
}

// What can become of a webhook without our doing.
const (
	discordDeleted   = "deleted"   // 404, 10015
	discordRevoked   = "revoked"   // 401, 50027
	discordForbidden = "forbidden" // 403, 50013
	discordNoChannel = "channel"   // 404, 10003

	discordAutomod     = "automod"      // 400, 200000: refuses every text, and lives
	discordHarmfulLink = "harmful_link" // 403, 240000: the same
	discordOldEdits    = "old_edits"    // 429, 30046: refuses edits, of messages older than an hour
)

// The ways all of Discord can refuse, beyond the faults every party knows.
const (
	discordGlobal429 = "global_429" // Discord's own global limit
	discordHTML429   = "html_429"   // Cloudflare's ban page
	discordBare429   = "bare_429"   // a 429 without body and headers
	discordRedirect  = "redirect"   // to another host; must not be followed
)

func newDiscord(d deps) *discord {
	p := &discord{
		deps: d, rate: newDiscordRate(d.now), chaos: newDiscordChaos(d.now, d.rand),
		hooks: map[string]discordHook{}, messages: map[string]discordMessage{},
	}
	d.journal.On("discord.webhook", replayInto(func(h discordHook) { p.hooks[h.ID] = h }))
	d.journal.On("discord.message", replayInto(func(m discordMessage) { p.messages[m.ID] = m }))
	d.journal.On("discord.removed", replayInto(func(id string) { delete(p.messages, id) }))
	d.faults.style("discord", faultStyle{write: p.failHTTP, path: discordPath})
	return p
}

// routes mounts the API as Discord has it, with and without a version.
func (d *discord) routes(r chi.Router) {
	for _, api := range []string{"/api/webhooks/{id}/{token}", "/api/v{version:[0-9]+}/webhooks/{id}/{token}"} {
		r.Route(api, func(r chi.Router) {
			r.Post("/", d.handle("create", d.execute))
			r.Get("/", d.handle("webhook", d.describe))
			r.Delete("/", d.handle("webhook", d.deleteHook))
			r.Patch("/messages/{message}", d.handle("edit", d.edit))
			r.Get("/messages/{message}", d.handle("read", d.read))
			r.Delete("/messages/{message}", d.handle("remove", d.remove))
		})
	}
	refuse := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			d.log.Add("discord", r.Method, discordPath(r), status, nil)
			reply(w, status, discordFailure{Message: strconv.Itoa(status) + ": " + http.StatusText(status)})
		}
	}
	r.NotFound(refuse(http.StatusNotFound))
	r.MethodNotAllowed(refuse(http.StatusMethodNotAllowed))
}

// discordCall is one request after its webhook was found.
type discordCall struct {
	*http.Request
	hook discordHook
	body []byte
}

// discordAnswer is what to reply, and what only the log should know.
type discordAnswer struct {
	status    int
	body      any
	messageID string
	pings     []string
	lost      bool // never sent
}

type discordFailure struct {
	Message    string  `json:"message"`
	Code       int     `json:"code"`
	Errors     any     `json:"errors,omitempty"`
	RetryAfter float64 `json:"retry_after,omitempty"`
	Global     *bool   `json:"global,omitempty"`
}

func discordError(status, code int, message string) discordAnswer {
	return discordAnswer{status: status, body: discordFailure{Message: message, Code: code}}
}

// handle logs every request before it is answered.
func (d *discord) handle(kind string, act func(discordCall) discordAnswer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		var a discordAnswer
		if err != nil {
			a = discordError(http.StatusRequestEntityTooLarge, 40005, "Request entity too large")
		} else {
			a = d.answer(w.Header(), kind, act, discordCall{Request: r, body: body})
		}
		d.log.Add("discord", r.Method, discordPath(r), a.status, discordLogged(body, a))
		if a.lost {
			d.chaos.lose(r)
		}
		d.send(w, a)
	}
}

func (d *discord) answer(h http.Header, kind string, act func(discordCall) discordAnswer, c discordCall) discordAnswer {
	if a, wrong := d.misbehave(h); wrong {
		return a
	}
	if !strings.HasPrefix(c.UserAgent(), "DiscordBot (") {
		return discordError(http.StatusForbidden, 40333, "internal network error")
	}
	hook, refusal := d.find(chi.URLParam(c.Request, "id"), chi.URLParam(c.Request, "token"))
	if refusal.status != 0 {
		return refusal
	}
	c.hook = hook
	a := d.take(h, kind, act, c)
	d.chaos.answered(h, kind, hook, &a)
	return a
}

func (d *discord) take(h http.Header, kind string, act func(discordCall) discordAnswer, c discordCall) discordAnswer {
	if a, refused := d.chaos.arrive(h, kind, c.hook); refused {
		return a
	}
	if a, limited := d.rate.take(h, kind, c.hook); limited {
		return a
	}
	if kind != "create" && kind != "edit" {
		return act(c)
	}
	switch c.hook.State {
	case discordAutomod:
		return discordError(http.StatusBadRequest, 200000, "Message was blocked by automatic moderation")
	case discordHarmfulLink:
		return discordError(http.StatusForbidden, 240000, "The request was blocked by harmful links filter")
	case discordOldEdits:
		if kind == "edit" {
			return discordError(http.StatusTooManyRequests, 30046, "Maximum number of edits to messages older than 1 hour reached. Try again later")
		}
	}
	return act(c)
}

func (d *discord) find(id, token string) (discordHook, discordAnswer) {
	d.mu.Lock()
	hook, known := d.hooks[id]
	d.mu.Unlock()
	switch {
	case !known, hook.State == discordDeleted:
		return hook, discordError(http.StatusNotFound, 10015, "Unknown Webhook")
	case hook.Token != token, hook.State == discordRevoked:
		return hook, discordError(http.StatusUnauthorized, 50027, "Invalid Webhook Token")
	case hook.State == discordForbidden:
		return hook, discordError(http.StatusForbidden, 50013, "Missing Permissions")
	case hook.State == discordNoChannel:
		return hook, discordError(http.StatusNotFound, 10003, "Unknown Channel")
	default:
		return hook, discordAnswer{}
	}
}

func (d *discord) describe(c discordCall) discordAnswer {
	return discordAnswer{status: http.StatusOK, body: map[string]any{
		"id": c.hook.ID, "type": 1, "name": c.hook.Name, "avatar": nil, "application_id": nil,
		"channel_id": c.hook.ChannelID, "guild_id": c.hook.GuildID, "token": c.hook.Token,
	}}
}

func (d *discord) deleteHook(c discordCall) discordAnswer {
	c.hook.State = discordDeleted
	d.keepHook(c.hook)
	return discordAnswer{status: http.StatusNoContent}
}

func (d *discord) keepHook(h discordHook) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hooks[h.ID] = h
	d.write("discord.webhook", h)
}

func (d *discord) write(kind string, v any) {
	if err := d.journal.Append(kind, v); err != nil {
		d.logger.Error("sandbox: journal discord", "error", err)
	}
}

// snowflake is Discord's kind of id: time, then a counter; always growing.
func (d *discord) snowflake() string {
	const discordEpoch = 1420070400000 // 2015-01-01 in milliseconds
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lastID = max(d.lastID+1, uint64(d.now().UnixMilli()-discordEpoch)<<22)
	return strconv.FormatUint(d.lastID, 10)
}

// create makes a webhook on a channel of its own.
func (d *discord) create(h discordHook) discordHook {
	secret := make([]byte, 51) // 68 characters, as Discord's are
	_, _ = rand.Read(secret)
	h.ID, h.GuildID, h.Token = d.snowflake(), d.snowflake(), base64.RawURLEncoding.EncodeToString(secret)
	if h.ChannelID == "" {
		h.ChannelID = d.snowflake()
	}
	if h.Name == "" {
		h.Name = "Alertsify sandbox"
	}
	d.keepHook(h)
	return h
}

// url is what Discord's "Copy webhook URL" button gives: its real host. The
// application never dials it; it puts id and token behind its own base URL.
func (h discordHook) url() string { return "https://discord.com/api/webhooks/" + h.ID + "/" + h.Token }

// misbehave plays the mode that was set.
func (d *discord) misbehave(h http.Header) (discordAnswer, bool) {
	d.mu.Lock()
	mode := d.mode
	if d.modeLeft > 0 {
		if d.modeLeft--; d.modeLeft == 0 {
			d.mode = ""
		}
	}
	d.mu.Unlock()
	switch mode {
	case discordGlobal429:
		h.Set("Retry-After", "1")
		h.Set("X-RateLimit-Global", "true")
		h.Set("X-RateLimit-Scope", "global")
		return discordLimited(300*time.Millisecond, true), true
	case discordHTML429:
		h.Set("Retry-After", "600")
		return discordAnswer{status: http.StatusTooManyRequests, body: "error code: 1015"}, true
	case discordBare429:
		return discordAnswer{status: http.StatusTooManyRequests, body: ""}, true
	case discordRedirect:
		h.Set("Location", "http://169.254.169.254/latest/meta-data/")
		return discordAnswer{status: http.StatusFound, body: ""}, true
	default:
		return discordAnswer{}, false
	}
}

// send writes JSON, or plain text when the body is a string.
func (d *discord) send(w http.ResponseWriter, a discordAnswer) {
	text, isText := a.body.(string)
	if a.body != nil && !isText {
		reply(w, a.status, a.body)
		return
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, text)
}

// failHTTP is how Discord looks when a fault is played.
func (d *discord) failHTTP(w http.ResponseWriter, _ *http.Request, status int) {
	if status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "1")
		w.Header().Set("X-RateLimit-Scope", "user")
		d.send(w, discordLimited(300*time.Millisecond, false))
		return
	}
	d.send(w, discordError(status, 0, strconv.Itoa(status)+": "+http.StatusText(status)))
}

// discordPath is a path without the token that stands after the webhook's id.
func discordPath(r *http.Request) string {
	parts := strings.Split(r.URL.Path, "/")
	if i := slices.Index(parts, "webhooks"); i >= 0 && i+2 < len(parts) {
		parts[i+2] = "[redacted]"
	}
	return strings.Join(parts, "/")
}

// discordLogged is the message as it came, with what only we know beside it.
func discordLogged(body []byte, a discordAnswer) any {
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) != nil {
		return json.RawMessage(body)
	}
	if a.messageID != "" {
		object["_messageId"] = asJSON(a.messageID)
	}
	if len(a.pings) > 0 {
		object["_wouldPing"] = asJSON(a.pings)
	}
	return object
}
