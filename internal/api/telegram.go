package api

import (
	"net/http"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
)

func (a *API) getChat(w http.ResponseWriter, r *http.Request) error {
	chat, err := a.post.ChatOf(r.Context(), user(r.Context()))
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, chat)
}

// chatsPerMinute bounds how often a user may ask for a link or a test.
const chatsPerMinute = 5

func (a *API) linkChat(w http.ResponseWriter, r *http.Request) error {
	owner := user(r.Context())
	if err := httpio.Spend(w, r, a.allow, "chat:"+owner.String(), chatsPerMinute); err != nil {
		return err
	}
	link, err := a.post.LinkChat(r.Context(), owner)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, link)
}

func (a *API) declineChat(w http.ResponseWriter, r *http.Request) error {
	if err := a.post.DeclineChat(r.Context(), user(r.Context())); err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, map[string]bool{"removed": true})
}

func (a *API) confirmChat(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		ID string `json:"id"`
	}
	if err := httpio.Decode(r, &in); err != nil {
		return err
	}
	link, err := uuid.Parse(in.ID)
	if err != nil {
		return fault.Field("id", "The id of what is pending.").Because(err)
	}
	chat, err := a.post.ConfirmChat(r.Context(), user(r.Context()), link)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, chat)
}

func (a *API) removeChat(w http.ResponseWriter, r *http.Request) error {
	if err := a.post.RemoveChat(r.Context(), user(r.Context())); err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, map[string]bool{"removed": true})
}

func (a *API) testChat(w http.ResponseWriter, r *http.Request) error {
	owner := user(r.Context())
	if err := httpio.Spend(w, r, a.allow, "chat:"+owner.String(), chatsPerMinute); err != nil {
		return err
	}
	if err := a.post.TestChat(r.Context(), owner); err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, map[string]bool{"sent": true})
}
