package whop

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/webhook"
)

const (
	// tolerance is how far a timestamp may be off before what it stamps counts as stale.
	tolerance = 300 * time.Second

	depthMax  = 100 // of a body (rule 11.1)
	digitsMax = 12  // of seconds since 1970; more overflow nothing, and name no year of ours
	idMax     = 200 // bytes of an id that we would ask for; longer ones name nothing of Whop's
)

// Verdict is what was found out about a request that claims to be an event.
type Verdict string

// The verdicts, in the order in which they are looked for. Only the log and tests see
// which of the first three it was. The last two are rightly signed.
const (
	MissingHeader     Verdict = "missing_header"
	BadTimestamp      Verdict = "bad_timestamp"
	SignatureMismatch Verdict = "signature_mismatch"
	Malformed         Verdict = "malformed"
	TooOld            Verdict = "timestamp_too_old"
	TooNew            Verdict = "timestamp_too_new"
	Accepted          Verdict = "accepted"
)

// Stale tells that the signature is right and the time is off: a hint only.
func (v Verdict) Stale() bool { return v == TooOld || v == TooNew }

// Event is where to look. It holds no more of a message than that: who paid and how
// stands at Whop.
type Event struct {
	ID         string    `json:"id"`
	Type       string    `json:"type"`       // today's name; empty for a body of the old kind
	Name       string    `json:"name"`       // as it was sent
	At         time.Time `json:"at"`         // by Whop's clock; zero where it does not say
	Account    string    `json:"account"`    // biz_…
	Membership string    `json:"membership"` // mem_…, where one is named
	Payment    string    `json:"payment"`    // pay_…, where one is named
	Old        bool      `json:"old"`        // "action" and no "type": an endpoint of before is still configured
	OtherID    bool      `json:"otherId"`    // the body names another id than the header, which counts
}

// Keys reads several secrets, separated by commas: while one is being replaced two are
// good. The key is the whole secret as Whop shows it, prefix and all: Whop does not follow
// the Standard Webhooks specification there, and there is no second derivation (seen in
// its signatures).
func Keys(text secret.Text) (list []webhook.Key) {
	for part := range strings.SplitSeq(text.Reveal(), ",") {
		// HMAC fills a key up with zeros: one of nothing else is the empty key.
		if part = strings.TrimSpace(part); strings.Trim(part, "\x00") != "" {
			list = append(list, webhook.PlainKey(secret.New(part)))
		}
	}
	return list
}

// VerifyEvent holds a request against its signature and reads it.
func VerifyEvent(keys []webhook.Key, h http.Header, body []byte, now time.Time) (Event, Verdict) {
	is := webhook.Signed{ID: h.Get("Webhook-Id"), Timestamp: h.Get("Webhook-Timestamp"), Signature: h.Get("Webhook-Signature")}
	if is.ID == "" || is.Timestamp == "" || is.Signature == "" {
		return Event{}, MissingHeader
	}
	seconds, ok := plainInteger(is.Timestamp)
	if !ok {
		return Event{}, BadTimestamp
	}
	if !webhook.MadeBy(keys, is, body) {
		return Event{}, SignatureMismatch
	}
	event, err := readEvent(body)
	if err != nil {
		return Event{}, Malformed
	}
	event.OtherID = event.ID != "" && event.ID != is.ID
	event.ID = is.ID
	switch age := now.Unix() - seconds; {
	case age > int64(tolerance/time.Second):
		return event, TooOld
	case -age > int64(tolerance/time.Second):
		return event, TooNew
	}
	return event, Accepted
}

// plainInteger reads digits and nothing else.
func plainInteger(text string) (int64, bool) {
	if len(text) > digitsMax || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

// loose is a text; what stands there in another form says nothing.
type loose string

// UnmarshalJSON never fails.
func (l *loose) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		*l = loose(text)
	}
	return nil
}

// looseRef is the id of an object, under the same rule.
type looseRef string

// UnmarshalJSON never fails.
func (l *looseRef) UnmarshalJSON(raw []byte) error {
	var object struct {
		ID loose `json:"id"`
	}
	if json.Unmarshal(raw, &object) == nil {
		*l = looseRef(object.ID)
	}
	return nil
}

// envelope is an event's body in all its ages.
type envelope struct {
	ID        loose `json:"id"`
	Type      loose `json:"type"`
	Action    loose `json:"action"`
	Timestamp loose `json:"timestamp"`
	Account   loose `json:"account_id"`
	Company   loose `json:"company_id"`
	Data      struct {
		ID           loose    `json:"id"`
		MembershipID loose    `json:"membership_id"`
		Membership   looseRef `json:"membership"`
		PaymentID    loose    `json:"payment_id"`
		Payment      looseRef `json:"payment"`
	} `json:"data"`
}

func readEvent(body []byte) (Event, error) {
	if err := checkShape(body); err != nil {
		return Event{}, err
	}
	var in envelope
	_ = json.Unmarshal(body, &in) // it is an object; data of another form says nothing
	e := Event{
		ID: string(in.ID), Name: either(string(in.Type), string(in.Action)), Old: in.Type == "" && in.Action != "",
		Account:    either(string(in.Account), string(in.Company)),
		Membership: either(string(in.Data.MembershipID), string(in.Data.Membership)),
		Payment:    either(string(in.Data.PaymentID), string(in.Data.Payment)),
	}
	if at, err := time.Parse(time.RFC3339, string(in.Timestamp)); err == nil {
		e.At = at.UTC()
	}
	if !e.Old {
		e.Type = today(e.Name)
	}
	switch family, _, _ := strings.Cut(e.Type, "."); family {
	case "membership":
		e.Membership = string(in.Data.ID)
	case "payment":
		e.Payment = string(in.Data.ID)
	}
	e.Membership, e.Payment = known(e.Membership, "mem_"), known(e.Payment, "pay_")
	return e, nil
}

// known drops what cannot be an id of Whop's of that kind.
func known(id, prefix string) string {
	if !strings.HasPrefix(id, prefix) || len(id) > idMax {
		return ""
	}
	return id
}

// today gives an event its present name: went_valid and went_invalid are names of
// before, and so are underscores in place of the first dot.
func today(name string) string {
	for _, family := range []string{"membership", "payment", "refund", "dispute", "dispute_alert", "entry"} {
		if rest, ok := strings.CutPrefix(name, family+"_"); ok && knownAction(family, rest) {
			name = family + "." + rest
			break
		}
	}
	switch name {
	case "membership.went_valid":
		return "membership.activated"
	case "membership.went_invalid":
		return "membership.deactivated"
	}
	return name
}

// knownAction tells whether an event of a family exists, or did.
func knownAction(family, action string) bool {
	actions := map[string]string{
		"membership": " activated deactivated updated cancel_at_period_end_changed trial_ending_soon went_valid went_invalid metadata_updated experience_claimed ",
		"payment":    " succeeded failed pending created authorized canceled requires_action ",
		"refund":     " created updated ", "dispute": " created updated ", "dispute_alert": " created ",
		"entry": " created approved denied deleted ",
	}
	return strings.Contains(actions[family], " "+action+" ")
}

// checkShape walks the tokens once: one object, no name twice, nothing after it, not too
// deep.
func checkShape(body []byte) error {
	d := jsontext.NewDecoder(strings.NewReader(string(body)))
	if d.PeekKind() != '{' {
		return errors.New("not an object")
	}
	for {
		_, err := d.ReadToken()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case d.StackDepth() == 0 && d.PeekKind() != 0:
			return errors.New("there is more after the end")
		case d.StackDepth() > depthMax:
			return errors.New("too deep")
		}
	}
}
