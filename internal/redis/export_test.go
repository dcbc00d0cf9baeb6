package redis

import "time"

// Patiently gives a busy machine the time that the product does not take for Redis: what it has not
// answered by then would count as away.
func (o Options) Patiently() Options {
	o.patience = 20 * time.Second
	return o
}

// Leave lets the client take Redis for away, for an hour or, by a time that is over, until it is
// asked next.
func (c *Client) Leave(during time.Duration) { c.restUntil.Store(c.now().Add(during).UnixNano()) }
