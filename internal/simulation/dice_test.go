package simulation

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
	"time"
)

// dice are a simulation's only source of chance.
type dice struct{ *rand.Rand }

func newDice(seed int64) dice { return dice{rand.New(rand.NewPCG(uint64(seed), 0x5eed))} }

// newRandom is where the program finds its random bytes.
func newRandom(seed int64) io.Reader {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], uint64(seed))
	return rand.NewChaCha8(key)
}

// permille is true in n of 1,000 cases.
func (d dice) permille(n int) bool { return d.IntN(1000) < n }

// between is a duration of at least the first and less than the second.
func (d dice) between(least, most time.Duration) time.Duration {
	return least + time.Duration(d.Int64N(int64(most-least)))
}

// pick is any of a list.
func pick[T any](d dice, list ...T) T { return list[d.IntN(len(list))] }

// chance is one way things may go, with its weight.
type chance[T any] struct {
	weight int
	what   T
}

// weigh draws one by its weight.
func weigh[T any](d dice, list []chance[T]) T {
	sum := 0
	for _, c := range list {
		sum += c.weight
	}
	n := d.IntN(sum)
	for _, c := range list {
		if n -= c.weight; n < 0 {
			return c.what
		}
	}
	panic("unreachable: the weights add up")
}
