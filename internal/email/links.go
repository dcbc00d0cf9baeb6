package email

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/secret"
)

// Links make the addresses in mails that do something without a sign-in, and read what
// comes back. A token says what it may do and nothing else; who has it can do no more.
type Links struct {
	app string // where our pages are, without a slash at the end
	key secret.Text
}

// LinkPath is where the addresses lead; the token follows.
const LinkPath = "/u/"

const (
	linksLabel = "alertsify links in mail 1" // a key of their own, whatever else the secret signs
	tokenMax   = 512                         // characters
)

// NewLinks signs with a key made of the secret.
func NewLinks(appURL string, from secret.Text) *Links {
	mac := hmac.New(sha256.New, []byte(from.Reveal()))
	mac.Write([]byte(linksLabel))
	return &Links{app: strings.TrimRight(appURL, "/"), key: secret.New(string(mac.Sum(nil)))}
}

// Page is the address of a page of ours.
func (l *Links) Page(path string) string { return l.app + path }

// Grant is what a token allows: that mail of some categories to a user is switched off,
// that a mailbox is used again, or that a user has the address of before again.
type Grant struct {
	User       uuid.UUID // whose mail
	Categories []string  // which

	Mailbox uuid.UUID // the destination that its owner has shown to read
	Change  uuid.UUID // the change of an address that is undone
	Until   time.Time
}

// Confirms tells whether it is about a mailbox.
func (g Grant) Confirms() bool { return g.Mailbox != uuid.Nil }

// Unsubscribe is the address that switches categories off. It never expires: an old
// mail's link must work.
func (l *Links) Unsubscribe(user uuid.UUID, categories []string) string {
	return l.address("off|" + user.String() + "|" + strings.Join(categories, ","))
}

// Confirm is the address by which who reads a mailbox has it used again.
func (l *Links) Confirm(mailbox uuid.UUID, until time.Time) string {
	return l.address("use|" + mailbox.String() + "|" + strconv.FormatInt(until.Unix(), 10))
}

// Undo is the address by which who reads somebody's old mailbox takes a change of it back.
func (l *Links) Undo(change uuid.UUID, until time.Time) string {
	return l.address("undo|" + change.String() + "|" + strconv.FormatInt(until.Unix(), 10))
}

func (l *Links) address(grant string) string {
	return l.app + LinkPath + base64.RawURLEncoding.EncodeToString([]byte(grant)) + "." + base64.RawURLEncoding.EncodeToString(l.sum(grant))
}

func (l *Links) sum(grant string) []byte {
	mac := hmac.New(sha256.New, []byte(l.key.Reveal()))
	mac.Write([]byte(grant))
	return mac.Sum(nil)
}

// Read tells what a token allows now; false when it is none of ours, or too old.
func (l *Links) Read(token string, now time.Time) (Grant, bool) {
	if len(token) > tokenMax {
		return Grant{}, false
	}
	encoded, signature, _ := strings.Cut(token, ".")
	text := base64.RawURLEncoding.Strict() // one token for one grant, not four that differ in bits nobody reads
	grant, err := text.DecodeString(encoded)
	given, signErr := text.DecodeString(signature)
	if err != nil || signErr != nil || !hmac.Equal(given, l.sum(string(grant))) {
		return Grant{}, false
	}
	return parseGrant(strings.Split(string(grant), "|"), now)
}

func parseGrant(parts []string, now time.Time) (Grant, bool) {
	if len(parts) != 3 {
		return Grant{}, false
	}
	id, err := uuid.Parse(parts[1])
	if err != nil {
		return Grant{}, false
	}
	if parts[0] == "off" {
		return Grant{User: id, Categories: strings.Split(parts[2], ",")}, parts[2] != ""
	}
	seconds, err := strconv.ParseInt(parts[2], 10, 64)
	until := time.Unix(seconds, 0)
	if err != nil || !now.Before(until) {
		return Grant{}, false
	}
	switch parts[0] {
	case "use":
		return Grant{Mailbox: id, Until: until}, true
	case "undo":
		return Grant{Change: id, Until: until}, true
	}
	return Grant{}, false
}
