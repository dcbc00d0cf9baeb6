package sandbox

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"
)

// getstreamTime is GetStream's time: UTC without saying so, to the microsecond.
const getstreamTime = "2006-01-02T15:04:05.999999"

func (g *getstream) add(c getstreamCall) getstreamAnswer {
	a, refusal := g.parseActivity(c.body)
	if refusal.status != 0 {
		return refusal
	}
	a.Feed = c.feed
	for _, to := range a.To {
		if refusal := g.checkFeed(to); refusal.status != 0 {
			return refusal
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if a.Time.IsZero() {
		a.Time = g.now().UTC().Truncate(time.Microsecond)
	}
	a.ID = g.newID()
	if before, known := g.feeds.find(a.ForeignID, a.Time); known {
		a.ID = before.ID
	}
	g.change(getstreamChange{Do: "put", Activity: &a, VisibleAt: g.now().Add(g.fanOut)})
	return getstreamOK(http.StatusCreated, a.wire())
}

// parseActivity checks one flat activity of at most 10 KB.
func (g *getstream) parseActivity(raw []byte) (getstreamActivity, getstreamAnswer) {
	a := getstreamActivity{}
	if len(raw) > getstreamMaxActivity {
		return a, getstreamBad("activity is larger than 10 KB")
	}
	if err := json.Unmarshal(raw, &a.Fields); err != nil || a.Fields == nil {
		return a, getstreamBad("not a JSON object")
	}
	var at string
	texts := map[string]*string{"actor": nil, "verb": nil, "object": nil, "foreign_id": &a.ForeignID, "time": &at, "target": nil, "origin": nil}
	for name, into := range texts {
		value, refusal := getstreamText(a.Fields, name)
		if refusal.status != 0 {
			return a, refusal
		}
		if into != nil {
			*into = value
		}
	}
	if raw, has := a.Fields["to"]; has && json.Unmarshal(raw, &a.To) != nil || len(a.To) > 100 {
		return a, getstreamBad("to: a list of at most 100 feeds")
	}
	if at == "" {
		return a, getstreamAnswer{}
	}
	var err error
	if a.Time, err = getstreamParseTime(at); err != nil {
		return a, getstreamBad("time: not a time")
	}
	return a, getstreamAnswer{}
}

// getstreamText reads a field that must be a text; three of them must be there.
func getstreamText(fields map[string]json.RawMessage, name string) (string, getstreamAnswer) {
	raw, has := fields[name]
	if !has && slices.Contains([]string{"actor", "verb", "object"}, name) {
		return "", getstreamBad(name + " is required")
	}
	var text string
	if has && json.Unmarshal(raw, &text) != nil {
		return "", getstreamBad(name + " must be a text")
	}
	if name == "verb" && len(text) > 255 {
		return "", getstreamBad("verb is longer than 255")
	}
	return text, getstreamAnswer{}
}

func getstreamParseTime(text string) (time.Time, error) {
	for _, layout := range []string{getstreamTime, time.RFC3339Nano} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC().Truncate(time.Microsecond), nil
		}
	}
	return time.Time{}, fmt.Errorf("not a time: %q", text)
}

// wire is the activity as GetStream sends it: flat, with its server id.
func (a getstreamActivity) wire() map[string]any {
	out := map[string]any{}
	for name, value := range a.Fields {
		out[name] = value
	}
	out["id"], out["time"] = a.ID, a.Time.UTC().Format(getstreamTime)
	return out
}

// update replaces activities by (foreign id, time). One that does not exist is
// passed over: an update cannot stand in for a publish that was lost.
func (g *getstream) update(c getstreamCall) getstreamAnswer {
	var in struct {
		Activities []json.RawMessage `json:"activities"`
	}
	if json.Unmarshal(c.body, &in) != nil || len(in.Activities) == 0 || len(in.Activities) > 100 {
		return getstreamBad("activities: a list of 1 to 100")
	}
	for _, raw := range in.Activities {
		a, refusal := g.parseActivity(raw)
		if refusal.status != 0 {
			return refusal
		}
		if a.ForeignID == "" || a.Time.IsZero() {
			return getstreamBad("an update needs foreign_id and time")
		}
		g.replace(a)
	}
	return getstreamOK(http.StatusCreated, map[string]any{})
}

func (g *getstream) replace(a getstreamActivity) {
	g.mu.Lock()
	defer g.mu.Unlock()
	before, known := g.feeds.find(a.ForeignID, a.Time)
	if !known {
		return
	}
	a.ID, a.Feed, a.To = before.ID, before.Feed, before.To // targets cannot be changed this way
	g.change(getstreamChange{Do: "put", Activity: &a, VisibleAt: g.now()})
}

func (g *getstream) remove(c getstreamCall) getstreamAnswer {
	id := chi.URLParam(c.Request, "activity")
	g.mu.Lock()
	defer g.mu.Unlock()
	ids := []string{id}
	if c.URL.Query().Get("foreign_id") == "1" {
		ids = g.feeds.inFeed(c.feed, id)
	} else if g.feeds.activities[id].Feed != c.feed {
		ids = nil
	}
	if len(ids) == 0 {
		return getstreamRefuse(http.StatusNotFound, 16, "DoesNotExistException", "no such activity in this feed")
	}
	g.change(getstreamChange{Do: "remove", IDs: ids})
	return getstreamOK(http.StatusOK, map[string]any{"removed": id})
}

