package api

import (
	"net/http"

	"github.com/alertsify/alertsify/internal/httpio"
)

func (a *API) getMailbox(w http.ResponseWriter, r *http.Request) error {
	m, err := a.post.MailboxOf(r.Context(), user(r.Context()))
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, m)
}

// resumeMailbox is for who reported our mail as unwanted and wants it again.
func (a *API) resumeMailbox(w http.ResponseWriter, r *http.Request) error {
	if err := a.post.ResumeMail(r.Context(), user(r.Context())); err != nil {
		return err
	}
	return a.getMailbox(w, r)
}

// How often a user may have a mail sent by hand. Each that comes back from a mailbox which
// refuses costs us our name as a sender.
const mailsPerMinute, confirmationsPerMinute = 3, 1

func (a *API) testMailbox(w http.ResponseWriter, r *http.Request) error {
	owner := user(r.Context())
	if err := httpio.Spend(w, r, a.allow, "mail:"+owner.String(), mailsPerMinute); err != nil {
		return err
	}
	if err := a.post.TestMail(r.Context(), owner); err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, map[string]bool{"sent": true})
}

func (a *API) confirmMailbox(w http.ResponseWriter, r *http.Request) error {
	owner := user(r.Context())
	if err := httpio.Spend(w, r, a.allow, "confirm:"+owner.String(), confirmationsPerMinute); err != nil {
		return err
	}
	if err := a.post.ConfirmMailbox(r.Context(), owner); err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, map[string]bool{"sent": true})
}

func (a *API) getReceiver(w http.ResponseWriter, r *http.Request) error {
	hook, err := a.post.ReceiverOf(r.Context(), user(r.Context()))
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, hook)
}

// hooksPerMinute bounds how often a user may offer or test an address.
const hooksPerMinute = 5

func (a *API) setReceiver(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		URL string `json:"url"`
	}
	if err := httpio.Decode(r, &in); err != nil {
		return err
	}
	owner := user(r.Context())
	if err := httpio.Spend(w, r, a.allow, "webhook:"+owner.String(), hooksPerMinute); err != nil {
		return err
	}
	hook, err := a.post.SetReceiver(r.Context(), owner, in.URL)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, hook)
}

func (a *API) rotateReceiver(w http.ResponseWriter, r *http.Request) error {
	hook, err := a.post.RotateReceiver(r.Context(), user(r.Context()))
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, hook)
}

func (a *API) removeReceiver(w http.ResponseWriter, r *http.Request) error {
	if err := a.post.RemoveReceiver(r.Context(), user(r.Context())); err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, map[string]bool{"removed": true})
}

func (a *API) testReceiver(w http.ResponseWriter, r *http.Request) error {
	owner := user(r.Context())
	if err := httpio.Spend(w, r, a.allow, "webhook:"+owner.String(), hooksPerMinute); err != nil {
		return err
	}
	if err := a.post.TestReceiver(r.Context(), owner); err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, map[string]bool{"sent": true})
}
