package telegram

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/alertsify/alertsify/internal/secret"
)

// SecretHeader carries the word that was given to SetWebhook.
const SecretHeader = "X-Telegram-Bot-Api-Secret-Token"

// The kinds of updates that are used; all others are passed over.
const (
	KindMessage    = "message"
	KindMembership = "my_chat_member"
	KindTest       = "test" // ours, by which we try our own door; Telegram sends none
)

func updatesWanted() []string { return []string{KindMessage, KindMembership} }

// Update is what somebody told the bot or did to it, as far as it is used: of what people
// write only a command is kept.
type Update struct {
	ID      int64  `json:"id"`
	Kind    string `json:"kind"`
	Chat    int64  `json:"chat,omitempty"`
	Private bool   `json:"private,omitempty"` // a chat of one person and the bot
	From    int64  `json:"from,omitempty"`
	Name    string `json:"name,omitempty"` // "@ava", or what they call themselves

	Command string `json:"command,omitempty"` // "start" of "/start abc"
	Code    string `json:"code,omitempty"`    // CodeHash of "abc": nobody who reads it can use the code
	Status  string `json:"status,omitempty"`  // of the bot in the chat: member, kicked, …
}

// wire is an update as Telegram writes it.
type wire struct {
	ID      *int64 `json:"update_id"`
	Message *struct {
		Text string   `json:"text"`
		Chat wireChat `json:"chat"`
		From wireUser `json:"from"`
	} `json:"message"`
	Membership *struct {
		Chat wireChat `json:"chat"`
		From wireUser `json:"from"`
		New  struct {
			Status string `json:"status"`
		} `json:"new_chat_member"`
	} `json:"my_chat_member"`
	Test bool `json:"alertsify_test"`
}

type wireChat struct {
	ID   int64  `json:"id"`
	Type string `json:"type"`
}

type wireUser struct {
	ID       int64  `json:"id"`
	Username string `json:"username"`
	First    string `json:"first_name"`
	Last     string `json:"last_name"`
}

const (
	nameMax    = 40 // runes
	commandMax = 32
	// argumentMax is what a link to a bot can carry.
	argumentMax = 64
)

// ReadUpdate reads the body of a webhook call. The error is that it is no update.
func ReadUpdate(body []byte) (Update, error) {
	var w wire
	if err := json.Unmarshal(body, &w); err != nil {
		return Update{}, fmt.Errorf("read update: %w", err)
	}
	if w.ID == nil {
		return Update{}, errors.New("read update: no update_id")
	}
	u := Update{ID: *w.ID, Kind: "other"}
	switch {
	case w.Test:
		u.Kind = KindTest
	case w.Message != nil:
		u.Kind = KindMessage
		u.meet(w.Message.Chat, w.Message.From)
		u.Command, u.Code = command(w.Message.Text)
	case w.Membership != nil:
		u.Kind, u.Status = KindMembership, firstRunes(w.Membership.New.Status, nameMax)
		u.meet(w.Membership.Chat, w.Membership.From)
	}
	return u, nil
}

// meet takes the chat and who speaks in it. A chat is one person's only where its number
// is theirs.
func (u *Update) meet(c wireChat, from wireUser) {
	u.Chat, u.From = c.ID, from.ID
	u.Private = c.Type == "private" && c.ID == from.ID && c.ID > 0
	u.Name = from.name()
}

func (u wireUser) name() string {
	if isName(u.Username) {
		return "@" + u.Username
	}
	return firstRunes(line(u.First+" "+u.Last), nameMax)
}

// CodeHash is what a code that follows a command is known by.
func CodeHash(code string) string {
	sum := sha256.Sum256([]byte(code))
	return hex.EncodeToString(sum[:])
}

// command reads "/start abc" and "/start@our_bot abc".
func command(text string) (name, code string) {
	rest, is := strings.CutPrefix(text, "/")
	if !is {
		return "", ""
	}
	name, argument, _ := strings.Cut(rest, " ")
	name, _, _ = strings.Cut(strings.TrimSpace(name), "@")
	argument = strings.TrimSpace(argument)
	if len(name) > commandMax || len(argument) > argumentMax {
		return "", ""
	}
	if argument != "" {
		code = CodeHash(argument)
	}
	return strings.ToLower(clean(name)), code
}

func firstRunes(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}

// SameSecret compares what a call carries with the configured word, in a time that tells
// nothing about either. An empty word fits nothing.
func SameSecret(word secret.Text, given string) bool {
	a, b := sha256.Sum256([]byte(word.Reveal())), sha256.Sum256([]byte(given))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1 && !word.IsZero()
}

// ParseSecret checks that a word can be given to SetWebhook.
func ParseSecret(word secret.Text) error {
	text := word.Reveal()
	if len(text) < secretMin || len(text) > secretMax {
		return fmt.Errorf("has %d characters; it needs %d to %d", len(text), secretMin, secretMax)
	}
	if !only(text, "-") {
		return errors.New("has characters other than A–Z, a–z, 0–9, _ and -")
	}
	return nil
}

// Telegram takes one character already; whoever guesses it can speak for anybody.
const secretMin, secretMax = 16, 256
