package sandbox

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// publishedSpec finds SnapTrade's own OpenAPI file, which is not ours to keep in
// the repository; without it the test says so and is skipped.
func publishedSpec(t *testing.T) *openapi3.T {
	t.Helper()
	path := os.Getenv("ALERTSIFY_SNAPTRADE_OPENAPI")
	for dir := "."; path == ""; dir = filepath.Join("..", dir) {
		candidate := filepath.Join(dir, "shared", "contracts", "snaptrade-openapi.yaml")
		if _, err := os.Stat(candidate); err == nil {
			path = candidate
		}
		if strings.Count(dir, "..") > 6 {
			t.Skip("SnapTrade's OpenAPI file is not here: set ALERTSIFY_SNAPTRADE_OPENAPI to its path")
		}
	}
	spec, err := openapi3.NewLoader().LoadFromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// The file calls this one a date-time and prints it with a space; so does the service.
	spec.Components.Schemas["HoldingsSyncStatusDate"].Value.Format = ""
	return spec
}

// specCheck calls an endpoint and holds the answer against the published spec.
type specCheck struct {
	*testWorld
	spec *openapi3.T
}

func (c specCheck) call(method, template string, in map[string]string, query url.Values, body any, want int) {
	c.t.Helper()
	path := template
	for name, value := range in {
		path = strings.ReplaceAll(path, "{"+name+"}", value)
	}
	item := c.spec.Paths.Find(template)
	if item == nil || item.GetOperation(method) == nil {
		c.t.Errorf("%s %s is not in the published spec", method, template)
		return
	}
	response, raw, err := c.trySnap(method, path, query, body)
	if err != nil || response.StatusCode != want {
		c.t.Errorf("%s %s: %v, %s", method, template, err, raw)
		return
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{
			Request: response.Request,
			Route:   &routers.Route{Spec: c.spec, Path: template, PathItem: item, Method: method, Operation: item.GetOperation(method)},
		},
		Status: response.StatusCode, Header: response.Header, Body: io.NopCloser(bytes.NewReader(raw)),
		Options: &openapi3filter.Options{MultiError: true},
	}
	if err := openapi3filter.ValidateResponse(context.Background(), input); err != nil {
		c.t.Errorf("%s %s does not fit the published spec: %v\n%s", method, template, err, raw)
	}
}

// Every endpoint the sandbox plays answers in the published shapes.
func TestAnswersFitThePublishedSpec(t *testing.T) {
	t.Parallel()
	c := specCheck{openWorld(t), publishedSpec(t)}
	c.call(http.MethodPost, "/snapTrade/registerUser", nil, nil, map[string]string{"userId": "someone"}, http.StatusOK)
	c.call(http.MethodPost, "/snapTrade/registerUser", nil, nil, map[string]string{"userId": "someone"}, http.StatusBadRequest)
	c.call(http.MethodGet, "/snapTrade/listUsers", nil, nil, nil, http.StatusOK)
	c.call(http.MethodDelete, "/snapTrade/deleteUser", nil, url.Values{"userId": {"someone"}}, nil, http.StatusOK)
	c.call(http.MethodGet, "/snapTrade/partners", nil, nil, nil, http.StatusOK)
	c.call(http.MethodGet, "/brokerages", nil, nil, nil, http.StatusOK)
	c.call(http.MethodGet, "/brokerages/{slug}/instruments", map[string]string{"slug": "WEBULL"}, nil, nil, http.StatusOK)
	c.call(http.MethodPost, "/symbols", nil, nil, map[string]string{"substring": "app"}, http.StatusOK)
	c.call(http.MethodGet, "/symbols/{query}", map[string]string{"query": "AAPL"}, nil, nil, http.StatusOK)
	c.call(http.MethodGet, "/symbols/{query}", map[string]string{"query": "NOPE"}, nil, nil, http.StatusNotFound)
	c.register()
	c.call(http.MethodPost, "/snapTrade/login", nil, nil, map[string]any{"broker": "WEBULL", "connectionType": "trade"}, http.StatusOK)

	account := c.connectBroker("TASTYTRADE")
	held, _, _ := c.paper.account(account)
	checkAccounts(c, map[string]string{"accountId": account, "authorizationId": held.Connection})
	checkOrders(c, map[string]string{"accountId": account})
	for _, step := range []struct {
		method, template string
		want             int
	}{
		{http.MethodPost, "/authorizations/{authorizationId}/refresh", http.StatusOK},
		{http.MethodPost, "/authorizations/{authorizationId}/disable", http.StatusOK},
		{http.MethodPost, "/authorizations/{authorizationId}/disable", http.StatusPaymentRequired},
		{http.MethodPost, "/authorizations/{authorizationId}/refresh", http.StatusPaymentRequired},
	} {
		c.call(step.method, step.template, map[string]string{"authorizationId": held.Connection}, nil, nil, step.want)
	}
	c.call(http.MethodDelete, "/connection/{connectionId}", map[string]string{"connectionId": held.Connection}, nil, nil, http.StatusOK)
}

