package httpio

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/trace"
)

// Observe is told about every answered request, for metrics. route is the pattern
// of the route table, empty when nothing matched.
type Observe func(method, route string, status int, took time.Duration)

// Failure is an answer 500.
type Failure struct {
	RequestID, Method, Route, Code string

	Err error // may be a *PanicError
}

// FrontOptions say how every request is received.
type FrontOptions struct {
	AppURL         string         // origin of the program, "https://alertsify.app"
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed
	FormTargets    []string       // origins a form of ours may lead to: sign-in providers, broker portal
	Images         []string       // origins whose pictures pages show
	Logger         *slog.Logger

	// Explain may turn an error of a connector into a fault, such as an absent
	// database into unavailable. May be nil.
	Explain func(error) error
	// Page draws a fault for people, including its status. Nil: JSON everywhere.
	Page    func(http.ResponseWriter, *http.Request, *fault.Error)
	Observe Observe // may be nil
	// Failed hears of each answer that is our own fault, 500. It must not wait. Nil: nobody does.
	Failed func(Failure)
	// Tracer begins a trace with each request; what a stranger says of theirs is not believed,
	// who could have everything kept. Nil: none.
	Tracer *trace.Tracer
}

// Front is what every request passes before its route, in this order: request id,
// client address, log line, panics, security headers, cross-origin check. The last
// stands before anything reads a cookie.
func Front(o FrontOptions) (func(http.Handler) http.Handler, error) {
	crossOrigin, err := crossOrigin(o.AppURL)
	if err != nil {
		return nil, fmt.Errorf("APP_URL: %w", err)
	}
	chain := []func(http.Handler) http.Handler{
		withRecord(o), withAddress(o.TrustedProxies, o.Logger), logged(o), recovered,
		secured(o.AppURL, o.FormTargets, o.Images), crossOrigin,
	}
	return func(h http.Handler) http.Handler {
		for i := len(chain) - 1; i >= 0; i-- {
			h = chain[i](h)
		}
		return h
	}, nil
}
