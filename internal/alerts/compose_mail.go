package alerts

import (
	"regexp"
	"strconv"

	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/email"
	"github.com/alertsify/alertsify/internal/exchange"
)

// mailBodyMax is how much of a body a mail repeats, in runes; the rest stands on the page.
const mailBodyMax = 2000

// sharedBodyMax is the same where several share a mail, so that Gmail shows all of it.
const sharedBodyMax = 300

// MailTopic is what a category of mail is called to its reader.
func MailTopic(category string) string {
	return map[string]string{
		delivery.TradingMail: "your trades and copies", delivery.SocialMail: "followers and rankings",
		delivery.AccountMail: "your account", delivery.NewsMail: "news and notices",
	}[category]
}

// mailCategory is what an unsubscribe link in a mail of this type switches off; empty:
// nothing does.
func mailCategory(t Type) string {
	switch t {
	case OrderFilled, OrderCancelled, OrderRejected, CopyTradeAlert, CopyTradeClose, CopyTradeExecuted, CopyTradeFailed:
		return delivery.TradingMail
	case SubscriptionNew, Achievement, Leaderboard:
		return delivery.SocialMail
	case BrokerDisconnected, PaymentFailed, MembershipEnding:
		return delivery.AccountMail
	case Security:
		return ""
	default:
		return delivery.NewsMail
	}
}

// mail is a notification as a mail. A subject shows on lock screens and at providers: it
// names no price.
func (a *Announcer) mail(n notificationRow) *delivery.Mail {
	category := mailCategory(n.Type)
	if category == "" {
		return &delivery.Mail{
			Kind: n.Type, Subject: email.Subject(n.Title), Items: []email.Item{a.mailItem(n)},
			Reason: "You get this because it is about who gets into your account. It is security mail and cannot be switched off.",
		}
	}
	return &delivery.Mail{
		Kind: n.Type, Categories: []string{category}, Subject: subjectOf(n.Title, category),
		Items:  []email.Item{a.mailItem(n)},
		Reason: "You get this because mail about " + MailTopic(category) + " is on in your settings.",
	}
}

func (a *Announcer) mailItem(n notificationRow) email.Item {
	return email.Item{
		Title: n.Title, Body: cut(n.Body, mailBodyMax), At: exchange.Moment(n.CreatedAt),
		Link: a.appURL + localPath(n.URL), Action: "Open in Alertsify",
	}
}

// mailAll is several notifications in one mail, because more of them wait for a mailbox
// than its limit allows. Its link switches off what is in it.
func (a *Announcer) mailAll(all []notificationRow) *delivery.Mail {
	m := &delivery.Mail{
		Kind: "digest", Subject: strconv.Itoa(len(all)) + " messages from Alertsify",
		Reason: "You get these together because there were many within an hour.",
	}
	in := map[string]bool{}
	for _, n := range all {
		in[mailCategory(n.Type)] = true
		item := a.mailItem(n)
		item.Body = cut(item.Body, sharedBodyMax)
		m.Items = append(m.Items, item)
	}
	for _, c := range delivery.MailCategories() {
		if in[c] {
			m.Categories = append(m.Categories, c)
		}
	}
	return m
}

var amount = regexp.MustCompile(`\$ ?[0-9]`)

func subjectOf(title, category string) string {
	if subject := email.Subject(title); subject != "" && !amount.MatchString(subject) {
		return subject
	}
	return "About " + MailTopic(category)
}
