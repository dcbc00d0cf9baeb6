package hooks_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/alertsify/alertsify/internal/hooks"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/inbox"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/secret"
)

const telegramWord = "a-word-of-the-tests-own"

// chatDoor is the route of Telegram's updates.
func chatDoor(t *testing.T, word string) door {
	t.Helper()
	db := pgtest.New(t)
	box := inbox.New(inbox.Options{DB: db})
	server := httptest.NewServer(httpio.Handler(hooks.New(hooks.Options{Inbox: box, Telegram: secret.New(word), TelegramBot: "123"}).Telegram))
	t.Cleanup(func() {
		server.Close()
		box.Close()
	})
	return door{t: t, url: server.URL, db: db}
}

// update posts a body with the word that was agreed; change may spoil the headers.
func (d door) update(body string, change ...string) int {
	d.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, d.url, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Telegram-Bot-Api-Secret-Token", telegramWord)
	for i := 0; i < len(change); i += 2 {
		r.Header.Set(change[i], change[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}

const startUpdate = `{"update_id":7,"message":{"message_id":1,"text":"/start abc","chat":{"id":5,"type":"private"},"from":{"id":5,"username":"ava"}}}`

// Rule 11.1 for Telegram: the first refusal that applies, and INV-30: nothing is written
// for what is not verified.
func TestAnUpdateThatIsRefusedGetsItsStatusAndLeavesNothing(t *testing.T) {
	t.Parallel()
	d := chatDoor(t, telegramWord)
	const header = "X-Telegram-Bot-Api-Secret-Token"
	huge := `{"update_id":1,"message":{"text":"` + strings.Repeat("x", 1<<20) + `"}}`
	for _, c := range []struct {
		name, body string
		change     []string
		want       int
	}{
		{"too large", huge, nil, 413},
		{"too large, of another type, forged", huge, []string{"Content-Type", "text/plain", header, "x"}, 413},
		{"of another type, forged", startUpdate, []string{"Content-Type", "text/plain", header, "x"}, 415},
		{"without the word", startUpdate, []string{header, ""}, 401},
		{"with another word", startUpdate, []string{header, telegramWord + "x"}, 401},
		{"with the beginning of the word", startUpdate, []string{header, telegramWord[:5]}, 401},
		{"forged and no JSON", "{", []string{header, "x"}, 401},
		{"no JSON", "{", nil, 400},
		{"a list", "[]", nil, 400},
		{"no update", "{}", nil, 400},
		{"nothing", "", nil, 400},
	} {
		if got := d.update(c.body, c.change...); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	if n := d.rows("true"); n != 0 {
		t.Errorf("%d rows of what was refused", n)
	}
	off := chatDoor(t, "")
	if got := off.update(startUpdate, header, ""); got != 503 {
		t.Errorf("without a secret: %d, want 503", got)
	}
}

func TestAnUpdateIsStoredOnceWithoutWhatSomebodyWrote(t *testing.T) {
	t.Parallel()
	d := chatDoor(t, telegramWord)
	for range 3 {
		if got := d.update(startUpdate); got != 200 {
			t.Fatalf("answered %d", got)
		}
	}
	for _, body := range []string{
		`{"update_id":8,"message":{"text":"my password is hunter2","chat":{"id":5,"type":"private"},"from":{"id":5}}}`,
		`{"update_id":9,"channel_post":{"text":"hunter2"}}`,
		`{"update_id":10,"my_chat_member":{"chat":{"id":5,"type":"private"},"from":{"id":5},"new_chat_member":{"status":"kicked"}}}`,
	} {
		if got := d.update(body); got != 200 {
			t.Errorf("%s: answered %d", body, got)
		}
	}
	for where, want := range map[string]int{
		"true": 4, "payload::text like '%hunter2%' or payload::text like '%\"abc\"%'": 0,
		"provider = 'telegram' and webhook_id = '123:7' and event_type = 'message' and payload ->> 'command' = 'start' and payload ->> 'code' = encode(sha256('abc'), 'hex')": 1,
		"webhook_id = '123:10' and payload ->> 'status' = 'kicked'": 1,
	} {
		if n := d.rows(where); n != want {
			t.Errorf("%s: %d rows, want %d", where, n, want)
		}
	}
}
