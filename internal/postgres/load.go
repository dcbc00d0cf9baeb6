package postgres

import (
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// PoolLoad is how much of a pool of connections is taken.
type PoolLoad struct {
	Name        string        // requests, members, jobs
	Taken, Open int           // connections in use, and all there are
	Max         int           // as many as there may be
	Waited      time.Duration // for a connection, by all who ever took one
	Waits       int64         // how many of those had to wait, for a free one or for a new one
}

// Load says how much of each pool of this process is taken.
func (db *DB) Load() []PoolLoad {
	list := []PoolLoad{poolLoad("requests", db.pool)}
	if db.members != db.pool {
		list = append(list, poolLoad("members", db.members))
	}
	if db.queue != nil {
		list = append(list, poolLoad("jobs", db.queue))
	}
	return list
}

func poolLoad(name string, pool *pgxpool.Pool) PoolLoad {
	s := pool.Stat()
	return PoolLoad{
		Name: name, Taken: int(s.AcquiredConns()), Open: int(s.TotalConns()), Max: int(s.MaxConns()),
		Waited: s.EmptyAcquireWaitTime(), Waits: s.EmptyAcquireCount(),
	}
}
