package delivery

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/alertsify/alertsify/internal/trace"
)

// How many requests of a channel are in flight at once, in each process, and how
// many of them to one destination. A browser or a Discord webhook takes one; the
// feed is one destination for everybody.
const (
	discordWorkers = 32 // a lost answer holds one for ten seconds
	pushWorkers    = 32
	feedWorkers    = 8
	feedEach       = 4
	emailWorkers   = 4 // Resend takes a few requests a second
	// Telegram takes 25 a second, and answers within a fraction of one.
	telegramWorkers = 16
	hookWorkers     = 32
)

// counter is where one channel's messages are handed out.
type counter struct {
	name    string
	channel Channel
	limit   Limit // of new messages to one destination
	workers int
	each    int // in flight to one destination
	bell    chan struct{}
	after   uuid.UUID    // the destination at which the last look ended
	paused  atomic.Int64 // until then, in Unix nanoseconds, nothing of this channel is sent
}

func newCounter(name string, channel Channel, limit Limit, workers, each int) *counter {
	return &counter{name: name, channel: channel, limit: limit, workers: workers, each: each, bell: make(chan struct{}, 1)}
}

// ring says that there may be work. It never waits.
func (c *counter) ring() {
	select {
	case c.bell <- struct{}{}:
	default:
	}
}

func (p *Post) ringAll() {
	for _, c := range p.counters {
		c.ring()
	}
}

