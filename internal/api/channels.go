package api

import (
	"net/http"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
)

func (a *API) getMailbox(w http.ResponseWriter, r *http.Request) error {
	m, err := a.post.MailboxOf(r.Context(), user(r.Context()))
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, m)
}

func (a *API) setMailbox(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Off *[]string `json:"off"`
	}
	if err := httpio.Decode(r, &in); err != nil {
		return err
	}
	if in.Off == nil {
		return fault.Field("off", "The kinds of mail you do not want; an empty list for none.")
	}
	if err := a.post.SetMailOff(r.Context(), user(r.Context()), *in.Off); err != nil {
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
