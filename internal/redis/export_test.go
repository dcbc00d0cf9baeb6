package redis

import "time"

// Leave lets the client take Redis for away, for an hour or, by a time that is over, until it is
// asked next.
func (c *Client) Leave(during time.Duration) { c.restUntil.Store(c.now().Add(during).UnixNano()) }
