package auth

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/secret"
	"github.com/markbates/goth"
	"github.com/markbates/goth/providers/openidConnect"
	"golang.org/x/oauth2"
)

const (
	providerTimeout   = 10 * time.Second
	providerAnswerMax = 1 << 20 // bytes; goth reads answers to their end

	sandboxName = "sandbox"
)

// ProviderConfig is one way to sign in. All of it comes from our settings.
type ProviderConfig struct {
	Name         string // "sandbox"
	ClientID     string
	ClientSecret secret.Text
	// Issuer is where a played provider stands, such as the sandbox's
	// "http://127.0.0.1:4010/openid". Empty for real ones, which have their own addresses.
	Issuer string
}

// Identity is what a provider says about somebody.
type Identity struct {
	Provider      string
	Subject       string // the provider's own id of the person; never the e-mail
	Email         string
	EmailVerified bool // a provider that does not say counts as no
	Name          string
	AvatarURL     string
}

// key names the identity in a session.
func (i Identity) key() string { return i.Provider + " " + i.Subject }

// provider is one opened way to sign in.
type provider struct {
	name  string
	goth  goth.Provider
	pkce  bool
	nonce bool              // it speaks OpenID: its ID token repeats our nonce
	again map[string]string // added to the address when somebody must prove again who they are
	read  func(goth.User) Identity
}

// builders is the table of providers. A new one is an entry here: which goth
// provider with which client, whether it takes a verifier, and how it says that
// an e-mail is verified.
func builders() map[string]func(ProviderConfig, string, *http.Client) (provider, error) {
	return map[string]func(ProviderConfig, string, *http.Client) (provider, error){
		sandboxName: openSandbox,
		"google":    openGoogle,
		"discord":   openDiscord,
		"github":    openGitHub,
	}
}

// openProviders makes our own list: goth.UseProviders would fill a global one.
func openProviders(o Options) (map[string]provider, []error) {
	opened, known := map[string]provider{}, builders()
	var errs []error
	for _, c := range o.Providers {
		build, ok := known[c.Name]
		switch {
		case !ok:
			errs = append(errs, fmt.Errorf("no sign-in provider is called %q", c.Name))
			continue
		case o.Production && c.Name == sandboxName:
			errs = append(errs, errors.New("the sandbox cannot sign anybody in in production"))
			continue
		case c.ClientID == "" || c.ClientSecret.IsZero():
			errs = append(errs, fmt.Errorf("sign-in with %s needs both a client id and a client secret", c.Name))
			continue
		}
		p, err := build(c, o.AppURL+"/api/auth/callback/"+c.Name, providerClient())
		if err != nil {
			errs = append(errs, fmt.Errorf("sign-in with %s: %w", c.Name, err))
			continue
		}
		opened[c.Name] = p
	}
	return opened, errs
}

// openSandbox reaches the played provider the way a real one is reached. The
// addresses are given, not discovered, so that starting needs nobody.
func openSandbox(c ProviderConfig, callback string, client *http.Client) (provider, error) {
	return openOpenID(c, callback, client, playedOpenID(c.Issuer), map[string]string{"prompt": "login"})
}

func playedOpenID(issuer string) openIDAddresses {
	return openIDAddresses{authorize: issuer + "/authorize", token: issuer + "/token", issuer: issuer, userInfo: issuer + "/userinfo"}
}

// openGoogle goes through OpenID Connect, not goth's own Google provider: that
// one takes no verifier and puts the access token into a URL.
func openGoogle(c ProviderConfig, callback string, client *http.Client) (provider, error) {
	again := map[string]string{"prompt": "select_account", "max_age": "0"}
	if c.Issuer != "" {
		return openOpenID(c, callback, client, playedOpenID(c.Issuer), again)
	}
	return openOpenID(c, callback, client, openIDAddresses{
		authorize: "https://accounts.google.com/o/oauth2/v2/auth", token: "https://oauth2.googleapis.com/token",
		issuer: "https://accounts.google.com", userInfo: "https://openidconnect.googleapis.com/v1/userinfo",
	}, again)
}

// openIDAddresses are where an OpenID provider stands.
type openIDAddresses struct{ authorize, token, issuer, userInfo string }

func openOpenID(c ProviderConfig, callback string, client *http.Client, at openIDAddresses, again map[string]string) (provider, error) {
	p, err := openidConnect.NewCustomisedURL(c.ClientID, c.ClientSecret.Reveal(), callback,
		at.authorize, at.token, at.issuer, at.userInfo, "", "openid", "email", "profile")
	if err != nil {
		return provider{}, err
	}
	p.SetName(c.Name)
	p.HTTPClient = client
	return provider{name: c.Name, goth: p, pkce: true, nonce: true, again: again, read: readOpenID}, nil
}

