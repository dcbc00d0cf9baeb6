package hostile

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Forgery is a webhook that its provider never sent.
type Forgery struct {
	Path   string
	Header http.Header
	Body   []byte
}

// door is one of the routes of webhooks: where, what an event there looks like, and which
// headers would sign it.
type door struct {
	path, event string
	sign        func(h http.Header, dice *rand.Rand, now time.Time)
}

func doors() []door {
	return []door{
		{"/api/webhooks/snaptrade", `{"accountId":"a-1","clientId":"ALERTSIFY","eventTimestamp":"2026-11-20T14:30:00Z","eventType":"TRADE_UPDATE","userId":"u-1","webhookId":"w-1"}`, snaptrade},
		{"/api/snaptrade/webhook", `{"eventTimestamp":"2026-11-20T14:30:00Z","eventType":"CONNECTION_DELETED","userId":"u-1","webhookId":"w-2","webhookSecret":"x"}`, snaptrade},
		{"/api/webhooks/whop", `{"id":"msg_1","type":"membership.activated","account_id":"biz_1","data":{"id":"mem_1","status":"active"}}`, standard("Webhook-")},
		{"/api/webhooks/resend", `{"type":"email.bounced","created_at":"2026-11-20T14:30:00Z","data":{"email_id":"e-1","bounce":{"type":"Permanent"}}}`, standard("Svix-")},
		{"/api/webhooks/telegram", `{"update_id":1,"message":{"text":"/start abc","chat":{"id":7,"type":"private"},"from":{"id":7,"username":"ava"}}}`, telegram},
	}
}

func snaptrade(h http.Header, dice *rand.Rand, _ time.Time) { h.Set("Signature", random(dice, 32)) }

func standard(prefix string) func(http.Header, *rand.Rand, time.Time) {
	return func(h http.Header, dice *rand.Rand, now time.Time) {
		h.Set(prefix+"Id", "msg_"+strconv.Itoa(dice.IntN(1000)))
		h.Set(prefix+"Timestamp", strconv.FormatInt(now.Unix()+int64(dice.IntN(900)-450), 10))
		h.Set(prefix+"Signature", "v1,"+random(dice, 32))
	}
}

func telegram(h http.Header, dice *rand.Rand, _ time.Time) {
	h.Set("X-Telegram-Bot-Api-Secret-Token", base64.RawURLEncoding.EncodeToString([]byte(random(dice, 24))))
}

func random(dice *rand.Rand, bytes int) string {
	b := make([]byte, bytes)
	for i := range b {
		b[i] = byte(dice.IntN(256))
	}
	return base64.StdEncoding.EncodeToString(b)
}

// Forgeries are n webhooks for every route there is, forged or malformed in each of a
// dozen ways; the same seed makes the same ones.
func Forgeries(n int, seed uint64, now time.Time) []Forgery {
	dice := rand.New(rand.NewPCG(seed, seed))
	all := make([]Forgery, 0, n)
	for i := range n {
		d := doors()[i%len(doors())]
		f := Forgery{Path: d.path, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(d.event)}
		d.sign(f.Header, dice, now)
		spoil(&f, dice)
		all = append(all, f)
	}
	return all
}

// spoil makes it one of the kinds that arrive: mostly well formed, with a signature that
// is only wrong.
func spoil(f *Forgery, dice *rand.Rand) {
	text := string(f.Body)
	switch dice.IntN(16) {
	case 0: // unsigned
		f.Header = http.Header{"Content-Type": {"application/json"}}
	case 1:
		f.Header.Set("Content-Type", []string{"text/plain", "application/x-www-form-urlencoded", "", "application/json; charset=utf-16", "multipart/form-data"}[dice.IntN(5)])
	case 2:
		text = text[:dice.IntN(len(text))]
	case 3:
		text = strings.Repeat("[", 200+dice.IntN(5000))
	case 4:
		text = strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200)
	case 5:
		text = "[" + text + "]"
	case 6:
		at := dice.IntN(len(text))
		text = text[:at] + string(rune(dice.IntN(0x2ff))) + "\x00\xff" + text[at:]
	case 7:
		text = strings.Replace(text, `":"`, `":"`+strings.Repeat("x", dice.IntN(30_000)), 1)
	case 8:
		text = fmt.Sprintf(`{"n":%se%d}`, strings.Repeat("9", 300), dice.IntN(1_000_000_000))
	case 9:
		for name := range f.Header {
			if name != "Content-Type" {
				f.Header[name] = []string{strings.Repeat("v1,AAAA ", 400)}
			}
		}
	case 10:
		for name := range f.Header {
			if name != "Content-Type" {
				f.Header[name] = []string{[]string{"", "v1,", "x", "é", "\t", "v1,====", "-1", "99999999999999999999"}[dice.IntN(8)]}
			}
		}
	case 11:
		text = text[:len(text)-1] + "," + text[1:] // every key twice
	}
	f.Body = []byte(text)
}
