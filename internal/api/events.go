package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/live"
	"github.com/alertsify/alertsify/internal/market"
)

// events is the stream of one open page: what happens to its user, from the last
// event it saw on, and the quotes of the contracts it shows.
func (a *API) events(w http.ResponseWriter, r *http.Request) error {
	p, _ := auth.From(r.Context())
	quotes, err := a.follow(r.URL.Query().Get("symbols"))
	if err != nil {
		return err
	}
	l := &listener{user: p.User.ID.String(), address: httpio.AddressKey(httpio.Address(r.Context())), quotes: quotes}
	if l.leave, err = a.seat(l.user, l.address); err != nil {
		l.close()
		return err
	}
	if l.sub, err = a.subscribeLive(r, p.User.ID); err != nil {
		l.close()
		return err
	}
	valid := func(ctx context.Context) (bool, error) { return a.guard.StillValid(ctx, p) }
	taken, err := a.hold(w, r, l, valid)
	if taken || err != nil {
		return err
	}
	defer l.close()
	return a.streamHere(w, r, l, valid)
}

// listener is what an open stream holds until it is over.
type listener struct {
	user, address string
	leave         func()
	sub           *live.Subscription
	quotes        *market.Follower // nil: the page shows no contract
	fresh         chan []byte      // held streams: quotes on their way
}

func (l *listener) close() {
	if l.sub != nil {
		l.sub.Close()
	}
	if l.quotes != nil && l.fresh == nil { // else whoever relays them closes it
		l.quotes.Close()
	}
	if l.leave != nil {
		l.leave()
	}
}

// seat takes one. Where none is free, one may be held for a reader who has left.
func (a *API) seat(user, address string) (leave func(), err error) {
	leave, err = a.seats.Take(user, address)
	if err == nil || a.streams == nil {
		return leave, err
	}
	a.streams.Vacate(user, address)
	return a.seats.Take(user, address)
}

// hold leaves the stream to the server's streams, where the connection can be taken
// over: then nothing of it stays here but a goroutine for quotes, if there are any.
func (a *API) hold(w http.ResponseWriter, r *http.Request, l *listener, valid func(context.Context) (bool, error)) (taken bool, err error) {
	if a.streams == nil {
		return false, nil
	}
	if l.quotes != nil {
		l.fresh = make(chan []byte, 1)
	}
	held, taken, err := a.streams.Hold(w, r, httpio.Source{
		Next: l.next, Over: func() bool { return l.sub.Err() != nil }, Valid: valid, Closed: l.close, Holder: l.user, Address: l.address,
	})
	if !taken {
		l.fresh = nil
		return false, nil
	}
	relayed := err == nil && l.quotes != nil && held.Go(func(ctx context.Context) { a.relayQuotes(ctx, l, held) })
	if l.quotes != nil && !relayed {
		l.quotes.Close()
	}
	if err != nil {
		return true, err
	}
	l.sub.OnReady(held.Wake)
	held.Wake() // what happened before it was told whom to wake
	return true, nil
}

// next is the next frame of a held stream.
func (l *listener) next() []byte {
	for e := l.sub.Next(); e != nil; e = l.sub.Next() {
		if frame := e.Frame(frameOf); frame != nil {
			return frame
		}
	}
	select {
	case frame := <-l.fresh:
		return frame
	default:
		return nil
	}
}

// relayQuotes hands quotes to a held stream until it is over. While its reader does not
// read, the newest of each contract wait in the follower.
func (a *API) relayQuotes(ctx context.Context, l *listener, held *httpio.Held) {
	defer l.quotes.Close()
	for {
		quotes, err := l.quotes.Next(ctx)
		if err != nil {
			return
		}
		for _, q := range quotes {
			wire, err := wireQuote(q, a.market.Now())
			if err != nil {
				return
			}
			select {
			case l.fresh <- wire.Frame():
				held.Wake()
			case <-ctx.Done():
				return
			}
		}
	}
}

