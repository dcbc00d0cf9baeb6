package sandbox

import (
	"math/rand"
	"sync"

	"github.com/google/uuid"
)

// dice is the seeded source of ids and chances, safe for several goroutines.
type dice struct {
	mu   sync.Mutex
	rand *rand.Rand
}

func newDice(seed int64) *dice { return &dice{rand: rand.New(rand.NewSource(seed))} }

// Intn returns a number in [0,n).
func (d *dice) Intn(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rand.Intn(n)
}

// Float64 returns a number in [0,1).
func (d *dice) Float64() float64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rand.Float64()
}

// NormFloat64 returns a standard normal number.
func (d *dice) NormFloat64() float64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rand.NormFloat64()
}

// Read fills p; it never fails. Not for secrets that must be unguessable.
func (d *dice) Read(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rand.Read(p)
}

// UUID returns a random (version 4) id in its 36-character form.
func (d *dice) UUID() string {
	var raw [16]byte
	_, _ = d.Read(raw[:])
	raw[6] = raw[6]&0x0f | 0x40
	raw[8] = raw[8]&0x3f | 0x80
	return uuid.UUID(raw).String()
}

// reseed starts another sequence: a restarted sandbox must not give out the ids
// of its first run again.
func (d *dice) reseed(seed int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rand = rand.New(rand.NewSource(seed))
}
