package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/risk"
)

const limitsPath = "/settings/trading"

// limitsView is a person's limits, what they typed last, and what was wrong with it.
type limitsView struct {
	Limits []risk.UserLimit
	Typed  url.Values
	Wrong  map[string]string
}

// typed is what stands in a limit's field.
func (v limitsView) typed(l risk.UserLimit) string {
	switch {
	case v.Typed != nil:
		return v.Typed.Get(l.Name)
	case l.Own == nil:
		return ""
	case l.Whole:
		return l.Own.StringFixed(0)
	}
	return l.Own.StringFixed(2)
}

func (v limitsView) invalid(l risk.UserLimit) string {
	if v.Wrong[l.Name] != "" {
		return "true"
	}
	return "false"
}

// limits answers GET /settings/trading.
func (s *Site) limits(w http.ResponseWriter, r *http.Request) error {
	return s.showLimits(w, r, http.StatusOK, limitsView{})
}

func (s *Site) showLimits(w http.ResponseWriter, r *http.Request, status int, v limitsView) error {
	p, err := s.shell(r, "Limits", limitsPath)
	if err != nil {
		return err
	}
	if v.Limits, err = s.rules.UserLimits(r.Context(), me(r.Context())); err != nil {
		return err
	}
	return s.show(w, r, status, limitsPage(p, v))
}

// setLimits answers POST /settings/trading: every field is a limit of one's own,
// an empty one takes it away. What rises needs a fresh sign-in first.
func (s *Site) setLimits(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	changes, wrong := readLimits(f)
	if len(wrong) > 0 {
		return s.showLimits(w, r, http.StatusUnprocessableEntity, limitsView{Typed: f, Wrong: wrong})
	}
	err = s.rules.SetOwn(r.Context(), me(r.Context()), changes, func() error { return s.guard.Fresh(r.Context()) })
	var refused *fault.Error
	switch {
	case err == nil:
		return back(w, limitsPath, "limits")
	case fault.CodeOf(err) == "reauth_required":
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, auth.LoginPath+"?"+url.Values{"reauth": {"1"}, "return_to": {limitsPath}}.Encode(), http.StatusSeeOther)
		return nil
	case errors.As(err, &refused) && refused.Code == "validation_failed":
		named, _ := refused.Details["fields"].(map[string]any)
		for field, sentence := range named {
			wrong[field], _ = sentence.(string)
		}
		return s.showLimits(w, r, http.StatusUnprocessableEntity, limitsView{Typed: f, Wrong: wrong})
	}
	return err
}

func readLimits(f url.Values) (changes map[string]*money.Amount, wrong map[string]string) {
	changes, wrong = map[string]*money.Amount{}, map[string]string{}
	for _, k := range risk.Kinds {
		if !f.Has(k.Name) {
			continue
		}
		changes[k.Name] = nil
		text := strings.NewReplacer(",", "", "$", "", " ", "").Replace(f.Get(k.Name))
		if text == "" {
			continue
		}
		value, err := money.ParseAmount(text)
		if err != nil {
			wrong[k.Name] = "A number, such as 500."
			continue
		}
		changes[k.Name] = &value
	}
	return changes, wrong
}