// streamHere streams in the request's own goroutine.
func (a *API) streamHere(w http.ResponseWriter, r *http.Request, l *listener, valid func(context.Context) (bool, error)) error {
	events := make(chan httpio.Event)
	ctx, stop := context.WithCancel(r.Context())
	var pumps sync.WaitGroup
	pumps.Go(func() {
		defer stop() // without its events the stream is over; the page comes back
		pump(ctx, l.sub, events)
	})
	if l.quotes != nil {
		pumps.Go(func() { a.pumpQuotes(ctx, l.quotes, events) })
	}
	defer func() { stop(); pumps.Wait() }()
	return httpio.Stream(w, r.WithContext(ctx), events, httpio.StreamOptions{Valid: valid})
}

// subscribeLive goes on after the last event the page saw.
func (a *API) subscribeLive(r *http.Request, user uuid.UUID) (*live.Subscription, error) {
	last := r.Header.Get("Last-Event-ID")
	if last == "" {
		last = r.URL.Query().Get("lastEventId")
	}
	sub, err := a.hub.Subscribe(r.Context(), user, last)
	switch {
	case errors.Is(err, live.ErrTooMany):
		return nil, fault.RateLimited(5 * time.Second)
	case errors.Is(err, live.ErrFull), errors.Is(err, live.ErrClosed):
		return nil, fault.Unavailable(err)
	}
	return sub, err
}

// follow begins to follow the contracts a page shows; nil when it names none, or
// without market data: the rest of its stream works all the same.
func (a *API) follow(text string) (*market.Follower, error) {
	if text == "" {
		return nil, nil
	}
	symbols, err := symbolsOf(text)
	if err != nil {
		return nil, err
	}
	f, err := a.market.Follow(symbols)
	if errors.Is(err, market.ErrOff) {
		return nil, nil
	}
	return f, err
}

// pumpQuotes hands quotes to the stream until either ends.
func (a *API) pumpQuotes(ctx context.Context, from *market.Follower, to chan<- httpio.Event) {
	for {
		quotes, err := from.Next(ctx)
		if err != nil {
			return
		}
		for _, q := range quotes {
			wire, err := wireQuote(q, a.market.Now())
			if err != nil {
				return
			}
			select {
			case to <- wire:
			case <-ctx.Done():
				return
			}
		}
	}
}

// wireQuote is an event without an id, so that it leaves the page's place in its
// stream as it is. Its time is the market's, as the quote's own: the difference is
// the quote's age on any clock.
func wireQuote(q market.Quote, at time.Time) (httpio.Event, error) {
	data, err := json.Marshal(struct {
		ID   string       `json:"id"`
		At   time.Time    `json:"at"`
		Data market.Quote `json:"data"`
	}{"", at.UTC(), q})
	return httpio.Event{Kind: "quote", Data: data}, err
}

// pump hands a subscription's events to the stream until either ends.
func pump(ctx context.Context, sub *live.Subscription, to chan<- httpio.Event) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-sub.Done():
			return
		case <-sub.Ready():
		}
		for _, e := range sub.Take() {
			wire, err := wireEvent(e)
			if err != nil {
				return
			}
			select {
			case to <- wire:
			case <-ctx.Done():
				return
			}
		}
	}
}

// frameOf is an event as it goes to everybody who gets it; nil if it has no form, which
// nothing that Postgres took for JSON has come to yet.
func frameOf(e *live.Event) []byte {
	wire, err := wireEvent(e)
	if err != nil {
		return nil
	}
	return wire.Frame()
}

func wireEvent(e *live.Event) (httpio.Event, error) {
	data, err := json.Marshal(struct {
		ID   string          `json:"id"`
		At   time.Time       `json:"at"`
		Data json.RawMessage `json:"data"`
	}{e.ID, e.At.UTC(), e.Data})
	return httpio.Event{ID: e.ID, Kind: e.Kind, Data: data}, err
}
