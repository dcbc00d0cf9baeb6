package delivery

import (
	"context"
)

// Drain sends everything that is due now, one message after the other, so that
// tests see what one look does without waiting for it.
func (p *Post) Drain(ctx context.Context) error {
	if err := p.sweep(ctx); err != nil {
		return err
	}
	for _, c := range p.counters {
		for {
			found, err := p.look(ctx, c, c.workers)
			if err != nil {
				return err
			}
			for _, parcel := range found.parcels {
				p.work(ctx, c, parcel)
			}
			if len(found.parcels) == 0 && !found.more {
				break
			}
		}
	}
	return nil
}

// ClaimOnly claims everything that is due and sends nothing: a process that dies
// right after its claim. It says how many messages those are.
func (p *Post) ClaimOnly(ctx context.Context) (int, error) {
	n := 0
	for _, c := range p.counters {
		found, err := p.look(ctx, c, c.workers)
		if err != nil {
			return n, err
		}
		n += len(found.parcels)
	}
	return n, nil
}

// SendWithoutMark claims everything that is due and sends it, but dies before it
// writes down what came of it (C12).
func (p *Post) SendWithoutMark(ctx context.Context) (int, error) {
	n := 0
	for _, c := range p.counters {
		found, err := p.look(ctx, c, c.workers)
		if err != nil {
			return n, err
		}
		for _, parcel := range found.parcels {
			if l := p.prepare(ctx, parcel); l.result.Outcome == "" {
				p.send(ctx, c, l.message, parcel[0].Deadline)
				n++
			}
		}
	}
	return n, nil
}

// SendLate claims everything that is due and sends it; something happens before it is
// written down what came of it.
func (p *Post) SendLate(ctx context.Context, meanwhile func()) error {
	var late []func()
	for _, c := range p.counters {
		found, err := p.look(ctx, c, c.workers)
		if err != nil {
			return err
		}
		for _, parcel := range found.parcels {
			l := p.prepare(ctx, parcel)
			s := sent{parcel: l.parcel, message: l.message, said: l.said, result: p.send(ctx, c, l.message, parcel[0].Deadline)}
			late = append(late, func() { p.finish(ctx, c, s) })
		}
	}
	meanwhile()
	for _, write := range late {
		write()
	}
	return nil
}

// ClaimFor is how long a claim holds.
const ClaimFor = claimFor

// Step sends at most one message to each destination, as one look does.
func (p *Post) Step(ctx context.Context) error {
	for _, c := range p.counters {
		found, err := p.look(ctx, c, c.workers)
		if err != nil {
			return err
		}
		for _, parcel := range found.parcels {
			p.work(ctx, c, parcel)
		}
	}
	return nil
}

// Sweep is what Run does every second.
func (p *Post) Sweep(ctx context.Context) error { return p.sweep(ctx) }

// ReadersReasons are why a message ended that its reader did not want just then.
func ReadersReasons() []string {
	return []string{reasonOff, reasonUnwanted, reasonDecided, reasonMuted, reasonMutedDay, reasonQuiet, reasonTooLate, reasonOvertaken}
}
