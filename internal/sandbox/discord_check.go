package sandbox

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// discordBody is the part of a create or an edit that we look at.
type discordBody struct {
	Content         *string          `json:"content"`
	Username        string           `json:"username"`
	AvatarURL       string           `json:"avatar_url"`
	Embeds          *[]discordEmbed  `json:"embeds"`
	AllowedMentions *discordMentions `json:"allowed_mentions"`
	ThreadName      string           `json:"thread_name"`
}

type discordMentions struct {
	Parse []string `json:"parse"`
	Roles []string `json:"roles"`
	Users []string `json:"users"`
}

type discordEmbed struct {
	Title       string         `json:"title,omitempty"`
	Description string         `json:"description,omitempty"`
	URL         string         `json:"url,omitempty"`
	Timestamp   string         `json:"timestamp,omitempty"`
	Color       int            `json:"color,omitempty"`
	Footer      *discordFooter `json:"footer,omitempty"`
	Author      *discordAuthor `json:"author,omitempty"`
	Image       *discordImage  `json:"image,omitempty"`
	Thumbnail   *discordImage  `json:"thumbnail,omitempty"`
	Fields      []discordField `json:"fields,omitempty"`
}

type discordFooter struct {
	Text    string `json:"text"`
	IconURL string `json:"icon_url,omitempty"`
}

type discordAuthor struct {
	Name    string `json:"name"`
	URL     string `json:"url,omitempty"`
	IconURL string `json:"icon_url,omitempty"`
}

type discordImage struct {
	URL string `json:"url"`
}

type discordField struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Inline bool   `json:"inline,omitempty"`
}

var discordMentionShape = regexp.MustCompile(`(@everyone|@here)|<@&(\d+)>|<@!?(\d+)>`)

// discordCheckBody applies Discord's documented limits.
func discordCheckBody(body discordBody, create bool) discordAnswer {
	f := discordFormErrors{}
	embeds := []discordEmbed{}
	if body.Embeds != nil {
		embeds = *body.Embeds
	}
	content := ""
	if body.Content != nil {
		content = *body.Content
	}
	if create && discordLength(content) == 0 && len(embeds) == 0 {
		return discordError(http.StatusBadRequest, 50006, "Cannot send an empty message")
	}
	f.atMost("content", content, 2000)
	f.atMost("thread_name", body.ThreadName, 100)
	discordCheckName(f, body.Username)
	discordCheckLink(f, "avatar_url", body.AvatarURL)
	discordCheckMentions(f, body.AllowedMentions)
	if len(embeds) > 10 {
		f.add("embeds", "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length.")
	}
	sum := 0
	for i, e := range embeds {
		sum += discordCheckEmbed(f, fmt.Sprintf("embeds.%d", i), e)
	}
	if sum > 6000 {
		f.add("embeds", "MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds maximum size of 6000")
	}
	return f.answer()
}

// discordCheckEmbed returns the characters that count towards the sum.
func discordCheckEmbed(f discordFormErrors, at string, e discordEmbed) int {
	sum := 0
	text := func(field, value string, limit int) {
		f.atMost(at+"."+field, value, limit)
		sum += discordLength(value)
	}
	text("title", e.Title, 256)
	text("description", e.Description, 4096)
	discordCheckLink(f, at+".url", e.URL)
	if e.Footer != nil {
		text("footer.text", e.Footer.Text, 2048)
		f.required(at+".footer.text", e.Footer.Text)
		discordCheckLink(f, at+".footer.icon_url", e.Footer.IconURL)
	}
	if e.Author != nil {
		text("author.name", e.Author.Name, 256)
		f.required(at+".author.name", e.Author.Name)
		discordCheckLink(f, at+".author.url", e.Author.URL)
		discordCheckLink(f, at+".author.icon_url", e.Author.IconURL)
	}
	for field, image := range map[string]*discordImage{"image": e.Image, "thumbnail": e.Thumbnail} {
		if image != nil {
			discordCheckLink(f, at+"."+field+".url", image.URL)
		}
	}
	if len(e.Fields) > 25 {
		f.add(at+".fields", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
	}
	for i, field := range e.Fields {
		name := fmt.Sprintf("fields.%d.", i)
		text(name+"name", field.Name, 256)
		text(name+"value", field.Value, 1024)
		f.required(at+"."+name+"name", field.Name)
		f.required(at+"."+name+"value", field.Value)
	}
	if e.Color < 0 || e.Color > 0xffffff {
		f.add(at+".color", "NUMBER_TYPE_MAX", "int value should be less than or equal to 16777215.")
	}
	if _, err := time.Parse(time.RFC3339, e.Timestamp); e.Timestamp != "" && err != nil {
		f.add(at+".timestamp", "DATE_TIME_TYPE_PARSE", "Could not parse "+e.Timestamp+". Should be ISO8601.")
	}
	return sum
}

func discordCheckName(f discordFormErrors, name string) {
	lower := strings.ToLower(strings.TrimSpace(name))
	switch {
	case discordLength(name) > 80:
		f.add("username", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 80 in length.")
	case strings.Contains(lower, "discord"), strings.Contains(lower, "clyde"):
		f.add("username", "USERNAME_INVALID_CONTAINS", `Username cannot contain "`+lower+`"`)
	case lower == "everyone", lower == "here":
		f.add("username", "USERNAME_INVALID_EQUALS", `Username cannot be "`+lower+`"`)
	}
}

func discordCheckLink(f discordFormErrors, field, link string) {
	if link != "" && !strings.HasPrefix(link, "https://") && !strings.HasPrefix(link, "http://") {
		f.add(field, "URL_TYPE_INVALID_SCHEME", `Scheme must be one of ('http', 'https').`)
	}
}

func discordCheckMentions(f discordFormErrors, m *discordMentions) {
	if m == nil {
		return
	}
	for i, word := range m.Parse {
		if !slices.Contains([]string{"roles", "users", "everyone"}, word) {
			f.add(fmt.Sprintf("allowed_mentions.parse.%d", i), "BASE_TYPE_CHOICES", "Value must be one of ('roles', 'users', 'everyone').")
		}
	}
	for word, ids := range map[string][]string{"users": m.Users, "roles": m.Roles} {
		if len(ids) > 0 && slices.Contains(m.Parse, word) {
			f.add("allowed_mentions", "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", "parse:[\""+word+"\"] and "+word+": [ids...] are mutually exclusive.")
		}
		if len(ids) > 100 {
			f.add("allowed_mentions."+word, "BASE_TYPE_MAX_LENGTH", "Must be 100 or fewer in length.")
		}
	}
}

func discordLength(s string) int { return utf8.RuneCountInString(strings.TrimSpace(s)) }
