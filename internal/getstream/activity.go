package getstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	stream "github.com/GetStream/stream-go2/v8"
)

// The feed groups of our app. No name may be the beginning of another one: a
// feed's token is made of group and id written without a separator.
const (
	GroupTrade        = "trade"        // trade:<user>, each alert of a trader
	GroupTimeline     = "timeline"     // timeline:<user>, filled by follows only
	GroupNotification = "notification" // notification:<user>
	GroupGlobal       = "global"       // global:all
	GroupSignals      = "signals"      // signals:all
	GroupPosition     = "position"     // position:<user>
	GroupAdmin        = "admin"        // admin:system
)

// Groups lists them all.
func Groups() []string {
	return []string{
		GroupTrade, GroupTimeline, GroupNotification, GroupGlobal, GroupSignals, GroupPosition, GroupAdmin,
	}
}

// FeedRef names one feed: a group and whose it is.
type FeedRef struct{ Group, ID string }

// String is GetStream's form of it, "trade:u1".
func (f FeedRef) String() string { return f.Group + ":" + f.ID }

func (f FeedRef) check() error {
	if !groupShape.MatchString(f.Group) || !feedIDShape.MatchString(f.ID) {
		return errors.New("feed: group or id has a character GetStream does not take")
	}
	return nil
}

// Activity is one entry of a feed. Key and Time identify it for good and are
// fixed by the caller once: "alert:<id>" and the order's first fill.
type Activity struct {
	Feed   FeedRef
	Key    string            // letters, digits and : _ - ; at most 128
	Time   time.Time         // any zone; sent in UTC, cut to microseconds
	Actor  string            // user id
	Verb   string            // "bto", "stc", …; at most 255 bytes
	Object string            // "alert:42"
	To     []FeedRef         // further feeds that get a copy; at most 100
	Extra  map[string]string // names begin with x_; money and ids as text
}

var (
	keyShape    = regexp.MustCompile(`^[A-Za-z0-9:_-]{1,128}$`)
	groupShape  = regexp.MustCompile(`^[a-z0-9_]{1,50}$`)
	feedIDShape = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)
	extraShape  = regexp.MustCompile(`^x_[a-z0-9_]{1,48}$`)
)

const (
	targetsMax  = 100
	verbMax     = 255      // bytes
	activityMax = 10 << 10 // bytes of JSON
)

func checkKey(key string) error {
	if !keyShape.MatchString(key) {
		return errors.New("key: only letters, digits and : _ - , at most 128")
	}
	return nil
}

func (a Activity) check() error {
	errs := []error{checkKey(a.Key), a.Feed.check()}
	if a.Time.IsZero() {
		errs = append(errs, errors.New("time is missing: a repeat would be a second activity"))
	}
	if !feedIDShape.MatchString(a.Actor) || a.Object == "" || a.Verb == "" || len(a.Verb) > verbMax {
		errs = append(errs, errors.New("actor, verb or object is missing or has a wrong form"))
	}
	if len(a.To) > targetsMax {
		errs = append(errs, fmt.Errorf("%d targets, at most %d", len(a.To), targetsMax))
	}
	for _, to := range a.To {
		errs = append(errs, to.check())
	}
	for name := range a.Extra {
		// An extra field named like one of GetStream's own replaces it silently
		// and can make whole pages unreadable.
		if !extraShape.MatchString(name) {
			errs = append(errs, fmt.Errorf("extra field %.60q does not begin with x_", name))
		}
	}
	return errors.Join(errs...)
}

func (a Activity) wire() (stream.Activity, error) {
	if err := a.check(); err != nil {
		return stream.Activity{}, invalid(err)
	}
	w := stream.Activity{
		Actor:     "SU:" + a.Actor,
		Verb:      a.Verb,
		Object:    a.Object,
		ForeignID: a.Key,
		// The module writes whatever zone it is given without naming it.
		Time:  stream.Time{Time: a.Time.UTC().Truncate(time.Microsecond)},
		Extra: make(map[string]any, len(a.Extra)),
	}
	for _, to := range a.To {
		w.To = append(w.To, to.String())
	}
	for name, value := range a.Extra {
		w.Extra[name] = value
	}
	body, err := json.Marshal(w)
	if err != nil {
		return stream.Activity{}, invalid(err)
	}
	if len(body) > activityMax {
		return stream.Activity{}, invalid(fmt.Errorf("activity of %d bytes, at most %d", len(body), activityMax))
	}
	return w, nil
}
