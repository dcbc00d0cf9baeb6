package market

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	alpacastream "github.com/alpacahq/alpaca-trade-api-go/v3/marketdata/stream"
)

// subscribeAtOnce keeps one request under the 16 KiB that Alpaca reads.
const subscribeAtOnce = 200

var errCut = errors.New("the connection was lost")

// keepUpstream holds a connection while anything is followed, until the stream is
// closed. What fails is tried again after a pause that doubles; meanwhile the
// quotes are read in batches.
func (s *stream) keepUpstream() {
	pause := time.Duration(0)
	for s.awaitWork() {
		began := time.Now()
		err := s.carry()
		s.putDown()
		if err == nil || s.ctx.Err() != nil {
			continue
		}
		if time.Since(began) >= s.pace.steady {
			pause = 0
		}
		pause = s.longer(pause)
		if hopeless(err) {
			pause = s.pace.most
		}
		s.log.WarnContext(s.ctx, "quotes do not stream; they are read instead", "again_in", pause, "err", err)
		s.rest(pause)
	}
}

// awaitWork waits until something is followed; false when the stream is closed.
func (s *stream) awaitWork() bool {
	for s.ctx.Err() == nil {
		if s.size() > 0 {
			return true
		}
		select {
		case <-s.ctx.Done():
		case <-s.moved:
		}
	}
	return false
}

func (s *stream) size() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.lines)
}

// rest waits, up to a quarter less, so that many processes do not come back at once.
func (s *stream) rest(pause time.Duration) {
	timer := time.NewTimer(pause - rand.N(pause/4+1))
	defer timer.Stop()
	select {
	case <-s.ctx.Done():
	case <-timer.C:
	}
}

// hopeless reports whether trying again soon cannot help: a key that is refused
// stays refused.
func hopeless(err error) bool {
	return errors.Is(err, alpacastream.ErrInvalidCredentials) || errors.Is(err, alpacastream.ErrInsufficientSubscription) ||
		errors.Is(err, alpacastream.ErrInsufficientScope)
}

// carry connects once and subscribes to what is followed, until the connection is
// lost or nobody follows anything any more, which is no error.
func (s *stream) carry() error {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	up := s.alpaca.openStream(s.hearQuote, s.hearTrade, cancel, s.log)
	if err := up.Connect(ctx); err != nil {
		return err
	}
	defer func() {
		cancel()
		for range up.Terminated() { // it closes the channel when it has ended
			continue
		}
	}()
	carried := map[string]bool{}
	for s.size() > 0 {
		if err := s.adjust(up, carried); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return errCut
		case <-s.moved:
		}
	}
	return nil
}

// adjust brings the connection's subscriptions in line with what is followed.
func (s *stream) adjust(up *alpacastream.OptionClient, carried map[string]bool) error {
	drop, add := s.plan(carried)
	for some := range slices.Chunk(drop, subscribeAtOnce) {
		if err := errors.Join(up.UnsubscribeFromQuotes(compactAll(some)...), up.UnsubscribeFromTrades(compactAll(some)...)); err != nil {
			return err
		}
		s.mark(some, false, carried)
	}
	for some := range slices.Chunk(add, subscribeAtOnce) {
		err := up.SubscribeToQuotes(s.hearQuote, compactAll(some)...)
		if errors.Is(err, alpacastream.ErrSymbolLimitExceeded) {
			s.lower(len(carried) + len(some)/2)
			ring(s.moved) // plan again with less
			return nil
		}
		if err == nil {
			err = up.SubscribeToTrades(s.hearTrade, compactAll(some)...)
		}
		if err != nil {
			return err
		}
		s.mark(some, true, carried)
	}
	return nil
}

// plan says what to drop and what to add. What is carried stays, and the rest
// comes in as far as the limit goes.
func (s *stream) plan(carried map[string]bool) (drop, add []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for symbol := range carried {
		if s.lines[symbol] == nil {
			drop = append(drop, symbol)
		}
	}
	for _, symbol := range slices.Sorted(maps.Keys(s.lines)) {
		if !carried[symbol] && len(carried)-len(drop)+len(add) < s.limit {
			add = append(add, symbol)
		}
	}
	return drop, add
}

func (s *stream) mark(symbols []string, on bool, carried map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, symbol := range symbols {
		if l := s.lines[symbol]; l != nil {
			l.carried = on
		}
		if on {
			carried[symbol] = true
		} else {
			delete(carried, symbol)
		}
	}
}

// lower learns the plan's limit from a refusal: half of what was too much is tried next.
func (s *stream) lower(limit int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit = limit
	s.log.WarnContext(s.ctx, "Alpaca's plan streams fewer contracts; the others are read", "limit", s.limit)
}

// putDown says that nothing is carried any more, so that it is read at once.
func (s *stream) putDown() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lines {
		l.carried = false
	}
	ring(s.fresh)
}
