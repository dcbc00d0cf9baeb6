package postgres

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// ringTimeout bounds one round of bells; one that is lost costs its listeners a poll.
	ringTimeout = 2 * time.Second

	// ringPause is from one round of bells to the next. Each round wakes every session
	// that listens to anything in the database, so those of a busy moment come together.
	ringPause = 20 * time.Millisecond
)

// Ring wakes who listens on the channel once the transaction that ctx came with has
// committed, and never if it does not. It rings from outside: NOTIFY within a
// transaction takes one lock for the whole database from before the commit until that
// is on disk, so every commit that notifies would wait for the one before it. Like
// any notification the bell can get lost, here also with the process.
// In a transaction that this package did not begin it is a plain NOTIFY.
func Ring(ctx context.Context, tx pgx.Tx, channel string) error {
	if rungBy(ctx, channel) {
		return nil
	}
	if _, err := tx.Exec(ctx, notify, []string{channel}); err != nil {
		return fmt.Errorf("ring %s: %w", channel, err)
	}
	return nil
}

// QueueRing is Ring for a transaction whose statements go out as a batch.
func QueueRing(ctx context.Context, b *pgx.Batch, channel string) {
	if !rungBy(ctx, channel) {
		b.Queue(notify, []string{channel})
	}
}

const notify = `select pg_notify(channel, '') from unnest($1::text[]) channel`

type ringsKey struct{}

// bell is one notification; those of the queue have its payload, and a channel of its schema.
type bell struct {
	channel, payload string
	queue            bool
}

// rings are the bells to ring after a transaction. It belongs to the goroutine that
// runs the transaction.
type rings struct{ bells []bell }

func (r *rings) add(b bell) {
	if !slices.Contains(r.bells, b) {
		r.bells = append(r.bells, b)
	}
}

func rungBy(ctx context.Context, channel string) bool {
	r, ok := ctx.Value(ringsKey{}).(*rings)
	if ok {
		r.add(bell{channel: channel})
	}
	return ok
}

// Ring wakes who listens on the channels, soon. It does not wait.
func (db *DB) Ring(channels ...string) {
	list := make([]bell, 0, len(channels))
	for _, c := range channels {
		list = append(list, bell{channel: c})
	}
	db.bells.ring(db, list)
}

// bells are rung one round after the other, over one connection of their own outside the
// pool: what comes during a round is in the next, and no work waits for a connection
// that is ringing.
type bells struct {
	conn *pgx.Conn // the round's that is on; nil before the first and after a failure

	mu      sync.Mutex
	due     []bell
	ringing bool // a round is on, or the pause after it
	closed  bool
	rounds  sync.WaitGroup
}

func (s *bells) ring(db *DB, list []bell) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(list) == 0 || s.closed {
		return
	}
	for _, b := range list {
		if !slices.Contains(s.due, b) {
			s.due = append(s.due, b)
		}
	}
	if !s.ringing {
		s.ringing = true
		s.rounds.Go(func() { s.ringDue(db) })
	}
}

func (s *bells) ringDue(db *DB) {
	for {
		s.mu.Lock()
		due := s.due
		s.due = nil
		s.ringing = len(due) > 0
		s.mu.Unlock()
		if len(due) == 0 {
			return
		}
		err := s.notify(db, due)
		if err != nil { // a connection that ended while nothing rang
			s.hangUp()
			err = s.notify(db, due)
		}
		if err != nil {
			db.log.Debug("bells not rung; who listens looks by itself", "bells", len(due), "err", Translate(err))
			s.hangUp()
		}
		<-time.After(ringPause)
	}
}

// close waits for the round that is on.
func (s *bells) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.rounds.Wait()
	s.hangUp()
}

func (s *bells) hangUp() {
	if s.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.conn.Close(ctx)
	s.conn = nil
}

// notify is one message and waits for no disk: nothing is kept that could be lost.
func (s *bells) notify(db *DB, list []bell) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), ringTimeout)
	defer cancel()
	if s.conn == nil {
		if s.conn, err = pgx.ConnectConfig(ctx, db.direct.Copy().ConnConfig); err != nil {
			return fmt.Errorf("connect: %w", err)
		}
	}
	channels, payloads, queues := make([]string, len(list)), make([]string, len(list)), make([]bool, len(list))
	for i, b := range list {
		channels[i], payloads[i], queues[i] = b.channel, b.payload, b.queue
	}
	b := &pgx.Batch{}
	b.Queue("begin")
	b.Queue("set local synchronous_commit = off")
	b.Queue(`
		select pg_notify(case when queue then current_schema() || '.' else '' end || channel, payload)
		from unnest($1::text[], $2::text[], $3::bool[]) as bells (channel, payload, queue)`, channels, payloads, queues)
	b.Queue("commit")
	return s.conn.SendBatch(ctx, b).Close()
}
