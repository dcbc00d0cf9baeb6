package email

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/webhook"
)

func TestAHeaderIsOneLineWithoutWhatDeceives(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"plain":                          "plain",
		"two\r\nBcc: x@example.com":      "two Bcc: x@example.com",
		"\u202eevil\u202c and \u200fRTL": "evil and RTL",
		"null\x00, bell\x07, del\x7f":    "null, bell, del",
		"para\u2029graph\u2028line":      "para graph line",
		"zero\u200bwidth\ufeff":          "zerowidth",
		"broken \xff utf-8":              "broken utf-8",
		"  many   blanks  ":              "many blanks",
		"😀 " + strings.Repeat("é", 200):  "😀 " + strings.Repeat("é", SubjectMax-3) + "…",
	} {
		if got := Subject(given); got != want || utf8.RuneCountInString(got) > SubjectMax {
			t.Errorf("%q became %q, want %q", given, got, want)
		}
	}
}

func TestAMailIsAlwaysTheSameBytes(t *testing.T) {
	t.Parallel()
	m := Mail{From: "Alertsify <a@mail.example>", To: "user@example.com", Subject: "S", HTML: "<p>", Text: "T", Kind: "test", ID: "d-1", Unsubscribe: "https://app.example/u/x"}
	first, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if again, err := m.Encode(); err != nil || string(again) != string(first) {
			t.Fatalf("%s, then %s, %v", first, again, err)
		}
	}
	var got struct {
		To      []string
		Headers map[string]string
		Tags    []tag
	}
	if err := json.Unmarshal(first, &got); err != nil {
		t.Fatal(err)
	}
	if got.Headers["List-Unsubscribe"] != "<https://app.example/u/x>" || got.Headers["List-Unsubscribe-Post"] == "" || len(got.To) != 1 || got.Tags[1] != (tag{"delivery", "d-1"}) {
		t.Errorf("%s", first)
	}
	if strings.Contains(string(first), "reply_to") {
		t.Errorf("replies go somewhere: %s", first)
	}
	m.ReplyTo = "Support <s@mail.example>"
	if answered, err := m.Encode(); err != nil || !strings.Contains(string(answered), `"reply_to":"Support`) {
		t.Errorf("replies go nowhere: %s, %v", answered, err)
	}
	m.Unsubscribe = ""
	security, err := m.Encode()
	if err != nil || strings.Contains(string(security), "List-Unsubscribe") {
		t.Errorf("security mail: %s, %v", security, err)
	}
	for name, spoil := range map[string]func(*Mail){
		"a kind that is no tag": func(m *Mail) { m.Kind = "a b" },
		"an id that is no tag":  func(m *Mail) { m.ID = "" },
		"more than Gmail shows": func(m *Mail) { m.HTML = strings.Repeat("x", 103<<10) },
	} {
		wrong := m
		spoil(&wrong)
		if _, err := wrong.Encode(); err == nil {
			t.Errorf("%s was encoded", name)
		}
	}
}

func TestWhatPeopleWriteIsTextInALetter(t *testing.T) {
	t.Parallel()
	l := Letter{
		Items:  []Item{{Title: `<script>alert(1)</script> & "quotes"`, Body: "one\nSettings: https://evil.example", Link: "javascript:alert(1)", Action: "Open"}},
		Reason: "Because.", Settings: "https://app.example/settings", Unsubscribe: "https://app.example/u/x",
	}
	html := l.HTML()
	if strings.Contains(html, "<script>") || strings.Contains(html, "javascript:") || !strings.Contains(html, "&lt;script&gt;") {
		t.Errorf("html: %s", html)
	}
	for line := range strings.Lines(l.Text()) {
		if strings.HasPrefix(line, "Settings: ") && !strings.Contains(line, "app.example") {
			t.Errorf("text: %s", l.Text())
		}
	}
}

func TestATokenAllowsWhatItSaysAndNothingElse(t *testing.T) {
	t.Parallel()
	links, others := NewLinks("https://app.example/", secret.New("one secret")), NewLinks("https://app.example", secret.New("another"))
	token := func(address string) string { return strings.TrimPrefix(address, "https://app.example/u/") }
	user, box := uuid.New(), uuid.New()
	off := token(links.Unsubscribe(user, []string{"news", "social"}))
	grant, ok := links.Read(off, now.Add(10*365*24*time.Hour))
	if !ok || grant.User != user || strings.Join(grant.Categories, " ") != "news social" || grant.Confirms() {
		t.Errorf("off: %+v, %v", grant, ok)
	}
	use := token(links.Confirm(box, now.Add(time.Hour)))
	if grant, ok := links.Read(use, now); !ok || grant.Mailbox != box || len(grant.Categories) != 0 || !grant.Confirms() {
		t.Errorf("use: %+v, %v", grant, ok)
	}
	if _, ok := links.Read(use, now.Add(time.Hour)); ok {
		t.Error("a confirmation works after its time")
	}
	undo := token(links.Undo(box, now.Add(time.Hour)))
	if grant, ok := links.Read(undo, now); !ok || grant.Change != box || grant.Confirms() || len(grant.Categories) != 0 {
		t.Errorf("undo: %+v, %v", grant, ok)
	}
	if _, ok := links.Read(undo, now.Add(time.Hour)); ok {
		t.Error("a change is undone after its time")
	}
	first, second, _ := strings.Cut(off, ".")
	useFirst, _, _ := strings.Cut(use, ".")
	for _, wrong := range []string{"", ".", off + "A", first, first + ".", useFirst + "." + second, strings.Repeat("A", 600)} {
		if _, ok := links.Read(wrong, now); ok {
			t.Errorf("%q is read", wrong)
		}
	}
	if _, ok := others.Read(off, now); ok {
		t.Error("a token of another secret is read")
	}
}

func TestAnEventIsReadInEitherForm(t *testing.T) {
	t.Parallel()
	made, err := webhook.NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := webhook.ParseSecrets(made)
	if err != nil {
		t.Fatal(err)
	}
	read := func(body string) (Event, error) {
		t.Helper()
		h := http.Header{}
		h.Set("svix-id", "msg_1")
		h.Set("svix-timestamp", "1795194000")
		h.Set("svix-signature", keys[0].Sign("msg_1", time.Unix(1795194000, 0), []byte(body)))
		e, verdict, err := VerifyEvent(keys, h, []byte(body), time.Unix(1795194000, 0))
		if verdict != webhook.OK {
			t.Fatalf("verdict %d", verdict)
		}
		return e, err
	}
	for _, tags := range []string{`[{"name":"kind","value":"test"},{"name":"delivery","value":"d-1"}]`, `{"kind":"test","delivery":"d-1"}`} {
		e, err := read(`{"type":"email.bounced","created_at":"2026-02-22T23:41:12.126Z","data":{"email_id":"e-1","tags":` + tags + `,"bounce":{"type":"Permanent","message":"no"}}}`)
		if err != nil || e.Delivery != "d-1" || e.EmailID != "e-1" || e.Bounce != "Permanent" || e.Detail != "no" || e.At.Year() != 2026 {
			t.Errorf("%+v, %v", e, err)
		}
	}
	if e, err := read(`{"type":"email.sent","data":{"email_id":17}}`); err != nil || e.Type != "email.sent" {
		t.Errorf("of a form we do not know: %+v, %v", e, err)
	}
	for _, body := range []string{"", "[]", "17", "{"} {
		if _, err := read(body); err == nil {
			t.Errorf("%q is an event", body)
		}
	}
}
