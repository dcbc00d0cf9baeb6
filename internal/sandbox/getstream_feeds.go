package sandbox

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// getstreamActivity is an activity under its server id. Fields are the ones that
// came, custom ones too, ready to be sent back.
type getstreamActivity struct {
	ID        string                     `json:"id"`
	Feed      string                     `json:"feed"` // where it was added
	ForeignID string                     `json:"foreignId"`
	Time      time.Time                  `json:"time"`
	To        []string                   `json:"to,omitempty"`
	Fields    map[string]json.RawMessage `json:"fields"`
}

// getstreamChange is one thing that happened; applying all of them again gives
// the same feeds.
type getstreamChange struct {
	Do        string             `json:"do"` // put, remove, follow, unfollow
	Activity  *getstreamActivity `json:"activity,omitempty"`
	IDs       []string           `json:"ids,omitempty"`
	Follower  string             `json:"follower,omitempty"`
	Target    string             `json:"target,omitempty"`
	Copy      int                `json:"copy,omitempty"`
	Keep      bool               `json:"keep,omitempty"`
	VisibleAt time.Time          `json:"visibleAt"` // when copies appear
}

// getstreamFeeds holds activities once and feeds as lists of references.
type getstreamFeeds struct {
	activities map[string]getstreamActivity
	byKey      map[string]string                     // foreign id and time → id
	feeds      map[string]map[string]getstreamItem   // feed → activity id → how it got there
	follows    map[string]map[string]getstreamFollow // follower → target
}

type getstreamItem struct {
	via       string // "" added or targeted here, else the followed feed it came by
	visibleAt time.Time
}

type getstreamFollow struct{ at time.Time }

func newGetStreamFeeds() *getstreamFeeds {
	return &getstreamFeeds{
		activities: map[string]getstreamActivity{}, byKey: map[string]string{},
		feeds: map[string]map[string]getstreamItem{}, follows: map[string]map[string]getstreamFollow{},
	}
}

// getstreamPairKey is what identifies an activity; without both parts nothing does.
func getstreamPairKey(foreignID string, at time.Time) string {
	if foreignID == "" || at.IsZero() {
		return ""
	}
	return foreignID + " " + at.UTC().Format(getstreamTime)
}

func (f *getstreamFeeds) find(foreignID string, at time.Time) (getstreamActivity, bool) {
	a, known := f.activities[f.byKey[getstreamPairKey(foreignID, at)]]
	return a, known
}

func (f *getstreamFeeds) apply(c getstreamChange) {
	switch c.Do {
	case "put":
		f.put(*c.Activity, c.VisibleAt)
	case "remove":
		f.remove(c.IDs)
	case "follow":
		f.follow(c)
	case "unfollow":
		f.unfollow(c)
	}
}

// put stores an activity and brings it to its feed, its targets and, one level
// further, their followers. Doing it again changes nothing but its fields.
func (f *getstreamFeeds) put(a getstreamActivity, visibleAt time.Time) {
	_, known := f.activities[a.ID]
	f.activities[a.ID] = a
	if known {
		return // it is where it should be
	}
	if key := getstreamPairKey(a.ForeignID, a.Time); key != "" {
		f.byKey[key] = a.ID
	}
	for _, feed := range append([]string{a.Feed}, a.To...) {
		arrives := time.Time{} // its own feed shows it at once
		if feed != a.Feed {
			arrives = visibleAt
		}
		f.place(feed, a.ID, getstreamItem{visibleAt: arrives})
		for follower, targets := range f.follows {
			if _, follows := targets[feed]; follows {
				f.place(follower, a.ID, getstreamItem{via: feed, visibleAt: visibleAt})
			}
		}
	}
}

func (f *getstreamFeeds) place(feed, id string, item getstreamItem) {
	if f.feeds[feed] == nil {
		f.feeds[feed] = map[string]getstreamItem{}
	}
	if _, there := f.feeds[feed][id]; !there {
		f.feeds[feed][id] = item
	}
}

// remove takes originals away, and with them every copy.
func (f *getstreamFeeds) remove(ids []string) {
	for _, id := range ids {
		a := f.activities[id]
		delete(f.activities, id)
		delete(f.byKey, getstreamPairKey(a.ForeignID, a.Time))
		for _, items := range f.feeds {
			delete(items, id)
		}
	}
}

func (f *getstreamFeeds) follow(c getstreamChange) {
	if f.follows[c.Follower] == nil {
		f.follows[c.Follower] = map[string]getstreamFollow{}
	}
	f.follows[c.Follower][c.Target] = getstreamFollow{at: c.VisibleAt}
	newest := f.read(c.Target, c.VisibleAt)
	for _, a := range newest[:min(c.Copy, len(newest))] {
		if f.feeds[c.Target][a.ID].via == "" {
			f.place(c.Follower, a.ID, getstreamItem{via: c.Target, visibleAt: c.VisibleAt})
		}
	}
}

func (f *getstreamFeeds) unfollow(c getstreamChange) {
	delete(f.follows[c.Follower], c.Target)
	if c.Keep {
		return
	}
	for id, item := range f.feeds[c.Follower] {
		if item.via == c.Target {
			delete(f.feeds[c.Follower], id)
		}
	}
}

// read lists what a feed shows at a moment, newest first.
func (f *getstreamFeeds) read(feed string, now time.Time) []getstreamActivity {
	found := []getstreamActivity{}
	for id, item := range f.feeds[feed] {
		if !item.visibleAt.After(now) {
			found = append(found, f.activities[id])
		}
	}
	slices.SortFunc(found, func(a, b getstreamActivity) int {
		return cmp.Or(b.Time.Compare(a.Time), strings.Compare(b.ID, a.ID))
	})
	return found
}

// inFeed finds the ids of an activity by foreign id in one feed; there may be
// several, with different times.
func (f *getstreamFeeds) inFeed(feed, foreignID string) []string {
	var ids []string
	for id := range f.feeds[feed] {
		if a := f.activities[id]; a.Feed == feed && a.ForeignID == foreignID {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func (f *getstreamFeeds) followers(target string) []string {
	var found []string
	for follower, targets := range f.follows {
		if _, follows := targets[target]; follows {
			found = append(found, follower)
		}
	}
	slices.Sort(found)
	return found
}
