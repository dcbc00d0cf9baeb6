package snaptrade

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/trace"
)

// request is one call in our own terms; every attempt signs it afresh.
type request struct {
	op     string // for errors, logs, metrics
	method string
	path   string   // with %s for each id
	ids    []string // path parameters
	user   User     // zero: not a user's call
	query  url.Values
	body   any   // a struct, or nil
	class  Class // when the context does not say another
	read   bool  // may be repeated
	hide   []secret.Text
}

// answer is what came back, whole.
type answer struct {
	status    int
	header    http.Header
	body      []byte
	requestID string // X-Request-ID, for SnapTrade's support
}

func (a answer) ok() bool { return a.status >= 200 && a.status < 300 }

// check refuses, before anything is spent or sent, what SnapTrade's own clients
// would not sign alike (contract §2.3).
func (r request) check() error {
	for _, id := range r.ids {
		if err := plainID(id); err != nil {
			return err
		}
	}
	if r.user.ID == "" && r.user.Secret.IsZero() {
		return nil
	}
	if r.user.Secret.IsZero() {
		return errors.New("user without a secret")
	}
	return plainUserID(r.user.ID)
}

// sign builds one attempt with a fresh timestamp. What is signed is what is sent:
// path, query and body are not touched again.
func (c *Client) sign(ctx context.Context, r request) (*http.Request, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	body, err := encodeBody(r.body)
	if err != nil {
		return nil, err
	}
	target := *c.base
	ids := make([]any, len(r.ids))
	for i, id := range r.ids {
		ids[i] = id
	}
	target = *target.JoinPath(fmt.Sprintf(r.path, ids...))
	target.RawQuery = c.signedQuery(r)
	req, err := http.NewRequestWithContext(ctx, r.method, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("build request")
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "alertsify")
	req.Header.Set("Signature", signature(c.keys[0], signedText(body, req.URL.EscapedPath(), req.URL.RawQuery)))
	return req, nil
}

func (c *Client) signedQuery(r request) string {
	q := url.Values{}
	for key, values := range r.query {
		q[key] = values
	}
	q.Set("clientId", c.clientID)
	q.Set("timestamp", strconv.FormatInt(c.now().Unix(), 10))
	if r.user.ID != "" {
		q.Set("userId", r.user.ID)
		q.Set("userSecret", r.user.Secret.Reveal())
	}
	return q.Encode()
}

// send makes one attempt over a transport and reads the whole answer. Errors
// have neither address nor secrets, and ErrNoAnswer as a cause.
func (c *Client) send(req *http.Request, over http.RoundTripper, hide scrubber) (answer, error) {
	resp, err := over.RoundTrip(req) // not http.Client: it follows redirects and puts the URL into errors
	if err != nil {
		return answer{}, noAnswer(req.Context(), err, hide)
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, header: resp.Header, requestID: hide.clean(resp.Header.Get("X-Request-ID"))}
	limit := int64(errorMax)
	if a.ok() {
		limit = listMax
	}
	a.body, err = io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return a, noAnswer(req.Context(), err, hide)
	}
	if int64(len(a.body)) > limit {
		a.body = a.body[:limit]
		if a.ok() {
			return a, fmt.Errorf("%w: longer than %d bytes", ErrUnreadable, limit)
		}
	}
	return a, nil
}

func noAnswer(ctx context.Context, err error, hide scrubber) error {
	f := &failure{text: "no answer: " + hide.clean(withoutURL(err).Error()), is: []error{ErrNoAnswer}}
	if cause := ctx.Err(); cause != nil {
		f.is = append(f.is, cause)
	}
	return f
}

func withoutURL(err error) error {
	var withURL *url.Error
	if errors.As(err, &withURL) {
		return withURL.Err
	}
	return err
}

func (c *Client) scrubber(r request) scrubber {
	secrets := append([]secret.Text{r.user.Secret}, c.keys...)
	return newScrubber(append(secrets, r.hide...)...)
}

// record tells metrics and, when it failed, the log about one attempt.
func (c *Client) record(ctx context.Context, r request, attempt int, a answer, failed *Error, started time.Time) {
	quota, _ := httpio.ReadQuota(a.header, time.Now())
	call := Call{Op: r.op, Class: classOf(ctx, r.class), Attempt: attempt, Status: a.status, Quota: quota, Took: time.Since(started)}
	c.observe(call)
	var err error
	if failed != nil {
		err = failed
	}
	trace.Past(ctx, "call snaptrade", trace.Client, started, err,
		trace.Word("operation", r.op), trace.Word("class", call.Class.String()), trace.Number("attempt", attempt), trace.Number("http.response.status_code", a.status))
	if failed == nil {
		return
	}
	c.log.WarnContext(ctx, "snaptrade call failed",
		"op", r.op, "class", call.Class.String(), "attempt", attempt, "status", a.status,
		"took", call.Took, "err", failed.Error())
}
