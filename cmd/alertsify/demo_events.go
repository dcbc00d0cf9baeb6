package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// demoEvent is one named event of the stream and when it came.
type demoEvent struct {
	kind string
	at   time.Time
}

// listen opens a person's event stream and notes what comes. stop ends it.
func (d *demonstration) listen(ctx context.Context, user string) (<-chan demoEvent, func(), error) {
	ctx, cancel := context.WithCancel(ctx)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, d.stage.env["APP_URL"]+"/api/events", nil)
	if err != nil {
		cancel()
		return nil, nil, err
	}
	r.Header.Set("Authorization", "Bearer "+d.tokens[user])
	resp, err := http.DefaultClient.Do(r) //nolint:bodyclose // stop closes it
	if err != nil {
		cancel()
		return nil, nil, err
	}
	if resp.StatusCode != http.StatusOK {
		cancel()
		return nil, nil, errors.Join(fmt.Errorf("the stream answers %d", resp.StatusCode), resp.Body.Close())
	}
	events, ended := make(chan demoEvent, 64), make(chan struct{})
	go func() {
		defer close(ended)
		lines := bufio.NewScanner(resp.Body)
		for lines.Scan() {
			if kind, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				select {
				case events <- demoEvent{kind, time.Now()}:
				default: // nobody reads that many
				}
			}
		}
	}()
	return events, func() {
		cancel()
		_ = resp.Body.Close()
		<-ended
	}, nil
}

// heard waits for the in-app notification on the open page.
func (d *demonstration) heard(ctx context.Context, events <-chan demoEvent) error {
	timeout := time.NewTimer(demoWait)
	defer timeout.Stop()
	for {
		select {
		case e := <-events:
			if e.kind != "notification" {
				continue
			}
			took := e.at.Sub(d.click)
			d.last = max(d.last, took)
			fmt.Fprintf(d.out, "%9s  %-14s %s\n", fmt.Sprintf("+%.3f s", took.Seconds()), "in-app", "ava's open page got the notification over SSE")
			return nil
		case <-timeout.C:
			return errors.New("not observed: the notification over SSE")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
