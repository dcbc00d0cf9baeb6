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
	if quotes != nil {
		defer quotes.Close()
	}
	leave, err := a.seats.Take(p.User.ID.String(), httpio.AddressKey(httpio.Address(r.Context())))
	if err != nil {
		return err
	}
	defer leave()
	sub, err := a.subscribeLive(r, p.User.ID)
	if err != nil {
		return err
	}
	defer sub.Close()
	events := make(chan httpio.Event)
	ctx, stop := context.WithCancel(r.Context())
	var pumps sync.WaitGroup
	pumps.Go(func() {
		defer stop() // without its events the stream is over; the page comes back
		pump(ctx, sub, events)
	})
	if quotes != nil {
		pumps.Go(func() { a.pumpQuotes(ctx, quotes, events) })
	}
	defer func() { stop(); pumps.Wait() }()
	return httpio.Stream(w, r.WithContext(ctx), events, httpio.StreamOptions{
		Check: a.check,
		Valid: func(ctx context.Context) (bool, error) { return a.guard.StillValid(ctx, p) },
	})
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

func wireEvent(e *live.Event) (httpio.Event, error) {
	data, err := json.Marshal(struct {
		ID   string          `json:"id"`
		At   time.Time       `json:"at"`
		Data json.RawMessage `json:"data"`
	}{e.ID, e.At.UTC(), e.Data})
	return httpio.Event{ID: e.ID, Kind: e.Kind, Data: data}, err
}
