package market

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	quoteAge  = time.Second            // how long a read quote answers others
	renewAge  = 700 * time.Millisecond // from when on who asks has it read again, without waiting for that
	batchWait = 10 * time.Millisecond  // how long one read waits for company while another is under way
	loadTime  = 8 * time.Second
	keptMax   = 20_000 // quotes; beyond it old ones are dropped
)

// board keeps the latest quotes of this process and reads missing ones together:
// many people watching many contracts become one call in flight, not one each. Who
// is alone waits for nobody, and what is asked for all the time is read before it
// grows too old, so that nobody waits for it at all. It is not in Redis, because at
// this age a trip there costs as much as it saves.
type board struct {
	load  func(ctx context.Context, symbols []string) (map[string]Quote, error)
	work  *sync.WaitGroup
	now   func() time.Time
	wait  time.Duration
	renew time.Duration

	mu    sync.Mutex
	kept  map[string]keptQuote
	asked map[string]*batch // the read that each contract is part of
	next  *batch            // collecting, not sent yet
	reads int               // under way
}

type keptQuote struct {
	quote  Quote
	quoted bool // false: known to have none
	readAt time.Time
}

// batch is one read for several askers.
type batch struct {
	symbols []string
	began   time.Time
	due     chan struct{} // closed when nothing is under way any more
	done    chan struct{}
	err     error // read after done
}

func newBoard(load func(ctx context.Context, symbols []string) (map[string]Quote, error), work *sync.WaitGroup, o Options) *board {
	b := &board{
		load: load, work: work, now: o.Now, wait: batchWait, renew: renewAge,
		kept: map[string]keptQuote{}, asked: map[string]*batch{},
	}
	if o.Now == nil {
		b.now = time.Now
	}
	if o.Hurry {
		b.wait, b.renew = 0, quoteAge
	}
	return b
}

func (b *board) quotes(ctx context.Context, symbols []string) (map[string]Quote, error) {
	for _, read := range b.join(symbols) {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-read.done:
		}
		if read.err != nil {
			return nil, read.err
		}
	}
	found := make(map[string]Quote, len(symbols))
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, symbol := range symbols {
		if k := b.kept[symbol]; k.quoted {
			found[symbol] = k.quote
		}
	}
	return found, nil
}

// join has read what is missing or grows old, and gives the reads that what is
// missing is part of.
func (b *board) join(symbols []string) (missing []*batch) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now() // how long ago we read is real time, whatever the market's clock says
	before := b.next
	for _, symbol := range symbols {
		age := now.Sub(b.kept[symbol].readAt)
		if age < b.renew {
			continue
		}
		read := b.ask(symbol, now)
		if age >= quoteAge && !slices.Contains(missing, read) {
			missing = append(missing, read)
		}
	}
	if b.next != before {
		b.start(b.next)
	}
	return missing
}

// ask gives the read that a contract is part of. One that has been under way for
// long may hang, and is not waited for by those who come now.
func (b *board) ask(symbol string, now time.Time) *batch {
	if read := b.asked[symbol]; read != nil && now.Sub(read.began) < quoteAge {
		return read
	}
	if b.next == nil {
		b.next = &batch{began: now, due: make(chan struct{}), done: make(chan struct{})}
	}
	b.next.symbols = append(b.next.symbols, symbol)
	b.asked[symbol] = b.next
	return b.next
}

// start sends a read at once when no other is under way; else it waits a moment
// for company, or until the other has ended.
func (b *board) start(own *batch) {
	if b.reads == 0 || b.wait == 0 {
		b.next = nil
		b.reads++
		b.work.Go(func() { b.run(own) })
		return
	}
	b.work.Go(func() {
		select {
		case <-own.due:
		case <-time.After(b.wait):
		}
		b.mu.Lock()
		b.next = nil
		b.reads++
		b.mu.Unlock()
		b.run(own)
	})
}

// run reads for all. It does not end with the request that began it, because
// others wait for the same.
func (b *board) run(own *batch) {
	ctx, cancel := context.WithTimeout(context.Background(), loadTime)
	defer cancel()
	loaded, err := b.load(ctx, own.symbols)
	own.err = err
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		b.keep(own.symbols, loaded)
	}
	for _, symbol := range own.symbols {
		if b.asked[symbol] == own {
			delete(b.asked, symbol)
		}
	}
	close(own.done)
	b.reads--
	if b.reads == 0 && b.next != nil {
		close(b.next.due) // once: nothing else starts while it is next
	}
}

func (b *board) keep(symbols []string, loaded map[string]Quote) {
	now := b.now()
	if len(b.kept) > keptMax {
		clear(b.kept)
	}
	for _, symbol := range symbols {
		q, quoted := loaded[symbol]
		b.kept[symbol] = keptQuote{quote: q, quoted: quoted, readAt: now}
	}
}
