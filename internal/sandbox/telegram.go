package sandbox

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
)

// The bot that the simulated Telegram knows.
const (
	TelegramToken = "7000000001:AA-the-sandboxs-own-bot"
	TelegramBot   = "alertsify_sandbox_bot" // its username
	telegramBotID = 7000000001
)

// telegram plays Telegram's bot API: it checks the token, reads JSON, forms and multipart,
// parses the markup, counts the rates, keeps chats and messages, and sends updates to the
// webhook that was set, with the word that was agreed.
type telegram struct {
	deps
	token  string
	client *http.Client

	mu       sync.Mutex
	chats    map[int64]telegramChat
	messages []telegramMessage
	latest   int64 // message's id
	webhook  telegramWebhook
	settings telegramSettings
	updates  int64 // the latest update's id
	window   getstreamWindow
	bursts   map[int64]time.Time // when a chat has all of its burst again
}

// telegramChat is somebody who has spoken to the bot.
type telegramChat struct {
	ID    int64  `json:"id"`
	Type  string `json:"type"`  // private, group
	State string `json:"state"` // "", or one of the states below
}

// What can become of a chat.
const (
	telegramBlocked     = "blocked"     // 403
	telegramDeactivated = "deactivated" // 403
	telegramMigrated    = "migrated"    // 400 with another id
	telegramNotFound    = "not_found"   // 400
)

type telegramMessage struct {
	ID      int64             `json:"id"`
	Chat    int64             `json:"chat"`
	At      time.Time         `json:"at"`
	Text    string            `json:"text"` // as people see it
	Markup  string            `json:"markup"`
	Mode    string            `json:"mode"`
	Silent  bool              `json:"silent"`
	Edited  bool              `json:"edited"`
	Buttons [][]telegramLinks `json:"buttons"`
}

type telegramLinks struct {
	Text string `json:"text"`
	URL  string `json:"url"`
}

type telegramWebhook struct {
	URL     string   `json:"url"`
	Secret  string   `json:"secret"`
	Allowed []string `json:"allowed"`
}

// telegramSettings are the rates, 0 for none, and the words of simulated errors.
type telegramSettings struct {
	PerSecond    int            `json:"perSecond"` // all chats together
	Burst        int            `json:"burst"`     // to one chat at once; then one a second
	RetryAfter   int            `json:"retryAfter"`
	Descriptions map[int]string `json:"descriptions"` // by status, for the faults error and throttle
}

const telegramMessagesMax = 20_000

func telegramDefaults() telegramSettings {
	return telegramSettings{PerSecond: 30, Burst: 5, RetryAfter: 3}
}

func newTelegram(d deps) *telegram {
	t := &telegram{
		deps: d, token: TelegramToken, client: hookClient(hookTimeout),
		chats: map[int64]telegramChat{}, settings: telegramDefaults(), bursts: map[int64]time.Time{},
	}
	d.journal.On("telegram.chat", replayInto(func(c telegramChat) { t.chats[c.ID] = c }))
	d.journal.On("telegram.message", replayInto(t.keepMessage))
	d.journal.On("telegram.webhook", replayInto(func(w telegramWebhook) { t.webhook = w }))
	d.journal.On("telegram.update", replayInto(func(id int64) { t.updates = id }))
	d.faults.style("telegram", faultStyle{write: t.failHTTP, path: telegramPath})
	return t
}

// telegramPath hides the token, which stands in the address of every call.
func telegramPath(r *http.Request) string {
	at := strings.LastIndexByte(r.URL.Path, '/')
	return "/telegram/bot[redacted]" + r.URL.Path[max(at, 0):]
}

// failHTTP is a refusal without a reason. What fails on their side is a proxy's page.
func (t *telegram) failHTTP(w http.ResponseWriter, _ *http.Request, status int) {
	if status >= http.StatusInternalServerError {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<html><head><title>"+http.StatusText(status)+"</title></head><body><center>nginx</center></body></html>")
		return
	}
	t.mu.Lock()
	words, wait := t.settings.Descriptions[status], t.settings.RetryAfter
	t.mu.Unlock()
	if words == "" {
		words = http.StatusText(status)
	}
	a := telegramRefuse(status, words)
	if status == http.StatusTooManyRequests {
		a = telegramTooMany(wait)
	}
	reply(w, a.status, a.body)
}

func (t *telegram) routes(r chi.Router) {
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		r.Method(method, "/bot{token}/{method}", http.HandlerFunc(t.handle))
	}
}

type telegramAnswer struct {
	status int
	body   map[string]any
}

func telegramOK(result any) telegramAnswer {
	return telegramAnswer{http.StatusOK, map[string]any{"ok": true, "result": result}}
}

func telegramRefuse(status int, description string) telegramAnswer {
	return telegramAnswer{status, map[string]any{"ok": false, "error_code": status, "description": description}}
}

