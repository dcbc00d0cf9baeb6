package web

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/web/ui"
)

const channelsPath = delivery.SettingsPath

// channelsView is a person's mailbox, chat and webhook.
type channelsView struct {
	Mail *delivery.Mailbox  // nil: no e-mail on this server
	Chat *delivery.Chat     // nil: no Telegram on this server
	Hook *delivery.Receiver // nil: none

	Link      *delivery.ChatLink // to connect a chat, shown this once
	LinkWrong string             // why a chat was not connected

	Secret       string // of the webhook, shown this once
	Rotated      bool
	Typed, Wrong string // the address that was not taken, and why
}

func (v channelsView) wrong() string { return strconv.FormatBool(v.Wrong != "") }

// mailboxWords is the state in words, with its tone.
func mailboxWords(m delivery.Mailbox) ui.Notice {
	switch m.State {
	case delivery.MailboxBounced:
		return ui.Notice{Tone: ui.Bad, Text: "Switched off: " + *m.DisabledReason + "."}
	case delivery.MailboxOff:
		return ui.Notice{Tone: ui.Wait, Text: "Switched off, because you reported our mail as unwanted. Only you can switch it on again."}
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
	return s.showChannels(w, r, http.StatusOK, channelsView{})
}

func (s *Site) showChannels(w http.ResponseWriter, r *http.Request, status int, v channelsView) error {
	p, err := s.shell(r, "Channels", channelsPath)
	if err != nil {
		return err
	}
	m, err := s.post.MailboxOf(r.Context(), me(r.Context()))
	if err == nil {
		v.Mail = &m
	} else if fault.CodeOf(err) != "unavailable" {
		return err
	}
	chat, err := s.post.ChatOf(r.Context(), me(r.Context()))
	if err == nil {
		v.Chat = &chat
	} else if fault.CodeOf(err) != "unavailable" {
		return err
	}
	hook, err := s.post.ReceiverOf(r.Context(), me(r.Context()))
	if err == nil {
		v.Hook = &hook
	} else if fault.CodeOf(err) != "not_found" {
		return err
	}
	return s.show(w, r, status, channelsPage(p, v))
}

// resumeMail answers POST /settings/channels/email/resume, of who reported our mail as
// unwanted and wants it again.
func (s *Site) resumeMail(w http.ResponseWriter, r *http.Request) error {
	if err := s.post.ResumeMail(r.Context(), me(r.Context())); err != nil {
		return err
	}
	return back(w, channelsPath, "mail-resumed")
}

// mailsPerMinute bounds how often a person may have mail sent by hand, as the API does.
const mailsPerMinute = 3

// testMail answers POST /settings/channels/email/test.
func (s *Site) testMail(w http.ResponseWriter, r *http.Request) error {
	if err := httpio.Spend(w, r, s.allow, "mail:"+me(r.Context()).String(), mailsPerMinute); err != nil {
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
	for _, c := range v.Link.Categories {
		topics = append(topics, alerts.MailTopic(c))
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
	link, err := s.post.ReadLink(r.PathValue("token"))
	if err != nil {
		return err
	}
	if link.Undoes != uuid.Nil {
		err = s.account.UndoEmail(r.Context(), link.Undoes)
	} else {
		link, err = s.post.FollowLink(r.Context(), r.PathValue("token"))
	}
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, mailLinkPage(s.frame(r, "Mail", ""), mailLinkView{Link: link, Done: true}))
}

// setHook answers POST /settings/channels/webhook. The secret of a new one stands on the
// answer and nowhere else.
func (s *Site) setHook(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	if err := httpio.Spend(w, r, s.allow, "webhook:"+me(r.Context()).String(), testsPerMinute); err != nil {
		return err
	}
	made, err := s.post.SetReceiver(r.Context(), me(r.Context()), f.Get("url"))
	var refused *fault.Error
	if errors.As(err, &refused) && refused.Code == "validation_failed" {
		named, _ := refused.Details["fields"].(map[string]any)
		sentence, _ := named["url"].(string)
		return s.showChannels(w, r, http.StatusUnprocessableEntity, channelsView{Typed: f.Get("url"), Wrong: sentence})
	}
	if err != nil {
		return err
	}
	if made.Secret == nil {
		return back(w, channelsPath, "hook-set")
	}
	return s.showChannels(w, r, http.StatusOK, channelsView{Secret: *made.Secret})
}

// rotateHook answers POST /settings/channels/webhook/rotate.
func (s *Site) rotateHook(w http.ResponseWriter, r *http.Request) error {
	made, err := s.post.RotateReceiver(r.Context(), me(r.Context()))
	if err != nil {
		return err
	}
	return s.showChannels(w, r, http.StatusOK, channelsView{Secret: *made.Secret, Rotated: true})
}

// removeHook answers POST /settings/channels/webhook/remove.
func (s *Site) removeHook(w http.ResponseWriter, r *http.Request) error {
	if err := s.post.RemoveReceiver(r.Context(), me(r.Context())); err != nil {
		return err
	}
	return back(w, channelsPath, "hook-removed")
}

// testHook answers POST /settings/channels/webhook/test.
func (s *Site) testHook(w http.ResponseWriter, r *http.Request) error {
	if err := httpio.Spend(w, r, s.allow, "webhook:"+me(r.Context()).String(), testsPerMinute); err != nil {
		return err
	}
	if err := s.post.TestReceiver(r.Context(), me(r.Context())); err != nil {
		return err
	}
	return back(w, channelsPath, "hook-tested")
}
