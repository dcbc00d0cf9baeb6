// Package getstream mirrors activities and follows to GetStream Activity Feeds v2. It only writes; our own tables stay the truth.
package getstream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	stream "github.com/GetStream/stream-go2/v8"

	"github.com/alertsify/alertsify/internal/secret"
)

// DefaultBaseURL is GetStream itself. An address is always given to the module:
// without one it would obey the environment variable STREAM_URL at every call.
const DefaultBaseURL = "https://api.stream-io-api.com"

// Options configure a Client.
type Options struct {
	Key     string
	Secret  secret.Text
	BaseURL string       // default DefaultBaseURL
	HTTP    *http.Client // from httpio.NewEgress
	Now     func() time.Time
}

// Client writes to one GetStream app. Every error of its calls is an *Error.
type Client struct {
	stream *stream.Client
	now    func() time.Time
}

// New returns a client. It makes no call.
func New(o Options) (*Client, error) {
	if o.BaseURL == "" {
		o.BaseURL = DefaultBaseURL
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s, err := stream.New(o.Key, o.Secret.Reveal(),
		stream.WithAPIAddr(strings.TrimRight(o.BaseURL, "/")), // a trailing slash would double it
		stream.WithHTTPRequester(requester{o.HTTP}))
	if err != nil {
		return nil, fmt.Errorf("getstream: %w", err)
	}
	return &Client{stream: s, now: o.Now}, nil
}

// Publish adds an activity to its feed and its targets. Repeating it is
// harmless: Key and Time identify the activity.
func (c *Client) Publish(ctx context.Context, a Activity) error {
	return c.attempt(ctx, "publish "+a.Key, func(ctx context.Context) error {
		wire, err := a.wire()
		if err != nil {
			return err
		}
		feed, err := c.stream.FlatFeed(a.Feed.Group, a.Feed.ID)
		if err != nil {
			return invalid(err)
		}
		_, err = feed.AddActivity(ctx, wire)
		return err
	})
}

// Update replaces the activity of the same Key and Time, wherever it was copied
// to. It does nothing good before Publish has succeeded: after a lost answer
// publish again first.
func (c *Client) Update(ctx context.Context, a Activity) error {
	return c.attempt(ctx, "update "+a.Key, func(ctx context.Context) error {
		wire, err := a.wire()
		if err != nil {
			return err
		}
		_, err = c.stream.UpdateActivities(ctx, wire)
		return err
	})
}

// Remove takes an activity out of its feed and of everything it was copied to.
// Removing what is not there succeeds.
func (c *Client) Remove(ctx context.Context, feed FeedRef, key string) error {
	err := c.attempt(ctx, "remove "+key, func(ctx context.Context) error {
		// The module puts the key into the path as it is, so its characters matter.
		if err := errors.Join(checkKey(key), feed.check()); err != nil {
			return invalid(err)
		}
		f, err := c.stream.FlatFeed(feed.Group, feed.ID)
		if err != nil {
			return invalid(err)
		}
		_, err = f.RemoveActivityByForeignID(ctx, key)
		return err
	})
	return unlessNotFound(err)
}

// Follow lets a follower's timeline copy what a leader's trade feed gets, and
// brings over the newest backfill activities (0 to 1000). Repeating is harmless.
func (c *Client) Follow(ctx context.Context, follower, leader string, backfill int) error {
	return c.attempt(ctx, "follow", func(ctx context.Context) error {
		timeline, trade, err := c.pair(follower, leader)
		if err != nil {
			return invalid(err)
		}
		limit := stream.WithFollowFeedActivityCopyLimit(min(max(backfill, 0), backfillMax))
		_, err = timeline.Follow(ctx, trade, limit)
		return err
	})
}

// Unfollow ends it. Unless the history is kept, the leader's activities leave
// the follower's timeline. Unfollowing what is not followed succeeds.
func (c *Client) Unfollow(ctx context.Context, follower, leader string, keepHistory bool) error {
	err := c.attempt(ctx, "unfollow", func(ctx context.Context) error {
		timeline, trade, err := c.pair(follower, leader)
		if err != nil {
			return invalid(err)
		}
		_, err = timeline.Unfollow(ctx, trade, stream.WithUnfollowKeepHistory(keepHistory))
		return err
	})
	return unlessNotFound(err)
}

func (c *Client) pair(follower, leader string) (timeline, trade *stream.FlatFeed, err error) {
	if follower == leader {
		return nil, nil, errors.New("nobody can follow themselves")
	}
	timeline, err1 := c.stream.FlatFeed(GroupTimeline, follower)
	trade, err2 := c.stream.FlatFeed(GroupTrade, leader)
	return timeline, trade, errors.Join(err1, err2)
}

// Check reads one activity of each group, the only reading we do: groups are
// made by hand in GetStream's dashboard, and a missing one refuses every write.
// The error joins one *Error per group that cannot be used.
func (c *Client) Check(ctx context.Context) error {
	var errs []error
	for _, group := range Groups() {
		errs = append(errs, c.attempt(ctx, "check feed group "+group, func(ctx context.Context) error {
			return c.readOne(ctx, group)
		}))
	}
	return errors.Join(errs...)
}

func (c *Client) readOne(ctx context.Context, group string) error {
	limit := stream.WithActivitiesLimit(1)
	if group == GroupNotification {
		feed, err := c.stream.NotificationFeed(group, checkFeedID)
		if err != nil {
			return invalid(err)
		}
		_, err = feed.GetActivities(ctx, limit)
		return err
	}
	feed, err := c.stream.FlatFeed(group, checkFeedID)
	if err != nil {
		return invalid(err)
	}
	_, err = feed.GetActivities(ctx, limit)
	return err
}

const (
	backfillMax = 1000           // what GetStream allows to copy at a follow
	checkFeedID = "health-check" // a feed nobody writes to
)
