package delivery_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/webpush"
)

// control tells the sandbox something and reads its answer.
func (s *street) control(method, at string, body, into any) {
	s.Helper()
	raw, err := json.Marshal(body)
	s.must(err)
	req, err := http.NewRequestWithContext(s.ctx, method, s.base+"/_sandbox/"+at, bytes.NewReader(raw))
	s.must(err)
	resp, err := s.api.Do(req)
	s.must(err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	s.must(err)
	if resp.StatusCode != http.StatusOK {
		s.Fatalf("sandbox %s %s: %d %s", method, at, resp.StatusCode, answer)
	}
	if into != nil {
		s.must(json.Unmarshal(answer, into))
	}
}

// fault makes the other side misbehave; mode and match are the sandbox's.
func (s *street) fault(target, match, mode string, count, status int) {
	s.Helper()
	s.control("POST", "faults", map[string]any{"target": target, "match": match, "mode": mode, "count": count, "status": status}, nil)
}

// hook is a Discord channel with a webhook in the sandbox.
func (s *street) hook() (link, id string) {
	s.Helper()
	var made struct{ URL, ID string }
	s.control("POST", "discord/webhooks", map[string]any{"name": "alerts"}, &made)
	return made.URL, made.ID
}

// platform gives the platform one webhook for both sides, and the feed.
func (s *street) platform() (id string) {
	s.Helper()
	link, id := s.hook()
	s.must(s.post.PlatformDiscord(s.ctx, link, link))
	s.must(s.post.EnsureFeed(s.ctx))
	return id
}

// message is a Discord message as it stands in the channel.
type message struct {
	ID        string
	CreatedAt time.Time
	Embeds    []embed
}

type embed struct {
	Title, Description string
	Author             struct{ Name string }
	Footer             struct{ Text string }
	Fields             []struct{ Name, Value string }
}

func (m message) field(name string) string {
	for _, f := range m.Embeds[0].Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

func (s *street) messages(hook string) []message {
	s.Helper()
	var answer struct{ Data []message }
	s.control("GET", "discord/messages?webhook="+url.QueryEscape(hook), nil, &answer)
	return answer.Data
}

func (s *street) titles(hook string) string {
	s.Helper()
	var titles []string
	for _, m := range s.messages(hook) {
		titles = append(titles, m.Embeds[0].Title)
	}
	return strings.Join(titles, ", ")
}

// remove deletes a message, as a moderator would.
func (s *street) remove(hook, message string) {
	s.Helper()
	sealed := scan[string](s, `select secret from destinations where settings ->> 'webhookId' = $1 and removed_at is null`, hook)
	id := scan[string](s, `select id::text from destinations where settings ->> 'webhookId' = $1 and removed_at is null`, hook)
	text, err := s.ring.Open("destinations", "secret", id, sealed)
	s.must(err)
	token := text.Reveal()
	req, err := http.NewRequestWithContext(s.ctx, http.MethodDelete,
		s.base+"/discord/api/v10/webhooks/"+hook+"/"+token+"/messages/"+message, nil)
	s.must(err)
	req.Header.Set("User-Agent", "DiscordBot (https://moderator.example, 1)")
	resp, err := s.api.Do(req)
	s.must(err)
	s.must(resp.Body.Close())
	if resp.StatusCode != http.StatusNoContent {
		s.Fatalf("delete message: %d", resp.StatusCode)
	}
}

// received lists what a party was asked, as "POST 200".
func (s *street) received(target string) []string {
	s.Helper()
	var answer struct {
		Data []struct {
			Method string
			Status int
		}
	}
	s.control("GET", "log?target="+target, nil, &answer)
	calls := []string{}
	for _, e := range answer.Data {
		calls = append(calls, fmt.Sprintf("%s %d", e.Method, e.Status))
	}
	return calls
}

func (s *street) wantReceived(target string, want ...string) {
	s.Helper()
	if got := s.received(target); !slices.Equal(got, want) {
		s.Errorf("%s received %q, want %q", target, got, want)
	}
}

// browser is a browser in the sandbox that takes notifications.
func (s *street) browser() webpush.Subscription {
	s.Helper()
	var made struct {
		Endpoint string
		Keys     struct{ P256dh, Auth string }
	}
	s.control("POST", "push/subscriptions", map[string]any{"applicationServerKey": s.keys.Public()}, &made)
	return webpush.Subscription{Endpoint: made.Endpoint, P256dh: made.Keys.P256dh, Auth: made.Keys.Auth}
}

// shown is what a browser has been sent.
func (s *street) shown(b webpush.Subscription) []string {
	s.Helper()
	var answer struct {
		Data []struct {
			Body struct{ Notification struct{ Title, Body string } }
		}
	}
	s.control("GET", "push/messages?subscription="+path.Base(b.Endpoint), nil, &answer)
	texts := []string{}
	for _, m := range answer.Data {
		texts = append(texts, m.Body.Notification.Title+": "+m.Body.Notification.Body)
	}
	return texts
}

func (s *street) refuse(b webpush.Subscription, answer string) {
	s.Helper()
	s.control("POST", "push/subscriptions/"+path.Base(b.Endpoint), map[string]string{"answer": answer}, nil)
}

// activities reads one feed of the sandbox.
func (s *street) activities(feed string, user uuid.UUID) []map[string]any {
	s.Helper()
	var answer struct {
		Data []struct{ Fields map[string]any }
	}
	s.control("GET", "getstream/feeds/"+feed+"/"+user.String(), nil, &answer)
	var all []map[string]any
	for _, a := range answer.Data {
		all = append(all, a.Fields)
	}
	return all
}
