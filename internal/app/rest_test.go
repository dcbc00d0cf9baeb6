package app

import "testing"

func TestMemoryIsGivenBackAtRestAndNotAtWork(t *testing.T) {
	t.Parallel()
	var allocated uint64
	given := 0
	r := &rest{allocated: func() uint64 { return allocated }, giveBack: func() { given++ }}
	for _, turn := range []struct {
		allocates uint64
		want      int
	}{{100 << 20, 0}, {restAllocates, 0}, {restAllocates - 1, 1}, {0, 2}, {500 << 20, 2}} {
		allocated += turn.allocates
		r.look(t.Context())
		if given != turn.want {
			t.Errorf("after %d bytes more memory was given back %d times, want %d", turn.allocates, given, turn.want)
		}
	}
	if was := allocatedBytes(); was == 0 || allocatedBytes() < was {
		t.Errorf("%d bytes were allocated since the beginning", was)
	}
}
