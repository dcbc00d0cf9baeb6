package web

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
)

const discordPath = "/settings/discord"

// discordView is somebody's own webhook: where their public alerts go besides the platform's
// channels.
type discordView struct {
	Hook  *delivery.Webhook // nil: none
	Wrong string            // why an address was not taken
}

func (v discordView) invalid() string { return strconv.FormatBool(v.Wrong != "") }

// discordRoutes are the lines of this page in the route table.
func (s *Site) discordRoutes() []auth.Route {
	return []auth.Route{
		{Method: "GET", Pattern: discordPath, Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.discord},
		{Method: "POST", Pattern: discordPath, Rule: auth.SignedIn | auth.StepUp, Class: httpio.Feed, Handler: s.setDiscord},
		{Method: "POST", Pattern: discordPath + "/remove", Rule: auth.SignedIn | auth.StepUp, Class: httpio.Feed, Handler: s.removeDiscord},
		{Method: "POST", Pattern: discordPath + "/test", Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.testDiscord},
	}
}

// discord answers GET /settings/discord.
func (s *Site) discord(w http.ResponseWriter, r *http.Request) error {
	return s.showDiscord(w, r, http.StatusOK, discordView{})
}

func (s *Site) showDiscord(w http.ResponseWriter, r *http.Request, status int, v discordView) error {
	p, err := s.shell(r, "Discord", discordPath)
	if err != nil {
		return err
	}
	if v.Hook, err = s.ownDiscord(r); err != nil {
		return err
	}
	return s.show(w, r, status, discordPage(p, v))
}

// ownDiscord is the webhook of whoever asks; nil where they have none.
func (s *Site) ownDiscord(r *http.Request) (*delivery.Webhook, error) {
	hook, err := s.post.DiscordOf(r.Context(), me(r.Context()))
	if fault.CodeOf(err) == "not_found" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &hook, nil
}

// setDiscord answers POST /settings/discord.
func (s *Site) setDiscord(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	user := me(r.Context())
	if err := httpio.Spend(w, r, s.allow, "discord:"+user.String(), testsPerMinute); err != nil {
		return err
	}
	_, err = s.post.SetDiscord(r.Context(), user, f.Get("url"))
	var refused *fault.Error
	if errors.As(err, &refused) && refused.Code == "validation_failed" {
		return s.showDiscord(w, r, http.StatusUnprocessableEntity, discordView{Wrong: wrongFields(refused)["url"]})
	}
	if err != nil {
		return err
	}
	return back(w, discordPath, "discord")
}

// removeDiscord answers POST /settings/discord/remove.
func (s *Site) removeDiscord(w http.ResponseWriter, r *http.Request) error {
	if err := s.post.RemoveDiscord(r.Context(), me(r.Context())); err != nil {
		return err
	}
	return back(w, discordPath, "discord-removed")
}

// testDiscord answers POST /settings/discord/test.
func (s *Site) testDiscord(w http.ResponseWriter, r *http.Request) error {
	user := me(r.Context())
	if err := httpio.Spend(w, r, s.allow, "discord:"+user.String(), testsPerMinute); err != nil {
		return err
	}
	if err := s.post.TestDiscord(r.Context(), user); err != nil {
		return err
	}
	return back(w, discordPath, "tested-discord")
}
