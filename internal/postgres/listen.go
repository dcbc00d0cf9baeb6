package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Listen calls heard for every NOTIFY on the channel until ctx ends, over one
// connection of its own outside the pool. It reconnects by itself. Notifications
// get lost with a connection, so heard is also called after each connect, and
// callers look by themselves from time to time. heard is called from one goroutine
// and must not wait.
func (db *DB) Listen(ctx context.Context, channel string, heard func()) {
	for ctx.Err() == nil {
		err := db.listenOnce(ctx, channel, heard)
		if err != nil && ctx.Err() == nil && !IsReadOnly(err) { // a standby has no bells; who listens looks by itself
			db.log.WarnContext(ctx, "listening to the database ended; trying again", "channel", channel, "err", Translate(err))
		}
		_ = pauseFor(ctx, time.Second+rand.N(time.Second)) // an ended ctx ends the loop
	}
}

func (db *DB) listenOnce(ctx context.Context, channel string, heard func()) error {
	conn, err := pgx.ConnectConfig(ctx, db.direct.Copy().ConnConfig)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	}()
	if _, err := conn.Exec(ctx, "listen "+pgx.Identifier{channel}.Sanitize()); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	heard()
	for {
		err := waitOne(ctx, conn)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			heard()
		case !pgconn.Timeout(err):
			return err
		}
		if err != nil { // a minute of silence may be a dead connection
			if err := conn.Ping(ctx); err != nil {
				return err
			}
		}
	}
}

func waitOne(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	_, err := conn.WaitForNotification(ctx)
	return err
}
