package simulation

import (
	"container/heap"
	"time"
)

// event is something that will happen at a time.
type event struct {
	at   time.Time
	turn int // of two at the same time, the one planned first
	name string
	do   func() error
}

// agenda is what will happen, soonest first.
type agenda struct {
	list  []event
	turns int
}

// Len, Less, Swap, Push and Pop are the heap's.
func (a *agenda) Len() int { return len(a.list) }

// Less orders by time, then by turn.
func (a *agenda) Less(i, j int) bool {
	if a.list[i].at.Equal(a.list[j].at) {
		return a.list[i].turn < a.list[j].turn
	}
	return a.list[i].at.Before(a.list[j].at)
}

// Swap exchanges two.
func (a *agenda) Swap(i, j int) { a.list[i], a.list[j] = a.list[j], a.list[i] }

// Push is for the heap.
func (a *agenda) Push(x any) { a.list = append(a.list, x.(event)) }

// Pop is for the heap.
func (a *agenda) Pop() any {
	last := a.list[len(a.list)-1]
	a.list = a.list[:len(a.list)-1]
	return last
}

func (a *agenda) plan(at time.Time, name string, do func() error) {
	a.turns++
	heap.Push(a, event{at: at, turn: a.turns, name: name, do: do})
}

// next takes the soonest event if it is due by a time.
func (a *agenda) next(by time.Time) (event, bool) {
	if len(a.list) == 0 || a.list[0].at.After(by) {
		return event{}, false
	}
	e, ok := heap.Pop(a).(event)
	return e, ok
}
