package discord

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

const (
	testID    = "123456789012345678"
	testToken = "aBcDeFgHiJkLmNoPqRsTuVwXyZ-0123456789_aBcDeFgHiJkLmNoPqRsTuVwXyZ0123"
)

func TestAWebhookURLIsTakenApart(t *testing.T) {
	t.Parallel()
	for pasted, thread := range map[string]string{
		"https://discord.com/api/webhooks/" + testID + "/" + testToken:                                          "",
		"  https://discord.com/api/webhooks/" + testID + "/" + testToken + "/ \n":                               "",
		"https://DiscordApp.com/api/v9/webhooks/" + testID + "/" + testToken:                                    "",
		"https://ptb.discord.com/api/v10/webhooks/" + testID + "/" + testToken + "?wait=false":                  "",
		"https://canary.discordapp.com/api/webhooks/" + testID + "/" + testToken + "?thread_id=" + testID + "1": testID + "1",
	} {
		w, err := ParseWebhookURL(pasted)
		if err != nil || w.ID != testID || w.Token.Reveal() != testToken || w.ThreadID != thread {
			t.Errorf("%s: %v, %v", pasted, w, err)
		}
	}
}

func TestOnlyDiscordsOwnShapeIsAWebhookURL(t *testing.T) {
	t.Parallel()
	good := "/api/webhooks/" + testID + "/" + testToken
	for _, pasted := range []string{
		"", "discord.com" + good, "http://discord.com" + good, "ftp://discord.com" + good,
		"https://discord.com:443" + good, "https://discord.com." + good, "https://evil.example" + good,
		"https://discord.com@169.254.169.254" + good, "https://user@discord.com" + good,
		"https://162.159.128.233" + good, "https://dіscord.com" + good, "https://xn--dscord-s2f.com" + good,
		"https://discord.com.evil.example" + good, "https://notdiscord.com" + good, "https://discord.com discordapp.com" + good,
		"https://discord.com" + good + "/slack", "https://discord.com" + good + "/github", "https://discord.com" + good + "//",
		"https://discord.com" + good + "#x", "https://discord.com" + good + "?x=1", "https://discord.com" + good + "?thread_id=abc",
		"https://discord.com" + good + "?thread_id=" + testID + "&thread_id=" + testID,
		"https://discord.com/api/webhooks/" + testID + "/../" + testToken,
		"https://discord.com/api/webhooks/" + testID + "%2F" + testToken,
		"https://discord.com/api/v100/webhooks/" + testID + "/" + testToken,
		"https://discord.com/webhooks/" + testID + "/" + testToken,
		"https://discord.com/api/webhooks/1234567890123456/" + testToken,
		"https://discord.com/api/webhooks/99999999999999999999/" + testToken, // over 2^64
		"https://discord.com/api/webhooks/" + testID + "/short",
		"https:discord.com" + good, "//discord.com" + good, `https://discord.com\@evil.example` + good,
	} {
		if w, err := ParseWebhookURL(pasted); !errors.Is(err, ErrWebhookURL) {
			t.Errorf("%q was accepted as %v (%v)", pasted, w, err)
		}
	}
}

func TestAWebhookPrintsWithoutItsToken(t *testing.T) {
	t.Parallel()
	w, err := ParseWebhookURL("https://discord.com/api/webhooks/" + testID + "/" + testToken)
	if err != nil {
		t.Fatal(err)
	}
	for _, printed := range []string{fmt.Sprint(w), fmt.Sprintf("%+v", w), fmt.Sprintf("%#v", w), fmt.Sprintf("%s", w.Token)} {
		if strings.Contains(printed, testToken) {
			t.Errorf("token in %q", printed)
		}
	}
	if got := w.String(); got != "…/webhooks/123456…/••••" {
		t.Errorf("masked as %q", got)
	}
	if _, err := ParseWebhookURL("https://discord.com/x/" + testToken); strings.Contains(err.Error(), testToken) {
		t.Errorf("token in %q", err)
	}
}
