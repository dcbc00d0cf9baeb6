package redis

import "time"

// Load is how much of the connections of this process is taken.
type Load struct {
	Taken, Open, Max int
	Waits            uint64        // how often somebody had to wait for one
	Waited           time.Duration // how long, in all
}

// Load says so.
func (c *Client) Load() Load {
	s := c.rdb.PoolStats()
	return Load{
		Taken: int(s.TotalConns) - int(s.IdleConns), Open: int(s.TotalConns), Max: c.rdb.Options().PoolSize,
		Waits: uint64(s.WaitCount), Waited: time.Duration(s.WaitDurationNs),
	}
}
