package httpio

import (
	"net/http"
	"time"

	"github.com/alertsify/alertsify/internal/trace"
)

// Watch hears of each call to a party when it begins, and of its outcome when the answer's
// head is there or will not come: ok, limited, refused, failed or away.
type Watch func(party string) (ended func(outcome string))

// OutcomeOf is the word for the status of an answer; 0 is none.
func OutcomeOf(status int) string {
	switch {
	case status == 0:
		return "away"
	case status < http.StatusBadRequest:
		return "ok"
	case status == http.StatusTooManyRequests:
		return "limited"
	case status < http.StatusInternalServerError:
		return "refused"
	}
	return "failed"
}

// watched tells of each call. Of an address it tells nothing: secrets stand in it.
type watched struct {
	next  http.RoundTripper
	party string
	watch Watch
	quota *Quotas
}

// RoundTrip makes the call.
func (c watched) RoundTrip(r *http.Request) (*http.Response, error) {
	ended := c.watch(c.party)
	ctx, span := trace.Start(r.Context(), "call "+c.party, trace.Client)
	resp, err := c.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		ended(OutcomeOf(0))
		span.End(err)
		return nil, err
	}
	ended(OutcomeOf(resp.StatusCode))
	if c.quota != nil {
		c.quota.Note(c.party, resp.Header, time.Now())
	}
	span.Note(trace.Number("http.response.status_code", resp.StatusCode))
	span.End(nil)
	return resp, nil
}

// CloseIdleConnections is what a client's method of that name calls.
func (c watched) CloseIdleConnections() {
	if t, ok := c.next.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}