func telegramTooMany(wait int) telegramAnswer {
	a := telegramRefuse(http.StatusTooManyRequests, "Too Many Requests: retry after "+strconv.Itoa(wait))
	a.body["parameters"] = map[string]any{"retry_after": wait}
	return a
}

func (t *telegram) handle(w http.ResponseWriter, r *http.Request) {
	in, err := telegramInput(w, r)
	a := telegramRefuse(http.StatusBadRequest, "Bad Request: the body cannot be read")
	if err == nil {
		a = t.answer(chi.URLParam(r, "token"), chi.URLParam(r, "method"), in)
	}
	t.log.Add("telegram", r.Method, telegramPath(r), a.status, telegramShown(in))
	reply(w, a.status, a.body)
}

// telegramShown is a call's parameters as the log may have them.
func telegramShown(in map[string]json.RawMessage) map[string]json.RawMessage {
	shown := map[string]json.RawMessage{}
	for name, value := range in {
		if name == "secret_token" {
			value = json.RawMessage(`"[redacted]"`)
		}
		shown[name] = value
	}
	return shown
}

// telegramInput reads the parameters of a call in any of the forms that Telegram takes.
func telegramInput(w http.ResponseWriter, r *http.Request) (map[string]json.RawMessage, error) {
	in := map[string]json.RawMessage{}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind == "application/json" {
		err := json.NewDecoder(r.Body).Decode(&in)
		return in, err
	}
	var err error
	if kind == "multipart/form-data" {
		err = r.ParseMultipartForm(maxBody) //nolint:gosec // the body is bounded above
	} else {
		err = r.ParseForm()
	}
	for name, values := range r.Form {
		value := json.RawMessage(values[0])
		if name == "text" || !json.Valid(value) {
			value = asJSON(values[0])
		}
		in[name] = value
	}
	return in, err
}

// param reads one parameter, in JSON or as the text of one.
func param[T any](in map[string]json.RawMessage, name string) (v T) {
	raw := in[name]
	var text string
	if json.Unmarshal(raw, &v) != nil && json.Unmarshal(raw, &text) == nil {
		_ = json.Unmarshal([]byte(text), &v) // what is none stays empty, and is refused as such
	}
	return v
}

