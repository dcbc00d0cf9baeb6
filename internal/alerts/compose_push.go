package alerts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/webpush"
)

// notificationRow is a row of the notifications table.
type notificationRow struct {
	ID         uuid.UUID      `json:"id"`
	UserID     uuid.UUID      `json:"user_id"`
	Type       Type           `json:"type"`
	Title      string         `json:"title"`
	Body       string         `json:"body"`
	Brief      string         `json:"brief"`
	URL        string         `json:"url"`
	Data       map[string]any `json:"data"`
	PositionID *uuid.UUID     `json:"position_id"`
	ValidUntil *time.Time     `json:"valid_until"`
	CreatedAt  time.Time      `json:"created_at"`
}

func (a *Announcer) composeNotification(s delivery.Subject) (delivery.Words, error) {
	var n notificationRow
	if err := json.Unmarshal(s.Row, &n); err != nil {
		return delivery.Words{}, fmt.Errorf("read notification: %w", err)
	}
	switch s.Channel {
	case delivery.ChannelPush:
		p, err := a.push(n)
		return delivery.Words{Push: p}, err
	case delivery.ChannelWebhook:
		return a.notificationEvent(n)
	case delivery.ChannelEmail:
		return delivery.Words{Mail: a.mail(n)}, nil
	case delivery.ChannelTelegram:
		return delivery.Words{Chat: a.chat(n)}, nil
	case delivery.ChannelFeed:
		return delivery.Words{Activity: notificationActivity(n)}, nil
	default:
		return delivery.Words{}, fmt.Errorf("a notification has no form for channel %q", s.Channel)
	}
}

// payload is the JSON of a push: declarative web push, which Safari shows
// without our worker, and the same for the worker of other browsers.
type payload struct {
	WebPush      int             `json:"web_push"`
	Notification pushed          `json:"notification"`
	Actions      []payloadAction `json:"actions,omitempty"`
}

type pushed struct {
	Title    string     `json:"title"`
	Body     string     `json:"body,omitempty"`
	Navigate string     `json:"navigate"`
	Tag      string     `json:"tag"`
	Silent   bool       `json:"silent"`
	Data     pushedData `json:"data"`
}

type pushedData struct {
	ID       string `json:"id"`
	Type     Type   `json:"type"`
	URL      string `json:"url"`
	Decision string `json:"decision,omitempty"`
	Exp      int64  `json:"exp,omitempty"` // unix seconds
}

type payloadAction struct {
	Action string `json:"action"`
	Title  string `json:"title"`
}

// Longest texts of a push, in runes, so that the whole stays under its record.
const (
	pushTitleMax = 80
	pushBodyMax  = 160
	pushURLMax   = 120
)

// push is what a lock screen may show: no amounts and no prices, they stand in the inbox.
func (a *Announcer) push(n notificationRow) (*delivery.Push, error) {
	body := n.Body
	if n.Brief != "" {
		body = n.Brief
	}
	path := localPath(n.URL)
	p := payload{WebPush: 8030, Notification: pushed{
		Title: cut(money.Discreet(n.Title), pushTitleMax), Body: cut(money.Discreet(body), pushBodyMax),
		Navigate: a.appURL + path, Tag: tag(n),
		Data: pushedData{ID: n.ID.String(), Type: n.Type, URL: path},
	}}
	if n.ValidUntil != nil {
		p.Notification.Data.Exp = n.ValidUntil.Unix()
	}
	if decision, asks := n.Data["decisionId"].(string); asks {
		p.Notification.Data.Decision = decision
		p.Actions = []payloadAction{{"approve", "Approve"}, {"reject", "Reject"}}
	}
	full, err := encode(p)
	if err != nil {
		return nil, fmt.Errorf("write push: %w", err)
	}
	p.Notification.Body, p.Actions = "", nil
	short, err := encode(p)
	if err != nil {
		return nil, fmt.Errorf("write short push: %w", err)
	}
	return &delivery.Push{Payload: full, Short: short, Urgency: urgency(n.Type), Topic: topic(n)}, nil
}

// encode leaves <, > and & as they are: escaped they take six bytes each, of a
// record that holds few.
func encode(p payload) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(p)
	return bytes.TrimSpace(b.Bytes()), err
}

// localPath lets nothing but our own pages through: a click must not lead away. Browsers drop
// control characters before they look for a second slash, and take a backslash for one.
func localPath(url string) string {
	if !strings.HasPrefix(url, "/") || strings.HasPrefix(url, "//") || strings.ContainsRune(url, '\\') || strings.ContainsFunc(url, unicode.IsControl) || len(url) > pushURLMax {
		return "/notifications"
	}
	return url
}

// tag lets a later message about a position replace the earlier one, but never
// one question another.
func tag(n notificationRow) string {
	switch {
	case n.Type == CopyTradeAlert:
		return "notification:" + n.ID.String()
	case n.PositionID != nil:
		return "position:" + n.PositionID.String()
	default:
		return "notification:" + n.ID.String()
	}
}

// topic is the same for the push service, which takes 32 letters and digits.
func topic(n notificationRow) string {
	switch n.Type {
	case CopyTradeAlert:
		return "" // each counts
	case BrokerDisconnected, PaymentFailed, MembershipEnding:
		return strings.ReplaceAll(n.Type, "_", "")
	}
	if n.PositionID == nil {
		return ""
	}
	return strings.ReplaceAll(n.PositionID.String(), "-", "")
}

func urgency(t Type) webpush.Urgency {
	switch t {
	case OrderFilled, CopyTradeAlert, CopyTradeClose, CopyTradeExecuted, CopyTradeFailed, Security:
		return webpush.High
	case BrokerDisconnected, PaymentFailed, MembershipEnding, System:
		return webpush.Normal
	default:
		return webpush.Low
	}
}

func cut(s string, runes int) string {
	if utf8.RuneCountInString(s) <= runes {
		return s
	}
	return string([]rune(s)[:runes-1]) + "…"
}
