package alerts

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/telegram"
	"github.com/alertsify/alertsify/internal/webpush"
)

// Longest texts of a chat message, in runes; the whole has 4096.
const (
	chatBodyMax   = 2000
	chatSharedMax = 300
	chatLineMax   = 100 // up to which a body stands in the first line
)

// chat is a notification as a chat shows it. Its first line says it all, as far as a lock
// screen has room. Approve and Reject lead to the page, where who presses is known: a chat
// can be read and tapped by whoever holds the phone.
func (a *Announcer) chat(n notificationRow) *telegram.Message {
	m := &telegram.Message{Parts: []telegram.Part{chatPart(n, chatBodyMax)}, Silent: urgency(n.Type) == webpush.Low}
	page := a.appURL + localPath(n.URL)
	if _, asks := n.Data["decisionId"].(string); asks {
		page += "#approvals"
		m.Buttons = [][]telegram.Button{{{Text: "Approve…", URL: page}, {Text: "Reject…", URL: page}}}
		if n.ValidUntil != nil {
			m.Parts[0].Body = strings.TrimSpace(m.Parts[0].Body + "\nUntil " + n.ValidUntil.In(exchange.NewYork).Format("15:04:05") + " New York.")
		}
		return m
	}
	m.Buttons = [][]telegram.Button{{{Text: "Open in Alertsify", URL: page}}}
	return m
}

// chatAll is several notifications in one message, because they came at once. Questions
// have no buttons of their own here: all of them stand on one page.
func (a *Announcer) chatAll(all []notificationRow) *telegram.Message {
	m := &telegram.Message{Lead: strconv.Itoa(len(all)) + " alerts", Silent: mostUrgent(all) == webpush.Low}
	page, label := a.appURL+"/notifications", "Open in Alertsify"
	if n := questions(all); n > 0 {
		m.Lead += ", " + strconv.Itoa(n) + " waiting for your answer"
		page, label = a.appURL+"/copy#approvals", "Answer…"
	}
	for _, n := range all {
		m.Parts = append(m.Parts, chatPart(n, chatSharedMax))
	}
	m.Buttons = [][]telegram.Button{{{Text: label, URL: page}}}
	return m
}

func chatPart(n notificationRow, most int) telegram.Part {
	p := telegram.Part{Title: n.Title, Body: cut(n.Body, most)}
	if mark := chatMark(n); mark != "" {
		p.Title = mark + " " + p.Title
	}
	if p.Body != "" && utf8.RuneCountInString(p.Body) <= chatLineMax && !strings.Contains(p.Body, "\n") {
		p.Title, p.Body = p.Title+" — "+p.Body, ""
	}
	return p
}

// chatMark lets the eye find what matters in a list of chats.
func chatMark(n notificationRow) string {
	switch n.Type {
	case OrderFilled:
		if n.Data["side"] == sellToClose {
			return "🔴"
		}
		return "🟢"
	case CopyTradeAlert, CopyTradeClose:
		return "❓"
	case CopyTradeExecuted:
		return "✅"
	case CopyTradeFailed, OrderRejected, BrokerDisconnected, PaymentFailed:
		return "⚠️"
	}
	return ""
}
