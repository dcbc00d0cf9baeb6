package sandbox

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	dc "github.com/alertsify/alertsify/internal/discord"
)

// The connector refuses these before it sends them, so they go by hand.
func TestDiscordChecksEveryLimitByCodePoints(t *testing.T) {
	t.Parallel()
	p := startPlayers(t)
	hook, _ := p.channel(t, "")
	p.tell(t, "/discord/limits", `{"perWebhook":0,"perChannel":0}`, nil)
	field := `{"embeds":[{"fields":[{"name":"n","value":"`
	for name, c := range map[string]struct {
		body   string
		status int
		part   string
	}{
		"2000 emoji":               {`{"content":"` + strings.Repeat("👍", 2000) + `"}`, 200, ``},
		"2001 emoji":               {`{"content":"` + strings.Repeat("👍", 2001) + `"}`, 400, `"content":{"_errors":[{"code":"BASE_TYPE_MAX_LENGTH"`},
		"spaces around are free":   {`{"content":"  ` + strings.Repeat("x", 2000) + `  "}`, 200, ``},
		"nothing":                  {`{"content":"  "}`, 400, `50006`},
		"not JSON":                 {`{`, 400, `50109`},
		"title":                    {`{"embeds":[{"title":"` + strings.Repeat("x", 257) + `"}]}`, 400, `"embeds":{"0":{"title"`},
		"empty field value":        {field + ` "}]}]}`, 400, `BASE_TYPE_REQUIRED`},
		"field value of 1025":      {field + strings.Repeat("x", 1025) + `"}]}]}`, 400, `"value"`},
		"sum over 6000":            {`{"embeds":[{"description":"` + strings.Repeat("x", 4000) + `"},{"description":"` + strings.Repeat("x", 2001) + `"}]}`, 400, `MAX_EMBED_SIZE_EXCEEDED`},
		"eleven embeds":            {`{"embeds":[` + strings.Repeat(`{"title":"x"},`, 10) + `{"title":"x"}]}`, 400, `50035`},
		"colour as text":           {`{"embeds":[{"title":"x","color":"#00ff00"}]}`, 400, `50035`},
		"timestamp":                {`{"embeds":[{"title":"x","timestamp":"yesterday"}]}`, 400, `DATE_TIME_TYPE_PARSE`},
		"icon by script":           {`{"embeds":[{"author":{"name":"x","icon_url":"javascript:1"}}]}`, 400, `URL_TYPE_INVALID_SCHEME`},
		"username":                 {`{"content":"x","username":"DiscordGuru"}`, 400, `USERNAME_INVALID_CONTAINS`},
		"parse and list":           {`{"content":"x","allowed_mentions":{"parse":["users"],"users":["1"]}}`, 400, `mutually exclusive`},
		"thread in a text channel": {`{"content":"x","thread_name":"t"}`, 400, `220003`},
	} {
		status, answer := p.post(t, hook, "DiscordBot (x, 1)", "application/json", c.body)
		if status != c.status || !strings.Contains(answer, c.part) {
			t.Errorf("%s: %d %.200s", name, status, answer)
		}
	}
	if status, answer := p.post(t, hook, "Go-http-client/1.1", "application/json", `{"content":"x"}`); status != 403 || !strings.Contains(answer, "40333") {
		t.Errorf("default User-Agent: %d %s", status, answer)
	}
	if status, _ := p.post(t, hook, "DiscordBot (x, 1)", "text/plain", `{"content":"x"}`); status != 400 {
		t.Errorf("text/plain: %d", status)
	}
}

func TestWhatWouldNotifySomebodyIsMarked(t *testing.T) {
	t.Parallel()
	for body, marked := range map[string]bool{
		`{"content":"@everyone","allowed_mentions":{"parse":[]}}`:           false,
		`{"content":"@everyone","allowed_mentions":{"parse":["everyone"]}}`: true,
		`{"content":"@everyone"}`:                                           false, // a webhook's default is users
		`{"content":"<@123456>"}`:                                           true,
		`{"content":"<@&12>","allowed_mentions":{"roles":["12"]}}`:          true,
		`{"embeds":[{"title":"<@123456> @everyone"}]}`:                      false, // embeds never notify
	} {
		p := startPlayers(t)
		hook, _ := p.channel(t, "")
		if status, answer := p.post(t, hook, "DiscordBot (x, 1)", "application/json", body); status != 200 {
			t.Fatalf("%s: %d %s", body, status, answer)
		}
		if _, bodies := p.logged("discord"); strings.Contains(bodies[0], "_wouldPing") != marked {
			t.Errorf("%s logged as %s", body, bodies[0])
		}
	}
}

func (p *players) post(t *testing.T, hook dc.Webhook, agent, contentType, body string) (int, string) {
	t.Helper()
	url := p.url + "/discord/api/webhooks/" + hook.ID + "/" + hook.Token.Reveal() + "?wait=true"
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewBufferString(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("User-Agent", agent)
	req.Header.Set("Content-Type", contentType)
	resp, err := p.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}
