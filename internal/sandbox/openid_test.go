package sandbox

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/markbates/goth"
	"github.com/markbates/goth/providers/openidConnect"
	"golang.org/x/oauth2"
)

const appCallback = "http://localhost:8080/api/auth/callback/sandbox"

// signIn is one sign-in as the application makes it, through goth.
type signIn struct {
	p        *players
	provider *openidConnect.Provider
	verifier string
	authURL  *url.URL
}

func (p *players) beginSignIn(t *testing.T) *signIn {
	t.Helper()
	p.openID.register(openIDClient{ID: "app", Secret: "s3cret/with+odd:chars", RedirectURIs: []string{appCallback}})
	issuer := p.url + "/openid"
	provider, err := openidConnect.NewCustomisedURL("app", "s3cret/with+odd:chars", appCallback,
		issuer+"/authorize", issuer+"/token", issuer, issuer+"/userinfo", "", "openid", "email", "profile")
	if err != nil {
		t.Fatal(err)
	}
	provider.HTTPClient = p.http
	session, err := provider.BeginAuth("state-1")
	if err != nil {
		t.Fatal(err)
	}
	text, err := session.GetAuthURL()
	if err != nil {
		t.Fatal(err)
	}
	authURL, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	s := &signIn{p: p, provider: provider, verifier: oauth2.GenerateVerifier(), authURL: authURL}
	s.set("code_challenge", oauth2.S256ChallengeFromVerifier(s.verifier), "code_challenge_method", "S256", "nonce", "nonce-1")
	return s
}

func (s *signIn) set(pairs ...string) {
	q := s.authURL.Query()
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	s.authURL.RawQuery = q.Encode()
}

var hiddenInput = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)

// choose opens the page and sends its form as a browser would; it returns where
// the browser is sent, or the status of a page that stays.
func (s *signIn) choose(t *testing.T, fields url.Values) (back url.Values, status int) {
	t.Helper()
	resp, page := s.fetch(t)
	if resp.StatusCode != http.StatusOK {
		return redirectOf(t, resp), resp.StatusCode
	}
	form := url.Values{}
	for _, m := range hiddenInput.FindAllStringSubmatch(page, -1) {
		form.Set(m[1], strings.ReplaceAll(m[2], "&#43;", "+"))
	}
	for name, values := range fields {
		form[name] = values
	}
	resp, err := s.p.http.PostForm(s.p.url+"/openid/authorize", form)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return redirectOf(t, resp), resp.StatusCode
}

func (s *signIn) fetch(t *testing.T) (*http.Response, string) {
	t.Helper()
	resp, err := s.p.http.Get(s.authURL.String())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(page)
}

