package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
)

// control mounts what a test or a developer may do as somebody with Telegram.
func (t *telegram) control(r chi.Router) {
	r.Post("/telegram/message", handle(t.controlUpdate))
	r.Get("/telegram/messages", t.controlMessages)
	r.Post("/telegram/chats/{id}", t.controlChat)
	r.Post("/telegram/settings", t.controlSettings)
	r.Get("/telegram/webhook", t.controlWebhook)
}

// telegramSaid is what somebody tells the bot, or does to it.
type telegramSaid struct {
	Text     string `json:"text"`     // "/start abc"
	Chat     int64  `json:"chat"`     // default: the person's own
	From     int64  `json:"from"`     // default 4001
	Type     string `json:"type"`     // of the chat, default private
	Username string `json:"username"` // without the @
	Name     string `json:"name"`     // the first name
	Status   string `json:"status"`   // instead of a text: the bot is now "kicked" or "member"
	Kicked   bool   `json:"kicked"`   // the same as the status "kicked"
	UpdateID int64  `json:"updateId"` // default: the next
}

// controlUpdate sends an update to the webhook that was set, as a chat would cause it, and
// answers what the application answered; 0 where no webhook is set.
func (t *telegram) controlUpdate(in telegramSaid) (any, error) {
	t.mu.Lock()
	in = t.meet(in)
	kind, body := in.wire(t.now())
	hook := t.webhook
	t.mu.Unlock()
	if hook.URL == "" || len(hook.Allowed) > 0 && !slices.Contains(hook.Allowed, kind) {
		return map[string]any{"status": 0, "updateId": in.UpdateID}, nil
	}
	call := "POST " + pathOf(hook.URL) + " " + kind
	if _, hit := t.faults.takeMode(faultBadSignature, "telegram", call, ""); hit {
		hook.Secret = "another"
	}
	_, twice := t.faults.takeMode(faultDuplicateWebhook, "telegram", call, "")
	status := t.post(hook, body)
	if twice {
		status = t.post(hook, body)
	}
	return map[string]any{"status": status, "updateId": in.UpdateID}, nil
}

// meet fills in what was left out, and keeps the chat. Whoever writes to the bot has not
// blocked it any more.
func (t *telegram) meet(in telegramSaid) telegramSaid {
	if in.From == 0 {
		in.From = 4001
	}
	if in.Chat == 0 {
		in.Chat = in.From
	}
	if in.Type == "" {
		in.Type = "private"
	}
	if in.Kicked {
		in.Status = "kicked"
	}
	if in.UpdateID == 0 {
		t.updates++
		in.UpdateID = t.updates
		t.write("telegram.update", t.updates)
	}
	chat := telegramChat{ID: in.Chat, Type: in.Type}
	if in.Status == "kicked" {
		chat.State = telegramBlocked
	}
	t.chats[chat.ID] = chat
	t.write("telegram.chat", chat)
	return in
}

func (in telegramSaid) wire(at time.Time) (kind string, body []byte) {
	from := map[string]any{"id": in.From, "is_bot": false, "first_name": in.Name, "language_code": "en"}
	if in.Username != "" {
		from["username"] = in.Username
	}
	chat := map[string]any{"id": in.Chat, "type": in.Type, "first_name": in.Name}
	update := map[string]any{"update_id": in.UpdateID}
	if in.Status != "" {
		bot := map[string]any{"id": telegramBotID, "is_bot": true, "username": TelegramBot}
		kind, update["my_chat_member"] = "my_chat_member", map[string]any{
			"chat": chat, "from": from, "date": at.Unix(),
			"old_chat_member": map[string]any{"status": "member", "user": bot}, "new_chat_member": map[string]any{"status": in.Status, "user": bot},
		}
	} else {
		kind, update["message"] = "message", map[string]any{
			"message_id": in.UpdateID, "from": from, "chat": chat, "date": at.Unix(), "text": in.Text,
		}
	}
	return kind, asJSON(update)
}

func (t *telegram) post(hook telegramWebhook, body []byte) (status int) {
	ctx, cancel := context.WithTimeout(context.Background(), hookTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, hook.URL, bytes.NewReader(body))
	if err != nil {
		return 0
	}
	r.Header.Set("Content-Type", "application/json")
	if hook.Secret != "" {
		r.Header.Set("X-Telegram-Bot-Api-Secret-Token", hook.Secret)
	}
	answer, err := t.client.Do(r)
	if err == nil {
		status = answer.StatusCode
		_ = answer.Body.Close()
	}
	t.log.Add("telegram", http.MethodPost, pathOf(hook.URL), status, json.RawMessage(body))
	return status
}

// controlMessages lists what chats were told, as it reads now.
func (t *telegram) controlMessages(w http.ResponseWriter, r *http.Request) {
	found := []telegramMessage{}
	chat := r.URL.Query().Get("chat")
	t.mu.Lock()
	for _, m := range t.messages {
		if chat == "" || chat == strconv.FormatInt(m.Chat, 10) {
			found = append(found, m)
		}
	}
	t.mu.Unlock()
	reply(w, http.StatusOK, map[string]any{"data": found})
}

// controlChat lets something become of a chat, without a word to the application.
func (t *telegram) controlChat(w http.ResponseWriter, r *http.Request) {
	in := telegramChat{Type: "private"}
	if !playerInput(w, r, &in) {
		return
	}
	id, err := strconv.ParseInt(chi.URLParam(r, "id"), 10, 64)
	states := []string{"", telegramBlocked, telegramDeactivated, telegramMigrated, telegramNotFound}
	if err != nil || !slices.Contains(states, in.State) {
		reply(w, http.StatusBadRequest, map[string]string{"error": "unknown chat or state"})
		return
	}
	in.ID = id
	t.mu.Lock()
	t.chats[id] = in
	t.write("telegram.chat", in)
	t.mu.Unlock()
	reply(w, http.StatusOK, in)
}

func (t *telegram) controlSettings(w http.ResponseWriter, r *http.Request) {
	in := telegramDefaults()
	if !playerInput(w, r, &in) {
		return
	}
	t.mu.Lock()
	t.settings = in
	t.mu.Unlock()
	reply(w, http.StatusOK, in)
}

// controlWebhook tells where updates go; the word stays here.
func (t *telegram) controlWebhook(w http.ResponseWriter, _ *http.Request) {
	t.mu.Lock()
	hook := t.webhook
	t.mu.Unlock()
	reply(w, http.StatusOK, map[string]any{"url": hook.URL, "secret": hook.Secret != "", "allowed": hook.Allowed})
}
