package discord

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bwmarrin/discordgo"
)

func TestWhatUsersWriteIsDisarmed(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{
		"Ava Stone":                      "Ava Stone",
		"ava_stone*":                     `ava\_stone\*`,
		`back\slash`:                     `back\\slash`,
		"[click](https://evil.example)":  `\[click\]\(https:` + zeroWidthSpace + `//evil.example\)`,
		"HTTP://evil.example":            `HTTP:` + zeroWidthSpace + `//evil.example`,
		"@everyone and @HERE":            `\@` + zeroWidthSpace + `everyone and \@` + zeroWidthSpace + `HERE`,
		"@every\u200bone":                `\@` + zeroWidthSpace + `everyone`,
		"<@123> <#4> <:e:5> <t:1:R>":     `\<\@123\> \<\#4\> \<:e:5\> \<t:1:R\>`,
		"`code` ||spoiler|| ~~gone~~":    "\\`code\\` \\|\\|spoiler\\|\\| \\~\\~gone\\~\\~",
		"two\nlines\tand\u00a0  space":   "two lines and space",
		"nul\x00bell\x07":                "nul bell",
		"\u202eevil\u202c \u2066x\u2069": "evil x",
		"zero\u200bwidth\ufeff\u2060":    "zerowidth",
		"a\u200db":                       "ab",
		"👨\u200d👩\u200d👧 ❤\ufe0f\u200d🔥": "👨\u200d👩\u200d👧 ❤\ufe0f\u200d🔥",
		"क्\u200dष":                      "क्\u200dष",
		"broken \xff utf8":               "broken \ufffd utf8",
	} {
		if got := Escape(written); got != want {
			t.Errorf("Escape(%q) = %q, want %q", written, got, want)
		}
	}
}

func TestNamesAreCleanedWithoutBackslashes(t *testing.T) {
	t.Parallel()
	if got, want := Clean(" ava_stone\n@everyone "), "ava_stone @"+zeroWidthSpace+"everyone"; got != want {
		t.Errorf("Clean = %q, want %q", got, want)
	}
}

func TestTextIsCutByCodePointsBetweenGraphemes(t *testing.T) {
	t.Parallel()
	family, flag := "👨‍👩‍👧‍👦", "🇺🇸" // 7 and 2 code points
	for _, c := range []struct {
		text  string
		limit int
		want  string
	}{
		{"short", 5, "short"},
		{"  short  ", 5, "short"},
		{"longer", 5, "long…"},
		{"ééééé", 5, "ééééé"},
		{"a b c", 4, "a b…"},
		{"a bc", 3, "a…"},
		{family, 7, family},
		{"x" + family, 7, "x…"},
		{family + "xy", 8, family + "…"},
		{flag + flag + "x", 4, flag + "…"},
		{"e\u0301e\u0301", 3, "e\u0301…"},
		{`ab\*cd`, 4, "ab…"},
		{`ab\\cd`, 5, `ab\\…`},
		{"anything", 1, "…"},
		{"anything", 0, ""},
	} {
		got := Truncate(c.text, c.limit)
		if got != c.want {
			t.Errorf("Truncate(%q, %d) = %q, want %q", c.text, c.limit, got, c.want)
		}
		if n := utf8.RuneCountInString(got); n > c.limit {
			t.Errorf("Truncate(%q, %d) has %d code points", c.text, c.limit, n)
		}
	}
}

func TestMessagesOverALimitAreNotSent(t *testing.T) {
	t.Parallel()
	field := func(name, value string) *discordgo.MessageEmbed {
		return &discordgo.MessageEmbed{Fields: []*discordgo.MessageEmbedField{{Name: name, Value: value}}}
	}
	big := &discordgo.MessageEmbed{Description: strings.Repeat("é", DescriptionMax)}
	for name, c := range map[string]struct {
		m  Message
		ok bool
	}{
		"empty":               {Message{Content: "  "}, false},
		"longest content":     {Message{Content: strings.Repeat("👍", ContentMax)}, true},
		"too long content":    {Message{Content: strings.Repeat("👍", ContentMax+1)}, false},
		"outer space is free": {Message{Content: " " + strings.Repeat("x", ContentMax) + "\n"}, true},
		"longest description": {Message{Embeds: []*discordgo.MessageEmbed{big}}, true},
		"sum over 6000":       {Message{Embeds: []*discordgo.MessageEmbed{big, big}}, false},
		"eleven embeds":       {Message{Embeds: make([]*discordgo.MessageEmbed, 11)}, false},
		"a missing embed":     {Message{Embeds: make([]*discordgo.MessageEmbed, 1)}, false},
		"empty field value":   {Message{Embeds: []*discordgo.MessageEmbed{field("Ticker", " ")}}, false},
		"long field value":    {Message{Embeds: []*discordgo.MessageEmbed{field("Ticker", strings.Repeat("x", 1025))}}, false},
		"26 fields":           {Message{Embeds: []*discordgo.MessageEmbed{{Fields: make([]*discordgo.MessageEmbedField, 26)}}}, false},
		"long footer":         {Message{Embeds: []*discordgo.MessageEmbed{{Title: "x", Footer: &discordgo.MessageEmbedFooter{Text: strings.Repeat("x", 2049)}}}}, false},
		"long author":         {Message{Embeds: []*discordgo.MessageEmbed{{Title: "x", Author: &discordgo.MessageEmbedAuthor{Name: strings.Repeat("x", 257)}}}}, false},
	} {
		if err := c.m.Check(); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFitMakesAnyEmbedsAcceptable(t *testing.T) {
	t.Parallel()
	embeds := []*discordgo.MessageEmbed{
		{
			Title:       strings.Repeat("t", 300),
			Description: strings.Repeat("d", 5000),
			Author:      &discordgo.MessageEmbedAuthor{Name: strings.Repeat("a", 300)},
			Fields:      []*discordgo.MessageEmbedField{{Name: "", Value: "  "}, {Name: "Notes", Value: strings.Repeat("v", 2000)}},
		},
		{Title: "kept", Description: strings.Repeat("e", 3000), Footer: &discordgo.MessageEmbedFooter{Text: "Alertsify • Trade ID: abc123"}},
	}
	Fit(embeds)
	if err := (Message{Embeds: embeds}).Check(); err != nil {
		t.Fatal(err)
	}
	if n := TextLength(embeds); n != EmbedTextMax {
		t.Errorf("%d characters left of %d: more was cut than needed", n, EmbedTextMax)
	}
	if f := embeds[0].Fields[0]; f.Name != "—" || f.Value != "—" {
		t.Errorf("empty field became %q: %q", f.Name, f.Value)
	}
	if embeds[1].Title != "kept" || !strings.HasSuffix(embeds[1].Footer.Text, "abc123") {
		t.Error("a short text was cut")
	}
}
