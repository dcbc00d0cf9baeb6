package getstream

import (
	"context"
	"io"
	"net/http"

	"github.com/alertsify/alertsify/internal/httpio"
)

// requester is how the module reaches the network: with our client, bounded
// answers, and the status kept, which the module drops when a body is not JSON.
type requester struct{ http *http.Client }

// Do makes one request.
func (r requester) Do(req *http.Request) (*http.Response, error) {
	resp, err := r.http.Do(req)
	if err != nil {
		return nil, err
	}
	if status, ok := req.Context().Value(statusKey{}).(*int); ok {
		*status = resp.StatusCode
	}
	resp.Body = &boundedBody{
		ReadCloser: resp.Body,
		left:       io.LimitedReader{R: resp.Body, N: httpio.AnswerMax + 1},
	}
	return resp, nil
}

// boundedBody fails a read beyond the bound, so that the module, which reads
// all there is, gives up instead of taking a cut answer for a whole one.
type boundedBody struct {
	io.ReadCloser
	left io.LimitedReader
}

// Read reads up to the bound.
func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.left.Read(p)
	if b.left.N <= 0 {
		return n, httpio.ErrAnswerTooLarge
	}
	return n, err
}

type statusKey struct{}

// withStatus returns a context whose request leaves its status behind.
func withStatus(ctx context.Context) (context.Context, *int) {
	status := new(int)
	return context.WithValue(ctx, statusKey{}, status), status
}
