package discord

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/bwmarrin/discordgo"
)

// Discord's limits, in code points after trimming white space.
const (
	ContentMax     = 2000
	EmbedsMax      = 10
	TitleMax       = 256
	AuthorNameMax  = 256
	DescriptionMax = 4096
	FieldsMax      = 25
	FieldNameMax   = 256
	FieldValueMax  = 1024
	FooterMax      = 2048
	EmbedTextMax   = 6000 // over all embeds of a message

	embedShare = EmbedTextMax / EmbedsMax
)

// Message is what we post. Content is for fixed words of our own and normally
// empty; what users wrote goes into embeds, through Escape or Clean.
type Message struct {
	Content string
	Embeds  []*discordgo.MessageEmbed
}

// wireMessage is the body of create and edit. Mentions are always switched off:
// an edit without allowed_mentions is parsed again with Discord's own default.
type wireMessage struct {
	Content         string                           `json:"content,omitempty"`
	Embeds          []*discordgo.MessageEmbed        `json:"embeds,omitempty"`
	AllowedMentions discordgo.MessageAllowedMentions `json:"allowed_mentions"`
}

func (m Message) wire() wireMessage {
	return wireMessage{
		Content:         m.Content,
		Embeds:          m.Embeds,
		AllowedMentions: discordgo.MessageAllowedMentions{Parse: []discordgo.AllowedMentionType{}},
	}
}

// Check says why Discord would refuse the message, or nil.
func (m Message) Check() error {
	if Length(m.Content) == 0 && len(m.Embeds) == 0 {
		return errors.New("message is empty")
	}
	if Length(m.Content) > ContentMax {
		return fmt.Errorf("content is longer than %d", ContentMax)
	}
	if len(m.Embeds) > EmbedsMax {
		return fmt.Errorf("%d embeds, at most %d", len(m.Embeds), EmbedsMax)
	}
	for i, e := range m.Embeds {
		if err := checkEmbed(e); err != nil {
			return fmt.Errorf("embed %d: %w", i, err)
		}
	}
	if n := TextLength(m.Embeds); n > EmbedTextMax {
		return fmt.Errorf("embeds hold %d characters together, at most %d", n, EmbedTextMax)
	}
	return nil
}

func checkEmbed(e *discordgo.MessageEmbed) error {
	if e == nil {
		return errors.New("missing")
	}
	if len(e.Fields) > FieldsMax {
		return fmt.Errorf("%d fields, at most %d", len(e.Fields), FieldsMax)
	}
	for _, p := range parts(e) {
		n := Length(*p.text)
		if n > p.max {
			return fmt.Errorf("%s has %d characters, at most %d", p.name, n, p.max)
		}
		if n == 0 && p.required {
			return fmt.Errorf("%s is empty", p.name)
		}
	}
	return nil
}

// part is one text of an embed with its limit.
type part struct {
	name     string
	text     *string
	max      int
	required bool
	long     bool // may be shortened to make a message fit
}

func parts(e *discordgo.MessageEmbed) []part {
	all := []part{
		{name: "title", text: &e.Title, max: TitleMax},
		{name: "description", text: &e.Description, max: DescriptionMax, long: true},
	}
	if e.Author != nil {
		all = append(all, part{name: "author name", text: &e.Author.Name, max: AuthorNameMax, long: true})
	}
	if e.Footer != nil {
		all = append(all, part{name: "footer", text: &e.Footer.Text, max: FooterMax})
	}
	for _, f := range e.Fields {
		all = append(all,
			part{name: "field name", text: &f.Name, max: FieldNameMax, required: true},
			part{name: "field value", text: &f.Value, max: FieldValueMax, required: true, long: true})
	}
	return all
}

// TextLength is what counts towards EmbedTextMax.
func TextLength(embeds []*discordgo.MessageEmbed) int {
	n := 0
	for _, e := range embeds {
		for _, p := range parts(e) {
			n += Length(*p.text)
		}
	}
	return n
}

// Fit changes the embeds' texts so that Check passes: each part is cut to its
// limit, an empty required one becomes a dash, and while all of them together
// are too long the longest description, field value or name loses the excess.
func Fit(embeds []*discordgo.MessageEmbed) { fit(embeds, EmbedTextMax) }

// FitShare makes an embed so short that any EmbedsMax of its kind make one message,
// now and after every edit.
func FitShare(e *discordgo.MessageEmbed) { fit([]*discordgo.MessageEmbed{e}, embedShare) }

func fit(embeds []*discordgo.MessageEmbed, most int) {
	var all []part
	for _, e := range embeds {
		all = append(all, parts(e)...)
	}
	for _, p := range all {
		*p.text = Truncate(*p.text, p.max)
		if p.required && *p.text == "" {
			*p.text = "—"
		}
	}
	for excess := TextLength(embeds) - most; excess > 0; excess = TextLength(embeds) - most {
		p, found := longest(all)
		if !found {
			return
		}
		*p.text = Truncate(*p.text, max(1, Length(*p.text)-excess))
	}
}

func longest(all []part) (part, bool) {
	var best part
	n := 1 // a text of one character cannot be shortened
	for _, p := range all {
		if l := Length(*p.text); p.long && l > n {
			best, n = p, l
		}
	}
	return best, n > 1
}

// Length counts as Discord does: code points, outer white space left out.
func Length(s string) int { return utf8.RuneCountInString(strings.TrimSpace(s)) }
