package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/secret"
	tg "github.com/alertsify/alertsify/internal/telegram"
)

// bot is the application's client on the simulated Telegram.
func (w *testWorld) bot(token string) *tg.Client {
	return tg.New(tg.Options{
		BaseURL: w.URL() + "/telegram", Token: secret.New(token),
		HTTP: httpio.NewEgress(httpio.EgressOptions{AllowLoopback: []string{strings.TrimPrefix(w.URL(), "http://")}}),
	})
}

func (w *testWorld) says(body string) int {
	w.t.Helper()
	var answer struct{ Data struct{ Status int } }
	w.must(http.MethodPost, "/_sandbox/telegram/message", body, &answer)
	return answer.Data.Status
}

func told(text string) tg.Message {
	return tg.Message{Parts: []tg.Part{{Title: text}}, Buttons: [][]tg.Button{{{Text: "Open", URL: "https://app.example/"}}}}
}

func wantOutcome(t *testing.T, what string, err error, want tg.Outcome) {
	t.Helper()
	var e *tg.Error
	if !errors.As(err, &e) || e.Outcome != want {
		t.Errorf("%s: %v, want %s", what, err, want)
	}
}

func TestTelegramTakesEditsAndRefuses(t *testing.T) {
	t.Parallel()
	w := openWorld(t)
	bot := w.bot(TelegramToken)
	_, err := bot.Send(t.Context(), 4001, told("Too soon"))
	wantOutcome(t, "a chat that never spoke", err, tg.Gone)
	w.says(`{"text":"/start","username":"ava"}`)
	id, err := bot.Send(t.Context(), 4001, told("1 < 2 & <b>3</b>"))
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Data []telegramMessage }
	w.must(http.MethodGet, "/_sandbox/telegram/messages?chat=4001", "", &list)
	if len(list.Data) != 1 || list.Data[0].Text != "1 < 2 & <b>3</b>" || list.Data[0].Mode != "HTML" || list.Data[0].Buttons[0][0].Text != "Open" {
		t.Errorf("it shows %+v", list.Data)
	}
	for range 2 { // the second changes nothing
		if err := bot.Edit(t.Context(), 4001, id, told("New words")); err != nil {
			t.Error(err)
		}
	}
	w.must(http.MethodGet, "/_sandbox/telegram/messages?chat=4001", "", &list)
	if len(list.Data) != 1 || list.Data[0].Text != "New words" || !list.Data[0].Edited {
		t.Errorf("edited, it shows %+v", list.Data)
	}
	wantOutcome(t, "a message that is not there", bot.Edit(t.Context(), 4001, id+1, told("x")), tg.MessageGone)
	for state, want := range map[string]tg.Outcome{"blocked": tg.Gone, "deactivated": tg.Gone, "migrated": tg.Gone, "not_found": tg.Gone} {
		w.must(http.MethodPost, "/_sandbox/telegram/chats/4001", `{"state":"`+state+`"}`, nil)
		_, err := bot.Send(t.Context(), 4001, told("x"))
		wantOutcome(t, state, err, want)
	}
	_, err = w.bot("1:wrong").Send(t.Context(), 4001, told("x"))
	wantOutcome(t, "another token", err, tg.Misconfigured)
	if name, err := bot.Name(t.Context()); err != nil || name != TelegramBot {
		t.Errorf("the bot is called %q, %v", name, err)
	}
}

func TestTelegramCountsBothRates(t *testing.T) {
	t.Parallel()
	w := openWorld(t)
	bot := w.bot(TelegramToken)
	w.says(`{"text":"hello"}`)
	w.says(`{"text":"hello","from":4002}`)
	w.must(http.MethodPost, "/_sandbox/telegram/settings", `{"burst":2,"perSecond":1000,"retryAfter":7}`, nil)
	var err error
	for range 3 {
		_, err = bot.Send(t.Context(), 4001, told("x"))
	}
	var e *tg.Error
	if !errors.As(err, &e) || !e.Limited || e.RetryAfter.Seconds() != 7 {
		t.Errorf("the third at once: %v", err)
	}
	if _, err := bot.Send(t.Context(), 4002, told("x")); err != nil {
		t.Errorf("another chat: %v", err)
	}
}

