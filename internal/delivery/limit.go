package delivery

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Limit is how many new messages a destination gets in a while. What waits beyond it
// shares messages; nothing is dropped. Later words of a message are no new message.
type Limit struct {
	Messages int           // 0: no limit
	Per      time.Duration // in any time so long
	Together int           // how many deliveries one message takes
}

// DefaultLimits are the product's.
func DefaultLimits() map[string]Limit {
	return map[string]Limit{
		ChannelDiscord: {Messages: 5, Per: time.Minute, Together: 10},
		ChannelPush:    {Messages: 10, Per: time.Minute, Together: 50},
		ChannelEmail:   {Messages: 5, Per: time.Hour, Together: 20},
		// Telegram's own, about one a second to a chat: what comes at once shares a message.
		ChannelTelegram: {Messages: 1, Per: time.Second, Together: 10},
	}
}

// headsMost bounds how many waiting lanes one look considers for shared messages.
const headsMost = 64

// room is a destination that is locked, and when its latest messages left.
type room struct {
	ID    uuid.UUID
	Sends []time.Time
}

func idsOf(rooms []room) []uuid.UUID {
	ids := make([]uuid.UUID, len(rooms))
	for i, r := range rooms {
		ids[i] = r.ID
	}
	return ids
}

// left is how many new messages it may still get.
func (r room) left(l Limit, now time.Time) int {
	if l.Messages == 0 {
		return math.MaxInt
	}
	left := l.Messages
	for _, at := range r.Sends {
		if at.After(now.Add(-l.Per)) {
			left--
		}
	}
	return max(0, left)
}

// foresight is how many waiting lanes must be known to share what is left well.
func (l Limit) foresight(left, each int) int {
	if left >= headsMost || left == 0 {
		return each
	}
	return min(left*l.Together, headsMost)
}

// head is the lowest unfinished delivery of its lane.
type head struct {
	ID       uuid.UUID
	Op       Op
	Together int // how many may share its message
}

// share puts heads of one destination, oldest first, into at most so many messages. Each
// has its own while what is left of the limit is enough for all; else they are spread
// over what is left, so that the first of a crowd do not use it up and let the others
// wait for the next minute. What changes a message is always alone.
func (l Limit) share(heads []head, left, each int) (messages [][]uuid.UUID) {
	size := 1
	if news := countNews(heads); news > left && left > 0 {
		size = min(l.Together, (news+left-1)/left)
	}
	for len(heads) > 0 && len(messages) < each {
		var m []uuid.UUID
		m, heads = fill(heads, size)
		messages = append(messages, m)
	}
	return messages
}

func countNews(heads []head) (n int) {
	for _, h := range heads {
		if h.Op == Create {
			n++
		}
	}
	return n
}

// fill begins a message with the first head and adds others that may come along.
func fill(heads []head, size int) (message []uuid.UUID, rest []head) {
	first := heads[0]
	message = []uuid.UUID{first.ID}
	size = min(size, first.Together)
	for _, h := range heads[1:] {
		joins := first.Op == Create && h.Op == Create && len(message) < min(size, h.Together)
		if !joins {
			rest = append(rest, h)
			continue
		}
		message = append(message, h.ID)
		size = min(size, h.Together)
	}
	return message, rest
}

// countSends notes that a new message leaves for these destinations, which are locked:
// with the claim, so that a process that dies after it has counted it.
func countSends(ctx context.Context, tx pgx.Tx, l Limit, parcels []parcel, now time.Time) error {
	var ids []uuid.UUID
	for _, p := range parcels {
		if p[0].Op == Create {
			ids = append(ids, p[0].DestinationID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `
		update destinations t
		set recent_sends = array(select s from unnest(t.recent_sends) s where s > $2 order by s) || $3::timestamptz
		where t.id = any($1)`, ids, now.Add(-l.Per), now)
	if err != nil {
		return fmt.Errorf("count messages: %w", err)
	}
	return nil
}
