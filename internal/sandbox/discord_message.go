package sandbox

import (
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
)

// discordMessage is a message as it stands, after its edits.
type discordMessage struct {
	ID        string         `json:"id"`
	WebhookID string         `json:"webhookId"`
	ChannelID string         `json:"channelId"` // the thread's id when it stands in one
	ThreadID  string         `json:"threadId,omitempty"`
	Content   string         `json:"content"`
	Embeds    []discordEmbed `json:"embeds"`
	CreatedAt time.Time      `json:"createdAt"`
	EditedAt  time.Time      `json:"editedAt,omitzero"`
}

// wire is the message as Discord answers it.
func (m discordMessage) wire(hook discordHook) map[string]any {
	var edited any
	if !m.EditedAt.IsZero() {
		edited = m.EditedAt.UTC().Format(time.RFC3339Nano)
	}
	return map[string]any{
		"id": m.ID, "type": 0, "channel_id": m.ChannelID, "webhook_id": m.WebhookID,
		"content": m.Content, "embeds": m.Embeds, "components": []any{}, "attachments": []any{},
		"mentions": []any{}, "mention_roles": []any{}, "mention_everyone": false,
		"pinned": false, "tts": false, "flags": 0,
		"timestamp": m.CreatedAt.UTC().Format(time.RFC3339Nano), "edited_timestamp": edited,
		"author": map[string]any{"id": hook.ID, "username": hook.Name, "bot": true, "discriminator": "0000", "avatar": nil},
	}
}

func (d *discord) execute(c discordCall) discordAnswer {
	wait, ok := discordBool(c.URL.Query().Get("wait"))
	if !ok {
		return discordForm("wait", "BOOLEAN_TYPE_CONVERT", "Must be either true or false.")
	}
	body, refusal := discordDecode(c)
	if refusal.status != 0 {
		return refusal
	}
	if refusal := discordCheckBody(body, true); refusal.status != 0 {
		return refusal
	}
	m := discordMessage{ID: d.snowflake(), WebhookID: c.hook.ID, ChannelID: c.hook.ChannelID, CreatedAt: d.now()}
	if refusal := d.place(c, body, &m); refusal.status != 0 {
		return refusal
	}
	m.apply(body)
	d.keepMessage(m)
	a := discordAnswer{status: http.StatusOK, body: m.wire(c.hook), messageID: m.ID, pings: discordPings(body)}
	if !wait {
		a.status, a.body = http.StatusNoContent, nil
	}
	return a
}

// place decides which channel or thread a message goes to.
func (d *discord) place(c discordCall, body discordBody, m *discordMessage) discordAnswer {
	thread := c.URL.Query().Get("thread_id")
	switch {
	case thread != "" && body.ThreadName != "":
		return discordError(http.StatusBadRequest, 220002, "Webhooks posted to forum channels cannot have both a thread_name and thread_id")
	case c.hook.Forum && thread == "" && body.ThreadName == "":
		return discordError(http.StatusBadRequest, 220001, "Webhooks posted to forum channels must have a thread_name or thread_id")
	case !c.hook.Forum && body.ThreadName != "":
		return discordError(http.StatusBadRequest, 220003, "Webhooks can only create threads in forum channels")
	case thread != "" && !slices.Contains(c.hook.Threads, thread):
		return discordError(http.StatusNotFound, 10003, "Unknown Channel")
	case thread != "":
		m.ThreadID, m.ChannelID = thread, thread
	case body.ThreadName != "":
		m.ThreadID = d.snowflake()
		m.ChannelID = m.ThreadID
		c.hook.Threads = append(slices.Clone(c.hook.Threads), m.ThreadID)
		d.keepHook(c.hook)
	}
	return discordAnswer{}
}

func (d *discord) edit(c discordCall) discordAnswer {
	m, known := d.message(c)
	if !known {
		return discordError(http.StatusNotFound, 10008, "Unknown Message")
	}
	body, refusal := discordDecode(c)
	if refusal.status != 0 {
		return refusal
	}
	if refusal := discordCheckBody(body, false); refusal.status != 0 {
		return refusal
	}
	m.apply(body)
	if m.Content == "" && len(m.Embeds) == 0 {
		return discordError(http.StatusBadRequest, 50006, "Cannot send an empty message")
	}
	m.EditedAt = d.now()
	d.keepMessage(m)
	return discordAnswer{status: http.StatusOK, body: m.wire(c.hook), messageID: m.ID, pings: discordPings(body)}
}

