package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/live"
)

// events is the stream of one open page: what happens to its user, from the
// last event it saw on.
func (a *API) events(w http.ResponseWriter, r *http.Request) error {
	p, _ := auth.From(r.Context())
	last := r.Header.Get("Last-Event-ID")
	if last == "" {
		last = r.URL.Query().Get("lastEventId")
	}
	leave, err := a.seats.Take(p.User.ID.String(), httpio.AddressKey(httpio.Address(r.Context())))
	if err != nil {
		return err
	}
	defer leave()
	sub, err := a.hub.Subscribe(r.Context(), p.User.ID, last)
	switch {
	case errors.Is(err, live.ErrTooMany):
		return fault.RateLimited(5 * time.Second)
	case errors.Is(err, live.ErrFull), errors.Is(err, live.ErrClosed):
		return fault.Unavailable(err)
	case err != nil:
		return err
	}
	defer sub.Close()
	events := make(chan httpio.Event)
	ctx, stop := context.WithCancel(r.Context())
	pumped := make(chan struct{})
	go func() {
		defer close(pumped)
		defer close(events)
		pump(ctx, sub, events)
	}()
	defer func() { stop(); <-pumped }()
	return httpio.Stream(w, r, events, httpio.StreamOptions{
		Check: a.check,
		Valid: func(ctx context.Context) (bool, error) { return a.guard.StillValid(ctx, p) },
	})
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
