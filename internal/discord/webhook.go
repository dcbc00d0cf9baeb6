// Package discord speaks Discord's webhook protocol: parse a webhook's address, post, edit, and understand the answer.
package discord

import (
	"errors"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/alertsify/alertsify/internal/secret"
)

// ErrWebhookURL is returned for everything that is not a webhook's address.
// Its text is safe to show; it never repeats the input, which may hold a token.
var ErrWebhookURL = errors.New("not a Discord webhook URL: expected https://discord.com/api/webhooks/{id}/{token}")

// Webhook is a place where messages can be posted. Whoever knows the token can post.
type Webhook struct {
	ID       string      // a snowflake: 17 to 20 digits
	Token    secret.Text // a password: sealed at rest, never logged
	ThreadID string      // a thread or forum post inside the channel; usually empty
}

// String shows enough to recognise the webhook and nothing that helps to use it.
func (w Webhook) String() string {
	return "…/webhooks/" + w.ID[:min(6, len(w.ID))] + "…/••••"
}

// GoString keeps %#v from printing the fields.
func (w Webhook) GoString() string { return w.String() }

// discordHosts are the names under which Discord itself hands out webhook URLs.
const discordHosts = " discord.com discordapp.com ptb.discord.com canary.discord.com ptb.discordapp.com canary.discordapp.com "

var (
	webhookPath = regexp.MustCompile(`^/api/(?:v[0-9]{1,2}/)?webhooks/([0-9]{17,20})/([A-Za-z0-9_-]{50,128})/?$`)
	threadID    = regexp.MustCompile(`^[0-9]{17,20}$`)
)

// ParseWebhookURL takes apart an address that a user pasted. The address itself
// is never dialled: requests are rebuilt from the id, the token and our own base
// URL, so an accepted one cannot reach another host.
func ParseWebhookURL(pasted string) (Webhook, error) {
	pasted = strings.TrimSpace(pasted)
	if strings.ContainsAny(pasted, "%#\\") {
		return Webhook{}, ErrWebhookURL
	}
	u, err := url.Parse(pasted)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Opaque != "" || !isDiscordHost(u.Host) {
		return Webhook{}, ErrWebhookURL
	}
	parts := webhookPath.FindStringSubmatch(u.Path)
	if parts == nil || !isSnowflake(parts[1]) {
		return Webhook{}, ErrWebhookURL
	}
	thread, err := threadOf(u.RawQuery)
	if err != nil {
		return Webhook{}, err
	}
	return Webhook{ID: parts[1], Token: secret.New(parts[2]), ThreadID: thread}, nil
}

// isDiscordHost compares the whole authority, so a port never matches.
func isDiscordHost(host string) bool {
	return host != "" && !strings.Contains(host, " ") && strings.Contains(discordHosts, " "+strings.ToLower(host)+" ")
}

func isSnowflake(digits string) bool {
	_, err := strconv.ParseUint(digits, 10, 64)
	return err == nil
}

func threadOf(rawQuery string) (string, error) {
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return "", ErrWebhookURL
	}
	thread := ""
	for name, values := range query {
		switch {
		case name == "wait": // we always wait
		case name == "thread_id" && len(values) == 1 && threadID.MatchString(values[0]) && isSnowflake(values[0]):
			thread = values[0]
		default:
			return "", ErrWebhookURL
		}
	}
	return thread, nil
}
