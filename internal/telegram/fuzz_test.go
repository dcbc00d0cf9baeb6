package telegram

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/alertsify/alertsify/internal/secret"
)

// Whatever Telegram sends: no panic, a private chat is one person's, and of what people
// write nothing is kept but a command and the hash of its code.
func FuzzReadUpdate(f *testing.F) {
	for _, seed := range []string{
		`{"update_id":1,"message":{"text":"/start abc","chat":{"id":7,"type":"private"},"from":{"id":7,"username":"ava"}}}`,
		`{"update_id":-9223372036854775808,"message":{"text":"/START@bot \u0000x","chat":{"id":-1,"type":"private"},"from":{"id":-1,"first_name":"\ud800"}}}`,
		`{"update_id":2,"my_chat_member":{"chat":{"id":7,"type":"group"},"from":{"id":8},"new_chat_member":{"status":"kicked"}}}`,
		`{"update_id":1e9,"callback_query":{}}`, `{"update_id":null}`, `[]`, `{`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		u, err := ReadUpdate(body)
		if err != nil {
			return
		}
		if u.Private && (u.Chat <= 0 || u.Chat != u.From) {
			t.Errorf("%q is the chat of one person: %+v", body, u)
		}
		if u.Code != "" && len(u.Code) != 64 || len(u.Command) > 4*commandMax || utf8.RuneCountInString(u.Name) > 65 || utf8.RuneCountInString(u.Status) > nameMax {
			t.Errorf("%q: %+v", body, u)
		}
		kept, err := json.Marshal(u)
		if err != nil {
			t.Fatal(err)
		}
		var again Update
		if err := json.Unmarshal(kept, &again); err != nil || again != u {
			t.Errorf("%q is kept as %s and read as %+v, %v", body, kept, again, err)
		}
	})
}

// Whatever answers a call: an outcome, a bounded wait, and words that may be logged.
func FuzzAnswer(f *testing.F) {
	f.Add(429, []byte(`{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":9223372036854775807}}`))
	f.Add(200, []byte(`{"ok":true,"result":{"message_id":7}}`))
	f.Add(200, []byte(`{"ok":true,"result":"x"}`))
	f.Add(502, []byte(`<html>`))
	f.Add(403, []byte(`{"ok":false,"error_code":-1,"description":"Forbidden: bot was blocked by the user"}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		var a answer
		err := json.Unmarshal(body, &a)
		var made struct {
			ID int64 `json:"message_id"`
		}
		if accepted(status, a, err, &made) == nil && !a.OK {
			t.Errorf("%q is accepted", body)
		}
		c := New(Options{Token: secret.New("1:canary")})
		e := c.refusal(status, a)
		if e.RetryAfter < 0 || strings.Contains(e.Error(), "canary") {
			t.Errorf("%d %q: %+v", status, body, e)
		}
	})
}

// Whatever is configured as a word or a token: it is taken only in the form that
// Telegram takes, and a word fits nothing but itself.
func FuzzSecrets(f *testing.F) {
	f.Add("0123456789abcdef", "0123456789abcdef")
	f.Add("123:abc", "")
	f.Add("\x00", "é")
	f.Fuzz(func(t *testing.T, word, given string) {
		if err := ParseSecret(secret.New(word)); err == nil && (len(word) < secretMin || len(word) > secretMax || strings.ContainsAny(word, " \r\n:")) {
			t.Errorf("%q is taken", word)
		}
		if SameSecret(secret.New(word), given) != (word == given && word != "") {
			t.Errorf("%q fits %q", given, word)
		}
		if id := BotID(secret.New(word)); strings.ContainsAny(id, "/?#: ") {
			t.Errorf("%q is the bot %q", word, id)
		}
	})
}
