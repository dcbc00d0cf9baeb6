package web

import (
	"net/http"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/web/ui"
)

const telegramPath = channelsPath + "/telegram"

// chatWords is the state of a connected chat, with its tone.
func chatWords(c delivery.Chat) ui.Notice {
	if c.DisabledAt != nil {
		return ui.Notice{Tone: ui.Bad, Text: "Ended: " + delivery.ChatReason(*c.DisabledReason) + ". Connect it again to go on."}
	}
	if c.LastSuccessAt == nil {
		return ui.Notice{Tone: ui.Good, Text: "In use. Nothing was sent yet."}
	}
	return ui.Notice{Tone: ui.Good, Text: "In use. Last taken"}
}

// connectWords is what the button that begins a link is called.
func connectWords(c delivery.Chat) string {
	switch {
	case c.InUse():
		return "Connect another chat"
	case c.Name != "":
		return "Connect again"
	}
	return "Connect Telegram"
}

// linkTelegram answers POST /settings/channels/telegram: the link stands on the answer and
// nowhere else.
func (s *Site) linkTelegram(w http.ResponseWriter, r *http.Request) error {
	if err := httpio.Spend(w, r, s.allow, "chat:"+me(r.Context()).String(), testsPerMinute); err != nil {
		return err
	}
	link, err := s.post.LinkChat(r.Context(), me(r.Context()))
	if err != nil {
		return err
	}
	return s.showChannels(w, r, http.StatusOK, channelsView{Link: &link})
}

// telegramWait answers GET /partials/telegram: whether a chat has used the link.
func (s *Site) telegramWait(w http.ResponseWriter, r *http.Request) error {
	chat, err := s.post.ChatOf(r.Context(), me(r.Context()))
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, chatWait(chat))
}

// confirmTelegram answers POST /settings/channels/telegram/confirm.
func (s *Site) confirmTelegram(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	link, err := uuid.Parse(f.Get("id"))
	if err != nil {
		return errNoKey(err)
	}
	_, err = s.post.ConfirmChat(r.Context(), me(r.Context()), link)
	if fault.CodeOf(err) == "link_expired" {
		return s.showChannels(w, r, http.StatusConflict, channelsView{LinkWrong: fault.Of(err).Public})
	}
	if err != nil {
		return err
	}
	return back(w, channelsPath, "chat-set")
}

// declineTelegram answers POST /settings/channels/telegram/decline: the chat that has used
// the link is somebody else's.
func (s *Site) declineTelegram(w http.ResponseWriter, r *http.Request) error {
	if err := s.post.DeclineChat(r.Context(), me(r.Context())); err != nil {
		return err
	}
	return back(w, channelsPath, "chat-declined")
}

// removeTelegram answers POST /settings/channels/telegram/remove.
func (s *Site) removeTelegram(w http.ResponseWriter, r *http.Request) error {
	if err := s.post.RemoveChat(r.Context(), me(r.Context())); err != nil {
		return err
	}
	return back(w, channelsPath, "chat-removed")
}

// testTelegram answers POST /settings/channels/telegram/test.
func (s *Site) testTelegram(w http.ResponseWriter, r *http.Request) error {
	if err := httpio.Spend(w, r, s.allow, "chat:"+me(r.Context()).String(), testsPerMinute); err != nil {
		return err
	}
	if err := s.post.TestChat(r.Context(), me(r.Context())); err != nil {
		return err
	}
	return back(w, channelsPath, "chat-tested")
}
