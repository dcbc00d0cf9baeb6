package telegram

import (
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

func TestTheFirstLineSaysItAllAndTheRestFollows(t *testing.T) {
	t.Parallel()
	m := Message{Parts: []Part{{Title: "AAPL 200C\n filled", Body: "Bought 5 @ $3.50"}}}
	if got, want := m.HTML(), "<b>AAPL 200C filled</b>\nBought 5 @ $3.50"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	m = Message{Lead: "2 alerts", Parts: []Part{{Title: "One"}, {Title: "Two", Body: "a\nb"}}}
	if got, want := m.HTML(), "<b>2 alerts</b>\n\n<b>One</b>\n\n<b>Two</b>\na\nb"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := m.Plain(), "2 alerts\n\nOne\n\nTwo\na\nb"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestNobodysNameBecomesMarkup(t *testing.T) {
	t.Parallel()
	m := Message{Parts: []Part{{Title: "@<b>eve</b> & co\u202e", Body: "</b><a href=\"https://evil.example\">free</a>\x00\u2066"}}}
	want := "<b>@&lt;b&gt;eve&lt;/b&gt; &amp; co</b>\n&lt;/b&gt;&lt;a href=\"https://evil.example\"&gt;free&lt;/a&gt;"
	if got := m.HTML(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// 4096 units of UTF-16 after the markup is gone, cut at whole code points, in both forms.
func TestATextIsCutToWhatTelegramTakes(t *testing.T) {
	t.Parallel()
	for _, letter := range []string{"a", "é", "<", "😀", "👨‍👩‍👧"} {
		for extra := range 4 {
			m := Message{Lead: strings.Repeat("x", extra), Parts: []Part{{Title: "Title", Body: strings.Repeat(letter, 5000)}, {Title: "Lost"}}}
			text := m.Plain()
			n := len(utf16.Encode([]rune(text)))
			if n > TextMax || n < TextMax-8 || !utf8.ValidString(text) || !strings.HasSuffix(text, "…") || strings.Contains(text, "Lost") {
				t.Errorf("%s: %d units, ends %q", letter, n, text[len(text)-8:])
			}
			if strings.Count(m.HTML(), "<b>") != strings.Count(m.HTML(), "</b>") {
				t.Errorf("%s: the markup was cut", letter)
			}
		}
	}
	exact := Message{Parts: []Part{{Title: "T", Body: strings.Repeat("b", TextMax-2)}}}
	if text := exact.Plain(); len(text) != TextMax || strings.HasSuffix(text, "…") {
		t.Errorf("what just fits was cut: %d", len(text))
	}
}

func TestAnUpdateIsReadAsFarAsItIsUsed(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]Update{
		`{"update_id":1,"message":{"text":"/start abc_-9","chat":{"id":5,"type":"private"},"from":{"id":5,"username":"ava"}}}`: {
			ID: 1, Kind: "message", Chat: 5, Private: true, From: 5, Name: "@ava", Command: "start", Code: CodeHash("abc_-9"),
		},
		`{"update_id":2,"message":{"text":"/STOP@our_bot","chat":{"id":5,"type":"private"},"from":{"id":5,"first_name":"Ava\u202e","last_name":"Stone\nX"}}}`: {
			ID: 2, Kind: "message", Chat: 5, Private: true, From: 5, Name: "Ava Stone X", Command: "stop",
		},
		`{"update_id":3,"message":{"text":"my password is hunter2","chat":{"id":5,"type":"private"},"from":{"id":5,"username":"a b"}}}`: {
			ID: 3, Kind: "message", Chat: 5, Private: true, From: 5,
		},
		`{"update_id":4,"message":{"text":"/start x","chat":{"id":-7,"type":"group"},"from":{"id":5}}}`: {
			ID: 4, Kind: "message", Chat: -7, From: 5, Command: "start", Code: CodeHash("x"),
		},
		`{"update_id":5,"message":{"text":"/start x","chat":{"id":6,"type":"private"},"from":{"id":5}}}`: {
			ID: 5, Kind: "message", Chat: 6, From: 5, Command: "start", Code: CodeHash("x"),
		},
		`{"update_id":6,"my_chat_member":{"chat":{"id":5,"type":"private"},"from":{"id":5},"new_chat_member":{"status":"kicked"}}}`: {
			ID: 6, Kind: "my_chat_member", Chat: 5, Private: true, From: 5, Status: "kicked",
		},
		`{"update_id":7,"message":{"text":"/start ` + strings.Repeat("x", 65) + `","chat":{"id":5,"type":"private"},"from":{"id":5}}}`: {
			ID: 7, Kind: "message", Chat: 5, Private: true, From: 5,
		},
		`{"update_id":8,"poll":{}}`: {ID: 8, Kind: "other"},
	} {
		if got, err := ReadUpdate([]byte(body)); err != nil || got != want {
			t.Errorf("%s\n%+v, %v\nwant %+v", body, got, err, want)
		}
	}
	for _, body := range []string{``, `[]`, `{}`, `{"message":{}}`, `{"update_id":"x"}`, `{"update_id":1,"message":7}`} {
		if _, err := ReadUpdate([]byte(body)); err == nil {
			t.Errorf("%s passes for an update", body)
		}
	}
}
