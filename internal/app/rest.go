package app

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	restEvery = 30 * time.Second
	// restAllocates is what the loops allocate in that time when nobody asks for anything,
	// and some more; an order or a page a second is beyond it.
	restAllocates = 16 << 20 // bytes
)

// rest gives memory back to the system while there is nothing to do. The heap may grow to
// several times what lives (main.go's heapGrowth), which serves when orders come in and only takes room
// when none do.
type rest struct {
	allocated func() uint64 // bytes since the process began
	giveBack  func()
	last      uint64
}

func newRest() *rest {
	return &rest{allocated: allocatedBytes, giveBack: func() {
		debug.FreeOSMemory()
		letGoOfProgram()
	}}
}

// look is called at every turn of the clock; the first one only sees where that begins. A
// collection of what lives at rest takes some
// milliseconds of one processor.
func (r *rest) look(context.Context) {
	now := r.allocated()
	if r.last > 0 && now-r.last < restAllocates {
		r.giveBack()
	}
	r.last = now
}

func allocatedBytes() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