func redirectOf(t *testing.T, resp *http.Response) url.Values {
	t.Helper()
	location := resp.Header.Get("Location")
	if location == "" {
		return nil
	}
	if !strings.HasPrefix(location, appCallback+"?") {
		t.Fatalf("sent to %s", location)
	}
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

// finish exchanges a code and fetches the person.
func (s *signIn) finish(code, verifier string) (goth.User, error) {
	session := &openidConnect.Session{}
	if _, err := session.Authorize(s.provider, url.Values{"code": {code}, "code_verifier": {verifier}}); err != nil {
		return goth.User{}, err
	}
	return s.provider.FetchUser(session)
}

func TestGothSignsInWithTheSandbox(t *testing.T) {
	t.Parallel()
	s := startPlayers(t).beginSignIn(t)
	back, _ := s.choose(t, url.Values{"person": {"ava"}})
	if back.Get("state") != "state-1" || back.Get("code") == "" {
		t.Fatalf("sent back with %v", back)
	}
	user, err := s.finish(back.Get("code"), s.verifier)
	if err != nil {
		t.Fatal(err)
	}
	if user.UserID != "s-ava" || user.Email != "ava@example.com" || user.Name != "Ava Stone" || user.NickName != "ava" ||
		user.RawData["email_verified"] != true || user.RawData["nonce"] != "nonce-1" {
		t.Errorf("%+v", user)
	}
	if user.ExpiresAt.Before(time.Now()) {
		t.Errorf("expires %s", user.ExpiresAt)
	}
	lines, bodies := s.p.logged("openid")
	if all := strings.Join(append(lines, bodies...), " "); strings.Contains(all, back.Get("code")) || strings.Contains(all, s.verifier) {
		t.Errorf("a secret in the log: %s", all)
	}
}

func TestClaimsCanBeTyped(t *testing.T) {
	t.Parallel()
	s := startPlayers(t).beginSignIn(t)
	back, _ := s.choose(t, url.Values{"person": {"custom"}, "sub": {"new-1"}, "name": {"New"}, "email": {"ava@example.com"}})
	user, err := s.finish(back.Get("code"), s.verifier)
	if err != nil || user.UserID != "new-1" || user.RawData["email_verified"] != false {
		t.Errorf("%+v, %v", user, err)
	}
	if back, status := s.choose(t, url.Values{"person": {"custom"}}); back != nil || status != http.StatusBadRequest {
		t.Errorf("without a subject: %d %v", status, back)
	}
	if back, _ := s.choose(t, url.Values{"person": {"deny"}}); back.Get("error") != "access_denied" || back.Get("state") != "state-1" {
		t.Errorf("declined: %v", back)
	}
}

func TestACodeWorksOnceForItsOwner(t *testing.T) {
	t.Parallel()
	s := startPlayers(t).beginSignIn(t)
	code := func() string {
		back, _ := s.choose(t, url.Values{"person": {"ava"}})
		return back.Get("code")
	}
	once := code()
	if _, err := s.finish(once, s.verifier); err != nil {
		t.Fatal(err)
	}
	if _, err := s.finish(once, s.verifier); err == nil {
		t.Error("a code worked twice")
	}
	if _, err := s.finish(code(), oauth2.GenerateVerifier()); err == nil {
		t.Error("another verifier worked")
	}
	if _, err := s.finish(code(), ""); err == nil {
		t.Error("no verifier worked")
	}
	if _, err := s.finish("guessed", s.verifier); err == nil {
		t.Error("a guessed code worked")
	}
	old := code()
	s.p.advance(openIDCodeLife + time.Second)
	if _, err := s.finish(old, s.verifier); err == nil {
		t.Error("an expired code worked")
	}
	session := &openidConnect.Session{}
	elsewhere := url.Values{"code": {code()}, "code_verifier": {s.verifier}, "redirect_uri": {"https://evil.example/"}}
	if _, err := session.Authorize(s.provider, elsewhere); err == nil {
		t.Error("another redirect_uri worked")
	}
	wrong, err := openidConnect.NewCustomisedURL("app", "wrong", appCallback, s.p.url, s.p.url+"/openid/token", s.p.url, "", "", "openid")
	if err != nil {
		t.Fatal(err)
	}
	wrong.HTTPClient = s.p.http
	if _, err := session.Authorize(wrong, url.Values{"code": {code()}, "code_verifier": {s.verifier}}); err == nil {
		t.Error("a wrong client secret worked")
	}
}

func TestTheSecretMayComeAsFormFields(t *testing.T) {
	t.Parallel()
	s := startPlayers(t).beginSignIn(t)
	back, _ := s.choose(t, url.Values{"person": {"ava"}})
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {back.Get("code")}, "code_verifier": {s.verifier},
		"redirect_uri": {appCallback}, "client_id": {"app"}, "client_secret": {"s3cret/with+odd:chars"},
	}
	resp, err := s.p.http.PostForm(s.p.url+"/openid/token", form)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var got struct {
		TokenType string `json:"token_type"`
		IDToken   string `json:"id_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || resp.StatusCode != 200 || got.TokenType != "Bearer" {
		t.Fatalf("%d %+v %v", resp.StatusCode, got, err)
	}
	s.verify(t, got.IDToken)
}

// verify checks the ID token's signature with the published key.
func (s *signIn) verify(t *testing.T, token string) {
	t.Helper()
	resp, err := s.p.http.Get(s.p.url + "/openid/jwks")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var set struct {
		Keys []struct{ Kid, X, Y string }
	}
	if err := json.NewDecoder(resp.Body).Decode(&set); err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(token, ".")
	if header := string(unbase64(t, parts[0])); !strings.Contains(header, set.Keys[0].Kid) || !strings.Contains(header, "ES256") {
		t.Errorf("header %s", header)
	}
	point := slices.Concat([]byte{4}, unbase64(t, set.Keys[0].X), unbase64(t, set.Keys[0].Y))
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	signature := unbase64(t, parts[2])
	if !ecdsa.Verify(key, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		t.Error("the ID token's signature is wrong")
	}
}

func TestAnAuthorizationRequestMustBeRight(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change []string
		status int
		err    string
	}{
		"fine":                    {nil, 200, ""},
		"login prompt":            {[]string{"prompt", "login"}, 200, ""},
		"unknown client":          {[]string{"client_id", "other"}, 400, ""},
		"redirect to elsewhere":   {[]string{"redirect_uri", "https://evil.example/"}, 400, ""},
		"redirect almost right":   {[]string{"redirect_uri", appCallback + "/"}, 400, ""},
		"token response":          {[]string{"response_type", "token"}, 303, "unsupported_response_type"},
		"no openid scope":         {[]string{"scope", "email"}, 303, "invalid_scope"},
		"plain challenge":         {[]string{"code_challenge_method", "plain"}, 303, "invalid_request"},
		"challenge of wrong size": {[]string{"code_challenge", "abc"}, 303, "invalid_request"},
		"no prompt at all":        {[]string{"prompt", "none"}, 303, "login_required"},
	} {
		s := startPlayers(t).beginSignIn(t)
		s.set(c.change...)
		resp, _ := s.fetch(t)
		if resp.StatusCode != c.status || redirectOf(t, resp).Get("error") != c.err {
			t.Errorf("%s: %d %v, want %d %s", name, resp.StatusCode, redirectOf(t, resp), c.status, c.err)
		}
	}
}

func TestTheConsoleCodeIsAskedFor(t *testing.T) {
	t.Parallel()
	p := startPlayers(t)
	s := p.beginSignIn(t)
	p.openID.register(openIDClient{ID: "app", Secret: "s3cret/with+odd:chars", RedirectURIs: []string{appCallback}, ConsoleCode: "4711"})
	if back, status := s.choose(t, url.Values{"person": {"ava"}}); back != nil || status != http.StatusForbidden {
		t.Errorf("without the code: %d %v", status, back)
	}
	if back, status := s.choose(t, url.Values{"person": {"deny"}, "console_code": {"4712"}}); back != nil || status != http.StatusForbidden {
		t.Errorf("with another code: %d %v", status, back)
	}
	if back, _ := s.choose(t, url.Values{"person": {"ava"}, "console_code": {"4711"}}); back.Get("code") == "" {
		t.Errorf("with the code: %v", back)
	}
}

func TestDiscoveryNamesWhatIsThere(t *testing.T) {
	t.Parallel()
	p := startPlayers(t)
	p.beginSignIn(t)
	provider, err := openidConnect.New("app", "x", appCallback, p.url+"/openid/.well-known/openid-configuration", "openid")
	if err != nil {
		t.Fatal(err)
	}
	if c := provider.OpenIDConfig; c.Issuer != p.url+"/openid" || c.TokenEndpoint != c.Issuer+"/token" || c.UserInfoEndpoint != c.Issuer+"/userinfo" {
		t.Errorf("%+v", c)
	}
}

func TestNobodyIsSignedInBeforeAnApplicationIsRegistered(t *testing.T) {
	t.Parallel()
	p := startPlayers(t)
	resp, err := p.http.Get(p.url + "/openid/authorize?response_type=code&scope=openid&client_id=&redirect_uri=" + url.QueryEscape(appCallback))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("authorize: %d", resp.StatusCode)
	}
	token, err := p.http.PostForm(p.url+"/openid/token", url.Values{"grant_type": {"authorization_code"}, "client_id": {""}, "client_secret": {""}})
	if err != nil {
		t.Fatal(err)
	}
	defer token.Body.Close()
	if token.StatusCode != http.StatusUnauthorized {
		t.Errorf("token: %d", token.StatusCode)
	}
}

func TestUserinfoWantsItsToken(t *testing.T) {
	t.Parallel()
	p := startPlayers(t)
	for _, authorization := range []string{"", "Bearer ", "Bearer guessed", "Basic YTpi"} {
		req, err := http.NewRequest(http.MethodGet, p.url+"/openid/userinfo", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", authorization)
		resp, err := p.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%q: %d", authorization, resp.StatusCode)
		}
	}
}