// The known modules send multipart, which Telegram takes as well as JSON and forms.
func TestTelegramReadsMultipartAndForms(t *testing.T) {
	t.Parallel()
	w := openWorld(t)
	w.says(`{"text":"hello"}`)
	var body bytes.Buffer
	parts := multipart.NewWriter(&body)
	for name, value := range map[string]string{
		"chat_id": "4001", "text": "123", "parse_mode": "HTML", "disable_notification": "true",
		"reply_markup": `{"inline_keyboard":[[{"text":"Open","url":"https://app.example/"}]]}`,
	} {
		if err := parts.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := parts.Close(); err != nil {
		t.Fatal(err)
	}
	for kind, text := range map[string]string{
		parts.FormDataContentType():         body.String(),
		"application/x-www-form-urlencoded": "chat_id=4001&text=hello+there",
		"application/json":                  `{"chat_id":"4001","text":"<i>a</i>&lt;","parse_mode":"HTML"}`,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL()+"/telegram/bot"+TelegramToken+"/sendMessage", strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", kind)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		said, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if answer.StatusCode != 200 || !strings.Contains(string(said), `"message_id"`) {
			t.Errorf("%s: %d %s", kind, answer.StatusCode, said)
		}
	}
	var list struct{ Data []telegramMessage }
	w.must(http.MethodGet, "/_sandbox/telegram/messages", "", &list)
	texts := map[string]bool{}
	for _, m := range list.Data {
		texts[m.Text] = true
	}
	if len(list.Data) != 3 || !texts["123"] || !texts["hello there"] || !texts["a<"] {
		t.Errorf("read as %v", texts)
	}
}

func TestTelegramKnowsItsOwnMarkup(t *testing.T) {
	t.Parallel()
	for markup, want := range map[string]string{
		"<b>a</b> &amp;&lt;&#36;": "a &<$", "a &nbsp; b & c": "a &nbsp; b & c", "<b><i>x</i></b>": "x",
	} {
		if got, wrong := telegramHTML(markup); got != want || wrong != "" {
			t.Errorf("%s: %q, %s", markup, got, wrong)
		}
	}
	for _, markup := range []string{"<x>a</x>", "<b>a", "a</b>", "<b><i>a</b></i>", "1 < 2"} {
		if _, wrong := telegramHTML(markup); wrong == "" {
			t.Errorf("%s passes", markup)
		}
	}
}

// What is said to the bot reaches the webhook with the word that was agreed, and neither
// the token nor that word stands in the log.
func TestTelegramBringsUpdatesToTheWebhook(t *testing.T) {
	t.Parallel()
	w := openWorld(t)
	var got []string
	app := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		u, err := tg.ReadUpdate(must(io.ReadAll(r.Body)))
		got = append(got, fmt.Sprint(tg.SameSecret(secret.New("the-word-we-agreed"), r.Header.Get(tg.SecretHeader)), " ", u.ID, " ", u.Name, " ", u.Command, u.Status, err))
		rw.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(app.Close)
	if status := w.says(`{"text":"/start"}`); status != 0 {
		t.Errorf("without a webhook: %d", status)
	}
	bot := w.bot(TelegramToken)
	for range 2 {
		if err := bot.SetWebhook(t.Context(), app.URL+"/hook", secret.New("the-word-we-agreed")); err != nil {
			t.Fatal(err)
		}
	}
	if url, err := bot.WebhookURL(t.Context()); err != nil || url != app.URL+"/hook" {
		t.Errorf("set to %q, %v", url, err)
	}
	if status := w.says(`{"text":"/start abc","username":"ava"}`); status != 204 {
		t.Errorf("answered %d", status)
	}
	w.must(http.MethodPost, "/_sandbox/faults", `{"target":"telegram","mode":"duplicate_webhook","count":1}`, nil)
	w.says(`{"kicked":true,"username":"ava"}`)
	w.must(http.MethodPost, "/_sandbox/faults", `{"target":"telegram","mode":"bad_signature","count":1}`, nil)
	w.says(`{"text":"hello","updateId":77,"name":"Eve"}`)
	want := "true 2 @ava start<nil>, true 3 @ava kicked<nil>, true 3 @ava kicked<nil>, false 77 Eve <nil>"
	if all := strings.Join(got, ", "); all != want {
		t.Errorf("received %s\nwant     %s", all, want)
	}
	var log struct{ Data []Received }
	w.must(http.MethodGet, "/_sandbox/log?target=telegram", "", &log)
	for _, e := range log.Data {
		if all := e.Path + string(e.Body); strings.Contains(all, TelegramToken) || strings.Contains(all, "the-word-we-agreed") {
			t.Errorf("the log shows %s", all)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A restarted sandbox knows its chats, its messages and where updates go.
func TestTelegramRemembers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := openWorld(t, func(o *Options) { o.Dir = dir })
	first.says(`{"text":"hello"}`)
	if _, err := first.bot(TelegramToken).Send(t.Context(), 4001, told("Before")); err != nil {
		t.Fatal(err)
	}
	second := openWorld(t, func(o *Options) { o.Dir = dir })
	id, err := second.bot(TelegramToken).Send(t.Context(), 4001, told("After"))
	if err != nil || id != 2 {
		t.Errorf("sent as %d, %v", id, err)
	}
}
