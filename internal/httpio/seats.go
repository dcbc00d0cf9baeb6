package httpio

import (
	"sync"
	"time"

	"github.com/alertsify/alertsify/internal/fault"
)

// Seats bounds how many streams are open on this instance: in all, for one user,
// for one address.
type Seats struct {
	total, perUser, perAddress int

	mu    sync.Mutex
	taken int
	users map[string]int
	addrs map[string]int
}

// NewSeats makes seats; the product's numbers are 5,000, 5 and 20.
func NewSeats(total, perUser, perAddress int) *Seats {
	return &Seats{
		total: total, perUser: perUser, perAddress: perAddress,
		users: map[string]int{}, addrs: map[string]int{},
	}
}

// Take gives a seat, to be left by calling leave once, or fault.RateLimited.
func (s *Seats) Take(user, address string) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken >= s.total || s.users[user] >= s.perUser || s.addrs[address] >= s.perAddress {
		return nil, fault.RateLimited(5 * time.Second)
	}
	s.taken++
	s.users[user]++
	s.addrs[address]++
	return sync.OnceFunc(func() { s.leave(user, address) }), nil
}

func (s *Seats) leave(user, address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken--
	release(s.users, user)
	release(s.addrs, address)
}

// release forgets keys that nobody holds, so that the map stays as small as the room.
func release(held map[string]int, key string) {
	held[key]--
	if held[key] <= 0 {
		delete(held, key)
	}
}
