package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/markbates/goth"
	"golang.org/x/oauth2"
)

// plainOAuth is a goth.Provider of a service that speaks OAuth 2 without OpenID. goth's own
// of Discord and GitHub send no verifier, trade codes without a time limit, and take
// GitHub's public address for a verified one.
type plainOAuth struct {
	name    string
	config  oauth2.Config
	client  *http.Client
	profile func(ask asking) (goth.User, error)
}

// asking reads one JSON document as the person who signs in.
type asking func(address string, into any) error

// oauthNotes are kept from the beginning of a sign-in to its end; goth calls them a session.
type oauthNotes struct {
	Address string `json:"address"`
	token   string
}

// Name is the provider's.
func (p *plainOAuth) Name() string { return p.name }

// SetName renames it.
func (p *plainOAuth) SetName(name string) { p.name = name }

// Debug is goth's; there is nothing to print.
func (p *plainOAuth) Debug(bool) {}

// RefreshTokenAvailable is goth's: we keep no tokens.
func (p *plainOAuth) RefreshTokenAvailable() bool { return false }

// RefreshToken see RefreshTokenAvailable.
func (p *plainOAuth) RefreshToken(string) (*oauth2.Token, error) {
	return nil, errors.New("tokens are not kept")
}

// BeginAuth makes the address to send the browser to.
func (p *plainOAuth) BeginAuth(state string) (goth.Session, error) {
	return &oauthNotes{Address: p.config.AuthCodeURL(state)}, nil
}

// UnmarshalSession reads what Marshal wrote.
func (p *plainOAuth) UnmarshalSession(text string) (goth.Session, error) {
	var notes oauthNotes
	if err := json.Unmarshal([]byte(text), &notes); err != nil {
		return nil, fmt.Errorf("read notes of a sign-in: %w", err)
	}
	return &notes, nil
}

// GetAuthURL is where to send the browser.
func (n *oauthNotes) GetAuthURL() (string, error) { return n.Address, nil }

// Marshal leaves the token out: it is used once, in the request that gets it.
func (n *oauthNotes) Marshal() string {
	text, err := json.Marshal(n)
	if err != nil {
		return "{}" // a string always has a form
	}
	return string(text)
}

// Authorize trades the code, with the verifier that goes with it.
func (n *oauthNotes) Authorize(provider goth.Provider, params goth.Params) (string, error) {
	p, ok := provider.(*plainOAuth)
	if !ok {
		return "", errors.New("notes of another provider")
	}
	ctx, cancel := p.context()
	defer cancel()
	token, err := p.config.Exchange(ctx, params.Get("code"), oauth2.VerifierOption(params.Get("code_verifier")))
	if err != nil {
		return "", err
	}
	if !token.Valid() {
		return "", errors.New("no valid token")
	}
	n.token = token.AccessToken
	return n.token, nil
}

// FetchUser asks who it is.
func (p *plainOAuth) FetchUser(session goth.Session) (goth.User, error) {
	notes, ok := session.(*oauthNotes)
	if !ok || notes.token == "" {
		return goth.User{}, errors.New("no token to ask with")
	}
	ctx, cancel := p.context()
	defer cancel()
	return p.profile(func(address string, into any) error { return p.ask(ctx, notes.token, address, into) })
}

func (p *plainOAuth) context() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithValue(context.Background(), oauth2.HTTPClient, p.client), providerTimeout)
}

func (p *plainOAuth) ask(ctx context.Context, token, address string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "Alertsify")
	answer, err := p.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %d", answer.StatusCode)
	}
	return json.NewDecoder(answer.Body).Decode(into)
}

// openDiscord takes Discord's own word on whether an address is verified; a missing one
// counts as no (docs: discord.com/developers/docs/resources/user).
func openDiscord(c ProviderConfig, callback string, client *http.Client) (provider, error) {
	site := orReal(c.Issuer, "https://discord.com")
	p := newPlainOAuth(c, callback, client, site+"/oauth2/authorize", site+"/api/oauth2/token", "identify", "email")
	p.profile = func(ask asking) (goth.User, error) {
		var me struct {
			ID         string  `json:"id"`
			Username   string  `json:"username"`
			GlobalName *string `json:"global_name"`
			Avatar     *string `json:"avatar"`
			Email      *string `json:"email"`
			Verified   bool    `json:"verified"`
		}
		if err := ask(site+"/api/v10/users/@me", &me); err != nil {
			return goth.User{}, err
		}
		u := goth.User{UserID: me.ID, Name: me.Username, RawData: map[string]any{"email_verified": me.Verified}}
		if me.GlobalName != nil && *me.GlobalName != "" {
			u.Name = *me.GlobalName
		}
		if me.Email != nil {
			u.Email = *me.Email
		}
		if me.Avatar != nil && *me.Avatar != "" {
			u.AvatarURL = "https://cdn.discordapp.com/avatars/" + me.ID + "/" + *me.Avatar + ".png"
		}
		return u, nil
	}
	return provider{name: c.Name, goth: p, pkce: true, again: map[string]string{"prompt": "consent"}, read: readOpenID}, nil
}

// openGitHub never takes the address of the public profile, which nobody verified: of the
// person's addresses it takes the primary one, and only if GitHub has verified it
// (docs: docs.github.com/rest/users/emails).
func openGitHub(c ProviderConfig, callback string, client *http.Client) (provider, error) {
	site, api := orReal(c.Issuer, "https://github.com"), "https://api.github.com"
	if c.Issuer != "" {
		api = c.Issuer + "/api"
	}
	p := newPlainOAuth(c, callback, client, site+"/login/oauth/authorize", site+"/login/oauth/access_token", "user:email")
	p.profile = func(ask asking) (goth.User, error) {
		var me struct {
			ID        int64  `json:"id"`
			Login     string `json:"login"`
			Name      string `json:"name"`
			AvatarURL string `json:"avatar_url"`
		}
		if err := ask(api+"/user", &me); err != nil {
			return goth.User{}, err
		}
		var addresses []struct {
			Email             string
			Primary, Verified bool
		}
		if err := ask(api+"/user/emails", &addresses); err != nil {
			return goth.User{}, err
		}
		if me.ID <= 0 {
			return goth.User{}, errors.New("no id")
		}
		u := goth.User{UserID: strconv.FormatInt(me.ID, 10), Name: me.Name, AvatarURL: me.AvatarURL, RawData: map[string]any{}}
		if u.Name == "" {
			u.Name = me.Login
		}
		for _, a := range addresses {
			if a.Primary && a.Verified {
				u.Email, u.RawData["email_verified"] = a.Email, true
			}
		}
		return u, nil
	}
	return provider{name: c.Name, goth: p, pkce: true, again: map[string]string{"prompt": "select_account"}, read: readOpenID}, nil
}

func newPlainOAuth(c ProviderConfig, callback string, client *http.Client, authorize, token string, scopes ...string) *plainOAuth {
	return &plainOAuth{name: c.Name, client: client, config: oauth2.Config{
		ClientID: c.ClientID, ClientSecret: c.ClientSecret.Reveal(), RedirectURL: callback, Scopes: scopes,
		// Said, so that a code that fails is not tried twice.
		Endpoint: oauth2.Endpoint{AuthURL: authorize, TokenURL: token, AuthStyle: oauth2.AuthStyleInParams},
	}}
}

func orReal(played, site string) string {
	if played != "" {
		return played
	}
	return site
}
