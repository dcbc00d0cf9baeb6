package web

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/alertsify/alertsify/internal/account"
	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
)

const (
	// codesPerMinute bounds, for one network, how fast codes are asked for and tried; a
	// user's and an address's own bounds are the account's.
	codesPerMinute = 10

	codeMax = 16 // characters of a code as somebody may write it
)

// emailView is the address that mail goes to, and one that waits for its code.
type emailView struct {
	Address   string // empty: there is none
	Mails     bool   // mail can be sent at all
	Waiting   *account.EmailChange
	Typed     string
	Wrong     string // about the address
	Code      string
	WrongCode string
}

func (s *Site) fillEmail(ctx context.Context, v *emailView) (err error) {
	who, _ := auth.From(ctx)
	if who.User.EmailVerified {
		v.Address = who.User.Email
	}
	v.Mails = s.post.Mails()
	v.Waiting, err = s.account.WaitingEmail(ctx, who.User.ID)
	return err
}

// codeOf is a code as a link may bring it: digits, or nothing, so that a link puts no words
// on our page.
func codeOf(text string) string {
	if len(text) > codeMax || strings.ContainsFunc(text, func(r rune) bool { return r < '0' || r > '9' }) {
		return ""
	}
	return text
}

// changeEmail answers POST /settings/account/email: a code goes to the new address.
func (s *Site) changeEmail(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	if err := s.spendCode(w, r); err != nil {
		return err
	}
	err = s.account.ChangeEmail(r.Context(), me(r.Context()), f.Get("email"))
	var refused *fault.Error
	if errors.As(err, &refused) && refused.Status < http.StatusInternalServerError {
		v := emailView{Typed: f.Get("email"), Wrong: refused.Public}
		if refused.Code == "validation_failed" {
			v.Wrong = "The address " + wrongFields(refused)["email"] + "."
		}
		return s.showLeave(w, r, refused.Status, leaveView{Email: v})
	}
	if err != nil {
		return err
	}
	return back(w, leavePath, "code-sent")
}

// confirmEmail answers POST /settings/account/email/confirm. Every session ends with it, so
// that the answer leads to a page for anybody.
func (s *Site) confirmEmail(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	if err := s.spendCode(w, r); err != nil {
		return err
	}
	err = s.account.ConfirmEmail(r.Context(), me(r.Context()), f.Get("code"))
	var refused *fault.Error
	if errors.As(err, &refused) && refused.Status < http.StatusInternalServerError {
		v := emailView{WrongCode: refused.Public}
		if refused.Code == "validation_failed" {
			v.WrongCode = "The code " + wrongFields(refused)["code"] + "."
		}
		return s.showLeave(w, r, refused.Status, leaveView{Email: v})
	}
	if err != nil {
		return err
	}
	return back(w, "/", "email-changed")
}

func (s *Site) spendCode(w http.ResponseWriter, r *http.Request) error {
	return httpio.Spend(w, r, s.allow, "email-code:"+httpio.AddressKey(httpio.Address(r.Context())), codesPerMinute)
}