// readOpenID takes the standard claims. Some providers send email_verified as text.
func readOpenID(u goth.User) Identity {
	verified := u.RawData["email_verified"] == true || u.RawData["email_verified"] == "true"
	return Identity{Subject: u.UserID, Email: u.Email, EmailVerified: verified, Name: u.Name, AvatarURL: u.AvatarURL}
}

// providerClient has what goth lacks: a time limit and a bound on answers. It
// follows no redirect, which would carry the client secret along.
func providerClient() *http.Client {
	return &http.Client{
		Timeout:       providerTimeout,
		Transport:     boundedAnswers{http.DefaultTransport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

type boundedAnswers struct{ next http.RoundTripper }

func (b boundedAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	answer.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(answer.Body, providerAnswerMax), answer.Body}
	return answer, nil
}

// begin gives the address to send the browser to, and goth's own notes.
func (p provider) begin(a attempt) (address, notes string, err error) {
	session, err := p.goth.BeginAuth(a.State)
	if err != nil {
		return "", "", fmt.Errorf("begin sign-in with %s: %w", p.name, err)
	}
	address, err = session.GetAuthURL()
	if err != nil {
		return "", "", fmt.Errorf("begin sign-in with %s: %w", p.name, err)
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", "", fmt.Errorf("begin sign-in with %s: %w", p.name, err)
	}
	query := u.Query()
	if p.pkce {
		query.Set("code_challenge", oauth2.S256ChallengeFromVerifier(a.Verifier))
		query.Set("code_challenge_method", "S256")
	}
	if p.nonce {
		query.Set("nonce", a.Nonce)
	}
	if a.Intent == intentReauth {
		for name, value := range p.again {
			query.Set(name, value)
		}
	}
	u.RawQuery = query.Encode()
	return u.String(), session.Marshal(), nil
}

// finish trades the code for who it is. Of the request's query goth is given the
// code alone: it would also obey redirect_uri. Its panics on odd answers become
// errors, and the provider's tokens are dropped.
func (p provider) finish(code string, a attempt) (who Identity, err error) {
	defer func() {
		if caught := recover(); caught != nil {
			err = fmt.Errorf("sign-in with %s: the provider's answer made goth panic: %v", p.name, caught)
		}
	}()
	session, err := p.goth.UnmarshalSession(a.Notes)
	if err != nil {
		return Identity{}, fmt.Errorf("sign-in with %s: %w", p.name, err)
	}
	params := url.Values{"code": {code}}
	if p.pkce {
		params.Set("code_verifier", a.Verifier)
	}
	if _, err := session.Authorize(p.goth, params); err != nil {
		return Identity{}, fmt.Errorf("exchange code at %s: %w", p.name, quiet(err))
	}
	user, err := p.goth.FetchUser(session)
	if err != nil {
		return Identity{}, fmt.Errorf("fetch profile from %s: %w", p.name, quiet(err))
	}
	if p.nonce && user.RawData["nonce"] != a.Nonce {
		return Identity{}, fmt.Errorf("sign-in with %s: the ID token carries another nonce", p.name)
	}
	return p.identity(user)
}

// identity bounds what a provider says, which goes into our tables.
func (p provider) identity(user goth.User) (Identity, error) {
	who := p.read(user)
	who.Provider = p.name
	if who.Subject == "" || len(who.Subject) > 255 || strings.ContainsFunc(who.Subject, isOdd) {
		return Identity{}, fmt.Errorf("sign-in with %s: no usable subject", p.name)
	}
	who.Email = strings.TrimSpace(who.Email)
	if !plausibleEmail(who.Email) {
		who.Email, who.EmailVerified = "", false
	}
	return who, nil
}

func plausibleEmail(s string) bool {
	local, host, ok := strings.Cut(s, "@")
	return ok && local != "" && host != "" && len(s) <= 254 && !strings.ContainsFunc(s, isOdd)
}

func isOdd(r rune) bool { return r < ' ' || r == 0x7f || r == '\ufffd' }

// quiet keeps the kind of a provider's error and leaves its body out of the log:
// it may repeat claims or codes.
func quiet(err error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response != nil {
		return fmt.Errorf("answered %d %q", refused.Response.StatusCode, refused.ErrorCode)
	}
	words, _, _ := strings.Cut(httpio.WithoutURL(err).Error(), "map[")
	return errors.New(words)
}

// Providers are the names of the ways to sign in, in the order of their buttons.
func (g *Guard) Providers() []string { return slices.Clone(g.order) }

// refused tells whether identities of that provider may not be used, wherever
// they come from: a copied development database must not open production.
func (g *Guard) refused(provider string) bool { return g.production && provider == sandboxName }

// FormTargets are the origins a sign-in form leads to, for the content policy.
func (g *Guard) FormTargets() []string {
	var origins []string
	for _, name := range g.order {
		address, _, err := g.providers[name].begin(attempt{})
		if u, parseErr := url.Parse(address); err == nil && parseErr == nil {
			origins = append(origins, u.Scheme+"://"+u.Host)
		}
	}
	return origins
}
