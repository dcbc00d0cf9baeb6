package sandbox

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// The played Discord and GitHub hold a code against what it was made for, as the real ones
// do; GitHub says so with 200.
func TestPlayedProvidersTakeACodeOnceAndOnlyFromItsOwner(t *testing.T) {
	t.Parallel()
	const back = "http://localhost:8080/back"
	w := openWorld(t, func(o *Options) {
		o.OpenIDClientID, o.OpenIDClientSecret, o.RedirectURIs = "app", "hush", []string{back}
	})
	verifier := strings.Repeat("v", 43)
	for name, c := range map[string]struct{ authorize, token, profile, scope string }{
		"discord": {"/signin/discord/oauth2/authorize", "/signin/discord/api/oauth2/token", "/signin/discord/api/v10/users/@me", "identify email"},
		"github":  {"/signin/github/login/oauth/authorize", "/signin/github/login/oauth/access_token", "/signin/github/api/user", "user:email"},
	} {
		code := func() string {
			return w.signInCode(c.authorize, url.Values{
				"client_id": {"app"}, "redirect_uri": {back}, "response_type": {"code"}, "scope": {c.scope}, "state": {"s"},
				"code_challenge": {"7w_YNF9DSfIdPf_pRjSq646_kPr-2-o9NAl16JGghdM"}, "code_challenge_method": {"S256"},
				"person": {"custom"}, "sub": {"77"}, "username": {"ava"}, "email": {"ava@example.com"},
			})
		}
		form := func(code string, change ...string) url.Values {
			f := url.Values{"client_id": {"app"}, "client_secret": {"hush"}, "code": {code}, "redirect_uri": {back}, "code_verifier": {verifier}}
			for i := 0; i < len(change); i += 2 {
				f.Set(change[i], change[i+1])
			}
			return f
		}
		for what, wrong := range map[string]url.Values{
			"an invented code": form("invented"), "a wrong secret": form(code(), "client_secret", "x"),
			"another address": form(code(), "redirect_uri", back+"x"), "no verifier": form(code(), "code_verifier", ""),
		} {
			if token := w.signInToken(c.token, wrong); token != "" {
				t.Errorf("%s: %s brings a token", name, what)
			}
		}
		used := code()
		token := w.signInToken(c.token, form(used))
		if status, _ := w.asBearer(c.profile, token); token == "" || status != http.StatusOK {
			t.Fatalf("%s: token %q, profile %d", name, token, status)
		}
		if again := w.signInToken(c.token, form(used)); again != "" {
			t.Errorf("%s: a code is taken twice", name)
		}
		if status, _ := w.asBearer(c.profile, token); status != http.StatusUnauthorized {
			t.Errorf("%s: the token outlives the theft of its code: %d", name, status)
		}
	}
}

// signInCode answers the page and gives the code of the way back.
func (w *testWorld) signInCode(path string, form url.Values) string {
	w.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.PostForm(w.URL()+path, form)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	to, err := url.Parse(answer.Header.Get("Location"))
	if err != nil || to.Query().Get("code") == "" || to.Query().Get("state") != "s" {
		w.t.Fatalf("%s: %d to %q", path, answer.StatusCode, answer.Header.Get("Location"))
	}
	return to.Query().Get("code")
}

// signInToken is what a code brings; empty when it is refused.
func (w *testWorld) signInToken(path string, form url.Values) string {
	w.t.Helper()
	answer, err := http.PostForm(w.URL()+path, form)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	var body struct {
		Token string `json:"access_token"`
		Error string `json:"error"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&body); err != nil || (body.Token == "") != (body.Error != "") {
		w.t.Fatalf("%s: %+v, %v", path, body, err)
	}
	return body.Token
}

func (w *testWorld) asBearer(path, token string) (int, string) {
	w.t.Helper()
	r, err := http.NewRequest(http.MethodGet, w.URL()+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}
