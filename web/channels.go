package web

import (
	"context"
	"net/http"
	"slices"

	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/web/ui"
)

const channelsPath = delivery.SettingsPath

// channelsView is a person's mailbox.
type channelsView struct {
	Mail *delivery.Mailbox // nil: no e-mail on this server
}

// mailChoices are the kinds of mail, with what each is about.
func mailChoices() []mailChoice {
	return []mailChoice{
		{delivery.TradingMail, "Trades and copies", "Fills, approvals, copies that were made or failed."},
		{delivery.SocialMail, "Followers and rankings", "New followers, achievements, the leaderboard."},
		{delivery.AccountMail, "Your account", "A broker that has to be reconnected, payments, a plan that ends."},
		{delivery.NewsMail, "News and notices", "From the operators, and when something can no longer reach you."},
	}
}

type mailChoice struct{ Name, Label, About string }

func (v channelsView) wanted(c mailChoice) bool { return !slices.Contains(v.Mail.Off, c.Name) }

// mailboxWords is the state in words, with its tone.
func mailboxWords(m delivery.Mailbox) ui.Notice {
	switch m.State {
	case delivery.MailboxBounced:
		return ui.Notice{Tone: ui.Bad, Text: "Switched off: " + *m.DisabledReason + "."}
	case delivery.MailboxOff:
		if m.Complained {
			return ui.Notice{Tone: ui.Wait, Text: "Switched off, because you reported our mail as unwanted. Only you can switch it on again, below."}
		}
		return ui.Notice{Tone: ui.Wait, Text: "Switched off by you."}
	case delivery.MailboxNone:
		return ui.Notice{Tone: ui.Wait, Text: "You have no verified address, so no mail can be sent. Sign in with a provider that has verified yours."}
	}
	return ui.Notice{Tone: ui.Good, Text: "In use."}
}

// lastMailWords says what became of the latest mail.
func lastMailWords(state string) string {
	switch state {
	case "accepted", "sent":
		return "on its way"
	case "delivered":
		return "delivered"
	case "bounced":
		return "came back"
	case "complained":
		return "reported as unwanted"
	case "suppressed":
		return "not sent: the mail service no longer sends to this address"
	}
	return "not delivered"
}

// channels answers GET /settings/channels.
func (s *Site) channels(w http.ResponseWriter, r *http.Request) error {
	p, err := s.shell(r, "Channels", channelsPath)
	if err != nil {
		return err
	}
	v, err := s.channelsView(r.Context())
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, channelsPage(p, v))
}

func (s *Site) channelsView(ctx context.Context) (v channelsView, err error) {
	m, err := s.post.MailboxOf(ctx, me(ctx))
	switch {
	case err == nil:
		v.Mail = &m
	case fault.CodeOf(err) != "unavailable":
		return v, err
	}
	return v, nil
}

// setMail answers POST /settings/channels/email: what is ticked is wanted.
func (s *Site) setMail(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	var off []string
	for _, c := range mailChoices() {
		if !slices.Contains(f["wanted"], c.Name) {
			off = append(off, c.Name)
		}
	}
	if err := s.post.SetMailOff(r.Context(), me(r.Context()), off); err != nil {
		return err
	}
	return back(w, channelsPath, "appearance")
}

// testsPerMinute bounds how often a person may have something sent by hand.
const testsPerMinute = 3

// testMail answers POST /settings/channels/email/test.
func (s *Site) testMail(w http.ResponseWriter, r *http.Request) error {
	if err := httpio.Spend(w, r, s.allow, "mail:"+me(r.Context()).String(), testsPerMinute); err != nil {
		return err
	}
	if err := s.post.TestMail(r.Context(), me(r.Context())); err != nil {
		return err
	}
	return back(w, channelsPath, "mail-sent")
}

// confirmMail answers POST /settings/channels/email/confirm.
func (s *Site) confirmMail(w http.ResponseWriter, r *http.Request) error {
	if err := httpio.Spend(w, r, s.allow, "confirm:"+me(r.Context()).String(), 1); err != nil {
		return err
	}
	if err := s.post.ConfirmMailbox(r.Context(), me(r.Context())); err != nil {
		return err
	}
	return back(w, channelsPath, "mail-confirm")
}

// mailLinkView is what an address in a mail does.
type mailLinkView struct {
	Token string
	Link  delivery.Link
	Done  bool
}

func (v mailLinkView) topics() []string {
	var topics []string
	for _, c := range mailChoices() {
		if slices.Contains(v.Link.Categories, c.Name) {
			topics = append(topics, c.Label)
		}
	}
	return topics
}

// mailLink answers GET /u/{token}: it asks and changes nothing, because scanners fetch
// every address of a mail.
func (s *Site) mailLink(w http.ResponseWriter, r *http.Request) error {
	token := r.PathValue("token")
	link, err := s.post.ReadLink(token)
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, mailLinkPage(s.frame(r, "Mail", ""), mailLinkView{Token: token, Link: link}))
}

// followMailLink answers POST /u/{token}, from the button of that page or from the
// reader's mail provider, which has neither cookie nor origin (RFC 8058).
func (s *Site) followMailLink(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, formMax)
	if r.PostFormValue("List-Unsubscribe") != "One-Click" { // in either form that the RFC allows
		return fault.New(http.StatusBadRequest, "invalid_form", "This form is incomplete. Open the page again.")
	}
	link, err := s.post.FollowLink(r.Context(), r.PathValue("token"))
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, mailLinkPage(s.frame(r, "Mail", ""), mailLinkView{Link: link, Done: true}))
}