// Run brings messages until ctx ends, then waits for the requests in flight and
// for their outcomes to be written down. It returns nil.
func (p *Post) Run(ctx context.Context) error {
	if err := p.sweep(ctx); err != nil && ctx.Err() == nil {
		p.log.ErrorContext(ctx, "sweep deliveries", "err", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, c := range p.counters {
		g.Go(func() error { p.serve(ctx, c); return nil })
	}
	g.Go(func() error { p.keepSweeping(ctx); return nil })
	g.Go(func() error { p.db.Listen(ctx, bell, p.ringAll); return nil })
	if p.email != nil {
		g.Go(func() error { p.keepMailboxes(ctx); return nil })
	}
	return g.Wait()
}

// serve hands a channel's messages to its workers.
func (p *Post) serve(ctx context.Context, c *counter) {
	workers := make(chan struct{}, c.workers)
	var inFlight errgroup.Group
	defer func() { _ = inFlight.Wait() }()
	for {
		free, ok := takeFree(ctx, workers)
		if !ok {
			return
		}
		// Stopping must not cut off a claim whose commit is on its way: nobody would
		// know of it, and the message would count as lost in a crash.
		found, err := p.look(context.WithoutCancel(ctx), c, free)
		for range free - len(found.parcels) {
			<-workers
		}
		for _, parcel := range found.parcels {
			inFlight.Go(func() error {
				defer func() { <-workers; c.ring() }()
				// What is in flight is finished: stopping in the middle would make it unknown.
				p.work(context.WithoutCancel(ctx), c, parcel)
				return nil
			})
		}
		if err != nil && ctx.Err() == nil {
			p.log.ErrorContext(ctx, "look for deliveries", "channel", c.name, "err", err)
		}
		if err != nil || len(found.parcels) == 0 && !found.more {
			p.rest(ctx, c)
		}
	}
}

// takeFree waits for one worker and takes all others that are free.
func takeFree(ctx context.Context, workers chan struct{}) (n int, ok bool) {
	if ctx.Err() != nil {
		return 0, false
	}
	select {
	case <-ctx.Done():
		return 0, false
	case workers <- struct{}{}:
	}
	for n = 1; ; n++ {
		select {
		case workers <- struct{}{}:
		default:
			return n, true
		}
	}
}

func (p *Post) look(ctx context.Context, c *counter, free int) (look, error) {
	if p.now().UnixNano() < c.paused.Load() {
		return look{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, claimTimeout)
	defer cancel()
	return p.claim(ctx, c, free)
}

// rest waits for the bell, for the next message that becomes due, or for the
// poll that makes a lost bell harmless.
func (p *Post) rest(ctx context.Context, c *counter) {
	timer := time.NewTimer(p.untilDue(ctx, c))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-c.bell:
	case <-timer.C:
	}
}

func (p *Post) untilDue(ctx context.Context, c *counter) time.Duration {
	var due *time.Time
	err := p.db.Pool().QueryRow(ctx, `
		select min(not_before) from deliveries where state = 'pending' and channel = $1 and not_before > $2`,
		c.name, p.now()).Scan(&due)
	if err != nil || due == nil {
		return p.poll
	}
	return min(p.poll, max(due.Sub(p.now()), time.Millisecond))
}

// work sends one message and writes down what came of it.
func (p *Post) work(ctx context.Context, c *counter, all parcel) {
	began := p.now()
	ctx, span := p.db.ResumeTrace(ctx, "deliver "+c.name, trace.Producer, all.alerts()...)
	defer func() { span.End(nil) }()
	l := p.prepare(ctx, all)
	for _, s := range l.refused {
		p.finish(ctx, c, s)
	}
	if len(l.parcel) == 0 {
		return
	}
	s := sent{parcel: l.parcel, message: l.message, said: l.said, result: l.result}
	if s.result.Outcome == "" {
		s.result = p.send(ctx, c, s.message, all[0].Deadline)
	}
	s.took = p.now().Sub(began)
	span.Note(trace.Word("outcome", s.result.word()), trace.Number("in_message", len(l.parcel)))
	if s.result.Everyone {
		c.paused.Store(p.now().Add(s.result.After).UnixNano())
	}
	p.crash("C12")
	p.finish(ctx, c, s)
}

// finish writes down what came of an attempt and says so.
func (p *Post) finish(ctx context.Context, c *counter, s sent) {
	err := p.settle(ctx, s)
	if p.observe != nil {
		p.observe(c.name, s.result.word(), s.took)
	}
	p.observeHops(c.name, s)
	p.record(ctx, c, s, err)
}

// send makes the attempt, unless the other side is known to be down or the claim
// is about to run out.
func (p *Post) send(ctx context.Context, c *counter, m Message, deadline time.Time) Result {
	name := c.name
	if m.Destination.Settings.Host != "" {
		name += " " + m.Destination.Settings.Host
	}
	if wait, ok := p.breaker.Allow(name); !ok {
		return Result{Outcome: Retry, After: min(wait, restingWait), Limited: true, Detail: name + " is resting after many failures"}
	}
	if p.now().Add(sendTimeout).After(deadline) {
		return Result{Outcome: Retry, Limited: true, After: time.Second, Detail: "too late for this claim"}
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	r := c.channel.Send(ctx, m)
	switch {
	case r.Outcome == Misconfigured && r.Everyone:
		p.breaker.Trip(name, p.now().Add(max(oursWait, r.After)))
	case r.Outcome == Unknown, r.Outcome == Retry && !r.Limited:
		p.breaker.Failure(name)
	default:
		p.breaker.Success(name)
	}
	return r
}

// record is the one line of the log about an attempt.
func (p *Post) record(ctx context.Context, c *counter, s sent, err error) {
	args := []any{
		"delivery", s.parcel[0].ID, "in_message", len(s.parcel), "channel", c.name, "op", s.parcel[0].Op,
		"destination", s.parcel[0].DestinationID, "claim", s.parcel[0].Claims, "outcome", s.result.word(),
		"detail", s.result.Detail, "took", s.took,
	}
	switch {
	case err != nil:
		p.log.ErrorContext(ctx, "delivery not settled", append(args, "err", err)...)
	case s.result.Outcome == Rejected, s.result.Outcome == Misconfigured && s.result.Everyone:
		p.log.ErrorContext(ctx, "delivery", args...) // our words or our keys are wrong
	default:
		p.log.InfoContext(ctx, "delivery", args...)
	}
}

func (p *Post) keepSweeping(ctx context.Context) {
	ticker := time.NewTicker(p.poll)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := p.sweep(ctx); err != nil && ctx.Err() == nil {
			p.log.ErrorContext(ctx, "sweep deliveries", "err", err)
		}
	}
}