func (t *telegram) answer(token, method string, in map[string]json.RawMessage) telegramAnswer {
	if token != t.token {
		return telegramRefuse(http.StatusUnauthorized, "Unauthorized")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch strings.ToLower(method) {
	case "getme":
		return telegramOK(map[string]any{"id": telegramBotID, "is_bot": true, "first_name": "Alertsify", "username": TelegramBot})
	case "setwebhook":
		return t.setWebhook(in)
	case "getwebhookinfo":
		return telegramOK(map[string]any{
			"url": t.webhook.URL, "has_custom_certificate": false, "pending_update_count": 0, "allowed_updates": t.webhook.Allowed,
		})
	case "sendmessage":
		return t.send(in)
	case "editmessagetext":
		return t.edit(in)
	default:
		return telegramRefuse(http.StatusNotFound, "Not Found: method not found")
	}
}

func (t *telegram) setWebhook(in map[string]json.RawMessage) telegramAnswer {
	hook := telegramWebhook{URL: param[string](in, "url"), Secret: param[string](in, "secret_token"), Allowed: param[[]string](in, "allowed_updates")}
	local := strings.HasPrefix(hook.URL, "http://localhost:") || strings.HasPrefix(hook.URL, "http://127.0.0.1:")
	switch {
	case hook.URL != "" && !local && !strings.HasPrefix(hook.URL, "https://"):
		return telegramRefuse(http.StatusBadRequest, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
	case len(hook.Secret) > 256 || strings.ContainsFunc(hook.Secret, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", r)
	}):
		return telegramRefuse(http.StatusBadRequest, "Bad Request: secret token contains unallowed characters")
	}
	t.write("telegram.webhook", hook)
	t.webhook = hook
	return telegramOK(true)
}

// chatOf finds the chat a call is about, and refuses for it.
func (t *telegram) chatOf(in map[string]json.RawMessage) (int64, telegramAnswer) {
	id := param[int64](in, "chat_id")
	chat, known := t.chats[id]
	switch {
	case !known || chat.State == telegramNotFound:
		return 0, telegramRefuse(http.StatusBadRequest, "Bad Request: chat not found")
	case chat.State == telegramBlocked:
		return 0, telegramRefuse(http.StatusForbidden, "Forbidden: bot was blocked by the user")
	case chat.State == telegramDeactivated:
		return 0, telegramRefuse(http.StatusForbidden, "Forbidden: user is deactivated")
	case chat.State == telegramMigrated:
		a := telegramRefuse(http.StatusBadRequest, "Bad Request: group chat was upgraded to a supergroup chat")
		a.body["parameters"] = map[string]any{"migrate_to_chat_id": -1000000000000 - id}
		return 0, a
	}
	return id, telegramAnswer{}
}

// read makes a message of a call's parameters.
func (t *telegram) read(in map[string]json.RawMessage) (telegramMessage, telegramAnswer) {
	chat, a := t.chatOf(in)
	if a.status != 0 {
		return telegramMessage{}, a
	}
	keyboard := param[struct {
		Rows [][]telegramLinks `json:"inline_keyboard"`
	}](in, "reply_markup")
	m := telegramMessage{
		Chat: chat, Markup: param[string](in, "text"), Mode: param[string](in, "parse_mode"),
		Silent: param[bool](in, "disable_notification"), Buttons: keyboard.Rows,
	}
	m.Text = m.Markup
	if m.Mode != "" {
		text, wrong := telegramHTML(m.Markup)
		if wrong != "" || m.Mode != "HTML" {
			return m, telegramRefuse(http.StatusBadRequest, "Bad Request: can't parse entities: "+wrong)
		}
		m.Text = text
	}
	m.Text = strings.TrimSpace(m.Text)
	switch n := utf16Length(m.Text); {
	case n == 0:
		return m, telegramRefuse(http.StatusBadRequest, "Bad Request: message text is empty")
	case n > telegramTextMax:
		return m, telegramRefuse(http.StatusBadRequest, "Bad Request: message is too long")
	}
	for _, row := range m.Buttons {
		for _, b := range row {
			if b.Text == "" || !strings.HasPrefix(b.URL, "https://") && !strings.HasPrefix(b.URL, "http://") {
				return m, telegramRefuse(http.StatusBadRequest, "Bad Request: inline keyboard button URL '"+b.URL+"' is invalid: Wrong HTTP URL")
			}
		}
	}
	return m, telegramAnswer{}
}

func (t *telegram) send(in map[string]json.RawMessage) telegramAnswer {
	m, a := t.read(in)
	if a.status != 0 {
		return a
	}
	if a := t.count(m.Chat); a.status != 0 {
		return a
	}
	m.ID, m.At = t.latest+1, t.now()
	t.write("telegram.message", m)
	t.keepMessage(m)
	return telegramOK(m.wire())
}

func (m telegramMessage) wire() map[string]any {
	return map[string]any{
		"message_id": m.ID, "date": m.At.Unix(), "text": m.Text, "chat": map[string]any{"id": m.Chat, "type": "private"},
		"from": map[string]any{"id": telegramBotID, "is_bot": true, "username": TelegramBot},
	}
}

func (t *telegram) edit(in map[string]json.RawMessage) telegramAnswer {
	m, a := t.read(in)
	if a.status != 0 {
		return a
	}
	id := param[int64](in, "message_id")
	at := slices.IndexFunc(t.messages, func(k telegramMessage) bool { return k.ID == id && k.Chat == m.Chat })
	if at < 0 {
		return telegramRefuse(http.StatusBadRequest, "Bad Request: message to edit not found")
	}
	known := t.messages[at]
	if known.Text == m.Text && slices.EqualFunc(known.Buttons, m.Buttons, slices.Equal) {
		return telegramRefuse(http.StatusBadRequest, "Bad Request: message is not modified: specified new message content and reply markup are exactly the same")
	}
	m.ID, m.At, m.Silent, m.Edited = known.ID, known.At, known.Silent, true
	t.write("telegram.message", m)
	t.keepMessage(m)
	return telegramOK(m.wire())
}

// keepMessage takes a new message, or a known one as it reads now.
func (t *telegram) keepMessage(m telegramMessage) {
	if at := slices.IndexFunc(t.messages, func(k telegramMessage) bool { return k.ID == m.ID }); at >= 0 {
		t.messages[at] = m
		return
	}
	t.messages, t.latest = append(t.messages, m), max(t.latest, m.ID)
	if len(t.messages) > telegramMessagesMax {
		t.messages = slices.Delete(t.messages, 0, len(t.messages)-telegramMessagesMax)
	}
}

// count takes a message's place in both rates.
func (t *telegram) count(chat int64) telegramAnswer {
	now := t.now()
	if t.settings.PerSecond > 0 {
		if !now.Before(t.window.ends) {
			t.window = getstreamWindow{ends: now.Add(time.Second)}
		}
		if t.window.used++; t.window.used > t.settings.PerSecond {
			return telegramTooMany(t.settings.RetryAfter)
		}
	}
	if t.settings.Burst > 0 {
		full := now
		if at := t.bursts[chat]; at.After(now) {
			full = at
		}
		if full = full.Add(time.Second); full.Sub(now) > time.Duration(t.settings.Burst)*time.Second {
			return telegramTooMany(t.settings.RetryAfter)
		}
		t.bursts[chat] = full
	}
	return telegramAnswer{}
}

func (t *telegram) write(kind string, value any) {
	if err := t.journal.Append(kind, value); err != nil {
		t.logger.Error("sandbox: journal telegram", "error", err)
	}
}
