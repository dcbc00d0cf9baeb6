package email

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

const (
	// SubjectMax is how many characters a subject has at most.
	SubjectMax = 150

	// sizeMax is where Gmail cuts a mail, in bytes.
	sizeMax = 102 << 10
)

// Mail is one mail to one mailbox.
type Mail struct {
	From, To    string
	ReplyTo     string // empty: replies go to From
	Subject     string
	HTML, Text  string
	Kind        string // what it is about; a tag
	ID          string // ours; a tag, by which an event finds it before Resend's id is known
	Unsubscribe string // address that switches this off; empty: security mail, which cannot be
}

// wire is Resend's form. Its fields have their order, so that the same mail is always
// the same bytes.
type wire struct {
	From    string            `json:"from"`
	To      []string          `json:"to"`
	ReplyTo string            `json:"reply_to,omitempty"`
	Subject string            `json:"subject"`
	HTML    string            `json:"html"`
	Text    string            `json:"text"`
	Headers map[string]string `json:"headers"`
	Tags    []tag             `json:"tags"`
}

type tag struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

var tagShape = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`)

// Encode makes the bytes that are sent. They are kept and sent again as they are: the
// same idempotency key with other bytes is refused.
func (m Mail) Encode() ([]byte, error) {
	if !tagShape.MatchString(m.Kind) || !tagShape.MatchString(m.ID) {
		return nil, fmt.Errorf("mail %q: kind or id is no tag", m.ID)
	}
	// The address in List-Unsubscribe is the one that RFC 8058 asks for and no mailto: beside
	// it. A mail program may prefer a mailto, and nobody here reads a mailbox at once.
	headers := map[string]string{"X-Entity-Ref-ID": m.ID} // keeps mail programs from putting mails of one subject together
	if m.Unsubscribe != "" {
		headers["List-Unsubscribe"] = "<" + Line(m.Unsubscribe) + ">"
		headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
	}
	body, err := json.Marshal(wire{
		From: Line(m.From), To: []string{Line(m.To)}, ReplyTo: Line(m.ReplyTo), Subject: Subject(m.Subject), HTML: m.HTML, Text: m.Text, Headers: headers,
		Tags: []tag{{"kind", m.Kind}, {"delivery", m.ID}},
	})
	if err != nil {
		return nil, fmt.Errorf("encode mail: %w", err)
	}
	if len(m.HTML)+len(m.Text) > sizeMax {
		return nil, fmt.Errorf("mail of %d bytes, at most %d", len(m.HTML)+len(m.Text), sizeMax)
	}
	return body, nil
}

// Line makes any text fit for a header: one line, nothing invisible, nothing that turns
// the direction of reading.
func Line(text string) string {
	text = strings.ToValidUTF8(text, "")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t' || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r):
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, text))
}

// Subject is a line of at most SubjectMax characters.
func Subject(text string) string {
	line := strings.Join(strings.Fields(Line(text)), " ")
	if r := []rune(line); len(r) > SubjectMax {
		return strings.TrimSpace(string(r[:SubjectMax-1])) + "…"
	}
	return line
}