func (g *getstream) follow(c getstreamCall) getstreamAnswer {
	in := struct {
		Target string `json:"target"`
		Copy   *int   `json:"activity_copy_limit"`
	}{}
	if json.Unmarshal(c.body, &in) != nil {
		return getstreamBad("not a JSON object")
	}
	if refusal := g.checkFeed(in.Target); refusal.status != 0 {
		return refusal
	}
	limit := 100
	if in.Copy != nil {
		limit = *in.Copy
	}
	if limit < 0 || limit > 1000 || in.Target == c.feed || strings.HasPrefix(in.Target, "notification:") {
		return getstreamBad("copy limit 0 to 1000; another feed, and a flat one")
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.change(getstreamChange{Do: "follow", Follower: c.feed, Target: in.Target, Copy: limit, VisibleAt: g.now().Add(g.fanOut)})
	return getstreamOK(http.StatusCreated, map[string]any{})
}

func (g *getstream) unfollow(c getstreamCall) getstreamAnswer {
	target := chi.URLParam(c.Request, "target")
	if refusal := g.checkFeed(target); refusal.status != 0 {
		return refusal
	}
	keep := slices.Contains([]string{"1", "true"}, c.URL.Query().Get("keep_history"))
	g.mu.Lock()
	defer g.mu.Unlock()
	g.change(getstreamChange{Do: "unfollow", Follower: c.feed, Target: target, Keep: keep})
	return getstreamOK(http.StatusOK, map[string]any{})
}

// read lists a feed's page: flat, or for the notification group one group per
// activity, as our dashboard's format "{{ id }}" makes them.
func (g *getstream) read(c getstreamCall) getstreamAnswer {
	g.mu.Lock()
	found := g.feeds.read(c.feed, g.now())
	g.mu.Unlock()
	q := c.URL.Query()
	if below := q.Get("id_lt"); below != "" {
		i := slices.IndexFunc(found, func(a getstreamActivity) bool { return a.ID == below })
		found = found[i+1:]
	}
	if offset, err := strconv.Atoi(q.Get("offset")); err == nil && offset > 0 {
		found = found[min(offset, len(found)):]
	}
	limit, next := getstreamLimit(q), ""
	if len(found) > limit {
		found = found[:limit]
		slug, user, _ := strings.Cut(c.feed, ":")
		next = fmt.Sprintf("/api/v1.0/feed/%s/%s/?id_lt=%s&limit=%d", slug, user, found[limit-1].ID, limit)
	}
	isNotification := strings.HasPrefix(c.feed, "notification:")
	results := []any{}
	for _, a := range found {
		if isNotification {
			results = append(results, a.group())
		} else {
			results = append(results, a.wire())
		}
	}
	page := map[string]any{"results": results, "next": next}
	if isNotification {
		page["unseen"], page["unread"] = len(results), len(results)
	}
	return getstreamOK(http.StatusOK, page)
}

func (a getstreamActivity) group() map[string]any {
	at := a.Time.Format(getstreamTime)
	return map[string]any{
		"id": a.ID + ".group", "group": a.ID, "verb": a.Fields["verb"],
		"activity_count": 1, "actor_count": 1, "created_at": at, "updated_at": at,
		"is_seen": false, "is_read": false, "activities": []any{a.wire()},
	}
}

// find reads activities by parallel lists of foreign ids and times, or by ids.
func (g *getstream) find(c getstreamCall) getstreamAnswer {
	q := c.URL.Query()
	results := []any{}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, id := range strings.Split(q.Get("ids"), ",") {
		if a, known := g.feeds.activities[id]; known {
			results = append(results, a.wire())
		}
	}
	times := strings.Split(q.Get("timestamps"), ",")
	for i, foreignID := range strings.Split(q.Get("foreign_ids"), ",") {
		if i >= len(times) || foreignID == "" {
			break
		}
		at, err := getstreamParseTime(times[i])
		if err != nil {
			return getstreamBad("timestamps: not a time")
		}
		if a, known := g.feeds.find(foreignID, at); known {
			results = append(results, a.wire())
		}
	}
	return getstreamOK(http.StatusOK, map[string]any{"results": results, "next": ""})
}

func (g *getstream) following(c getstreamCall) getstreamAnswer {
	results := []any{}
	g.mu.Lock()
	defer g.mu.Unlock()
	filter := c.URL.Query().Get("filter")
	for target, follow := range g.feeds.follows[c.feed] {
		if filter == "" || slices.Contains(strings.Split(filter, ","), target) {
			results = append(results, getstreamFollowing(c.feed, target, follow))
		}
	}
	return getstreamOK(http.StatusOK, map[string]any{"results": results[:min(len(results), getstreamLimit(c.URL.Query()))]})
}

func (g *getstream) followers(c getstreamCall) getstreamAnswer {
	results := []any{}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, follower := range g.feeds.followers(c.feed) {
		results = append(results, getstreamFollowing(follower, c.feed, g.feeds.follows[follower][c.feed]))
	}
	return getstreamOK(http.StatusOK, map[string]any{"results": results[:min(len(results), getstreamLimit(c.URL.Query()))]})
}

func getstreamFollowing(follower, target string, f getstreamFollow) map[string]any {
	at := f.at.UTC().Format(getstreamTime)
	return map[string]any{"feed_id": follower, "target_id": target, "created_at": at, "updated_at": at}
}

// newID is a version 1 UUID: made of the time, as GetStream's are.
func (g *getstream) newID() string {
	const gregorian = 0x01b21dd213814000 // 100 ns from 1582-10-15 to 1970
	ticks := uint64(g.now().UnixNano()/100) + gregorian
	var id uuid.UUID
	_, _ = g.rand.Read(id[8:])
	binary.BigEndian.PutUint32(id[0:], uint32(ticks))
	binary.BigEndian.PutUint16(id[4:], uint16(ticks>>32))
	binary.BigEndian.PutUint16(id[6:], uint16(ticks>>48)&0x0fff|0x1000)
	id[8] = id[8]&0x3f | 0x80
	id[10] |= 1 // a made-up node, marked as such
	return id.String()
}