func checkAccounts(c specCheck, in map[string]string) {
	c.t.Helper()
	c.mode(in["accountId"], modeImmediate)
	c.place(in["accountId"], "BUY_TO_OPEN", 2, "1.25")
	for _, template := range []string{
		"/authorizations", "/authorizations/{authorizationId}", "/authorizations/{authorizationId}/accounts", "/accounts",
		"/accounts/{accountId}", "/accounts/{accountId}/balances", "/accounts/{accountId}/positions/all", "/accounts/{accountId}/activities",
	} {
		c.call(http.MethodGet, template, in, nil, nil, http.StatusOK)
	}
	c.call(http.MethodGet, "/accounts/{accountId}/quotes", in, url.Values{"symbols": {"AAPL,SPY"}, "use_ticker": {"true"}}, nil, http.StatusOK)
	c.call(http.MethodGet, "/accounts/{accountId}/quotes/options", in, url.Values{"symbol": {testOption}}, nil, http.StatusNotFound)
	c.call(http.MethodPost, "/accounts/{accountId}/symbols", in, nil, map[string]string{"substring": "A"}, http.StatusOK)
	c.call(http.MethodGet, "/accounts/{accountId}/holdings", in, nil, nil, http.StatusGone)
	subscription := map[string]any{"account_id": in["accountId"], "check_interval_seconds": 300}
	c.call(http.MethodPost, "/snapTrade/tradeDetection/subscriptions", nil, nil, subscription, http.StatusCreated)
	c.call(http.MethodGet, "/snapTrade/tradeDetection/subscriptions", nil, nil, nil, http.StatusOK)
	c.call(http.MethodPost, "/snapTrade/tradeDetection/subscriptions/cancel", nil, nil, subscription, http.StatusOK)
}

func checkOrders(c specCheck, in map[string]string) {
	c.t.Helper()
	c.call(http.MethodPost, "/accounts/{accountId}/trading/options/impact", in, nil, optionBody("BUY_TO_OPEN", 2, "1.25"), http.StatusOK)
	c.call(http.MethodPost, "/accounts/{accountId}/trading/options", in, nil, optionBody("BUY_TO_OPEN", 2, ""), http.StatusOK)
	c.call(http.MethodPost, "/accounts/{accountId}/trading/options", in, nil, optionBody("BUY_TO_OPEN", 0, ""), http.StatusBadRequest)
	c.call(http.MethodPost, "/trade/place", nil, nil, map[string]any{
		"account_id": in["accountId"], "action": "BUY_TO_OPEN", "symbol": testOption, "order_type": "Market", "time_in_force": "Day", "units": 1,
	}, http.StatusOK)
	c.mode(in["accountId"], modeManual)
	working := c.place(in["accountId"], "BUY_TO_OPEN", 3, "1.25")
	for _, mode := range []string{modePartial, modeReject, modeExpire} {
		c.mode(in["accountId"], mode)
		c.place(in["accountId"], "BUY_TO_OPEN", 3, "1.25")
	}
	all := url.Values{"only_executed": {"false"}, "state": {"all"}}
	for _, template := range []string{
		"/accounts/{accountId}/orders", "/accounts/{accountId}/orders/v2",
		"/accounts/{accountId}/recentOrders", "/accounts/{accountId}/recentOrders/v2",
	} {
		c.call(http.MethodGet, template, in, all, nil, http.StatusOK)
	}
	id := map[string]string{"brokerage_order_id": working.ID}
	c.call(http.MethodPost, "/accounts/{accountId}/orders/details", in, nil, id, http.StatusOK)
	c.call(http.MethodPost, "/accounts/{accountId}/orders/details", in, nil, map[string]string{"brokerage_order_id": "x"}, http.StatusNotFound)
	one := map[string]string{"accountId": in["accountId"], "brokerageOrderId": working.ID}
	c.call(http.MethodGet, "/accounts/{accountId}/orders/details/v2/{brokerageOrderId}", one, nil, nil, http.StatusOK)
	c.mode(in["accountId"], modeManual)
	c.call(http.MethodPost, "/accounts/{accountId}/trading/replace", in, nil, map[string]any{
		"brokerage_order_id": working.ID, "action": "BUY_TO_OPEN", "order_type": "Limit", "time_in_force": "Day", "price": 1.5,
		"symbol": testOption, "units": 2,
	}, http.StatusOK)
	other := c.place(in["accountId"], "BUY_TO_OPEN", 1, "1.00")
	c.call(http.MethodPost, "/accounts/{accountId}/trading/cancel", in, nil, map[string]string{"brokerage_order_id": other.ID}, http.StatusOK)
	c.call(http.MethodPost, "/accounts/{accountId}/trading/cancel", in, nil, map[string]string{"brokerage_order_id": other.ID}, http.StatusBadRequest)
}
