package httpio

import (
	"net/http"

	"github.com/alertsify/alertsify/internal/fault"
)

// crossOrigin refuses unsafe requests that another site's page sent: by
// Sec-Fetch-Site, where a sister sub-domain counts as another site, else by
// Origin. Requests with neither header come from programs, which carry no cookie.
// There are no exceptions: nothing needs one.
func crossOrigin(appURL string) (func(http.Handler) http.Handler, error) {
	protection := http.NewCrossOriginProtection()
	if err := protection.AddTrustedOrigin(appURL); err != nil {
		return nil, err
	}
	protection.SetDenyHandler(Handler(func(http.ResponseWriter, *http.Request) error { return fault.CSRF() }))
	return protection.Handler, nil
}