func (d *discord) read(c discordCall) discordAnswer {
	m, known := d.message(c)
	if !known {
		return discordError(http.StatusNotFound, 10008, "Unknown Message")
	}
	return discordAnswer{status: http.StatusOK, body: m.wire(c.hook)}
}

func (d *discord) remove(c discordCall) discordAnswer {
	m, known := d.message(c)
	if !known {
		return discordError(http.StatusNotFound, 10008, "Unknown Message")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.messages, m.ID)
	d.write("discord.removed", m.ID)
	return discordAnswer{status: http.StatusNoContent}
}

// message finds one of this webhook's own; in a thread only by the thread's id.
func (d *discord) message(c discordCall) (discordMessage, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	m, known := d.messages[chi.URLParam(c.Request, "message")]
	own := m.WebhookID == c.hook.ID && m.ThreadID == c.URL.Query().Get("thread_id")
	return m, known && own
}

func (d *discord) keepMessage(m discordMessage) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.messages[m.ID] = m
	d.write("discord.message", m)
}

// apply takes over what a body says; embeds are replaced as a whole.
func (m *discordMessage) apply(body discordBody) {
	if body.Content != nil {
		m.Content = strings.TrimSpace(*body.Content)
	}
	if body.Embeds != nil {
		m.Embeds = *body.Embeds
	}
}

func discordDecode(c discordCall) (discordBody, discordAnswer) {
	var body discordBody
	kind, _, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return body, discordForm("_", "CONTENT_TYPE_INVALID", `Expected "Content-Type" header to be application/json.`)
	}
	if !json.Valid(c.body) {
		return body, discordError(http.StatusBadRequest, 50109, "The request body contains invalid JSON.")
	}
	if err := json.Unmarshal(c.body, &body); err != nil {
		return body, discordForm("_", "BASE_TYPE_BAD", "A value has the wrong type.")
	}
	return body, discordAnswer{}
}

// discordBool reads a query's boolean as Discord does; empty is false.
func discordBool(text string) (value, ok bool) {
	switch text {
	case "true", "True", "1":
		return true, true
	case "", "false", "False", "0":
		return false, true
	default:
		return false, false
	}
}

// discordPings lists the mentions in a message that would notify somebody. Only
// content counts; what stands in embeds does not notify.
func discordPings(body discordBody) []string {
	if body.Content == nil {
		return nil
	}
	allowed := discordMentions{Parse: []string{"users"}} // Discord's default for webhooks
	if body.AllowedMentions != nil {
		allowed = *body.AllowedMentions
	}
	var pings []string
	for _, found := range discordMentionShape.FindAllStringSubmatch(*body.Content, -1) {
		everyone, role, user := found[1], found[2], found[3]
		if everyone != "" && slices.Contains(allowed.Parse, "everyone") ||
			role != "" && (slices.Contains(allowed.Parse, "roles") || slices.Contains(allowed.Roles, role)) ||
			user != "" && (slices.Contains(allowed.Parse, "users") || slices.Contains(allowed.Users, user)) {
			pings = append(pings, found[0])
		}
	}
	return pings
}

// discordForm is Discord's answer to one wrong field, named "embeds.0.title".
func discordForm(field, code, message string) discordAnswer {
	f := discordFormErrors{}
	f.add(field, code, message)
	return f.answer()
}

// discordFormErrors is the tree of keys and indexes that ends in "_errors".
type discordFormErrors map[string]any

func (f discordFormErrors) add(field, code, message string) {
	node := map[string]any(f)
	for _, key := range strings.Split(field, ".") {
		child, known := node[key].(map[string]any)
		if !known {
			child = map[string]any{}
			node[key] = child
		}
		node = child
	}
	list, _ := node["_errors"].([]map[string]string)
	node["_errors"] = append(list, map[string]string{"code": code, "message": message})
}

// atMost checks a text's length in code points, outer white space left out.
func (f discordFormErrors) atMost(field, text string, limit int) {
	if discordLength(text) > limit {
		f.add(field, "BASE_TYPE_MAX_LENGTH", "Must be "+strconv.Itoa(limit)+" or fewer in length.")
	}
}

func (f discordFormErrors) required(field, text string) {
	if discordLength(text) == 0 {
		f.add(field, "BASE_TYPE_REQUIRED", "This field is required")
	}
}

func (f discordFormErrors) answer() discordAnswer {
	if len(f) == 0 {
		return discordAnswer{}
	}
	return discordAnswer{status: http.StatusBadRequest, body: discordFailure{Message: "Invalid Form Body", Code: 50035, Errors: map[string]any(f)}}
}
