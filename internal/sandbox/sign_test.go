package sandbox

import "testing"

const userQuery = "clientId=ALERTSIFY-TEST&timestamp=1790000000&userId=u-1001&userSecret=sec-abc-123"

// The request vectors of the SnapTrade contract.
func TestRequestSignatureVectors(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]struct{ path, query, body, want string }{
		"R1 no body": {"/accounts", userQuery, "", "qCu989IV6uQngtxiIbv+SyWycBgn1pmP8tnYH3IBAwE="},
		"R2 nested keys": {
			"/accounts/0d3c1f6e-5b0a-4f59-9f0e-2f6a8c1b7e10/trading/options", userQuery,
			`{"order_type":"LIMIT","time_in_force":"Day","limit_price":"1.25","price_effect":"DEBIT","legs":[{"instrument":{"symbol":"SPXW  260925P05000000","instrument_type":"OPTION"},"action":"BUY_TO_OPEN","units":2}]}`,
			"nN6I8BoPiXlPp3g+C1RE2MwFiLccbk+zmuYr30JGfdU=",
		},
		"R3 html characters": {
			"/snapTrade/login", userQuery,
			`{"connectionType":"trade-if-available","customRedirect":"https://app.example.test/cb?a=1&b=<x>","immediateRedirect":true}`,
			"R/OTsDDkyoz/eW8ls16geeqFSlhhZFNsBWNAk15rN5g=",
		},
		"R4 non-ASCII": {
			"/symbols", "clientId=ALERTSIFY-TEST&timestamp=1790000000", `{"substring":"Crédit 漢 📈"}`,
			"aYgVzCNZ22flU537zmReYo8duhrO/kbXyLNq/FwZ+3U=",
		},
		"R5 numbers": {
			"/trade/place", userQuery,
			`{"units":1.0,"price":31.50,"symbol":"AAPL","account_id":"0d3c1f6e-5b0a-4f59-9f0e-2f6a8c1b7e10","action":"BUY","order_type":"Limit","time_in_force":"Day"}`,
			"O8zF5H7KBjgnwY3R3calxHqmKWbAaJBFmvVq6AwU8UI=",
		},
		"R6 empty object": {
			"/authorizations/5f0b7c1e-92d4-4b3c-8a51-7d2e6f904c33/refresh", userQuery, `{}`,
			"ghIWojNvHVpB7O2+0hVDymgFUe4OyD0FYgRm9W/k3N4=",
		},
		"R6 without a body": {
			"/authorizations/5f0b7c1e-92d4-4b3c-8a51-7d2e6f904c33/refresh", userQuery, "",
			"ghIWojNvHVpB7O2+0hVDymgFUe4OyD0FYgRm9W/k3N4=",
		},
	} {
		text, err := requestText([]byte(v.body), v.path, v.query)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := signature(testKey, text); got != v.want {
			t.Errorf("%s: signature %s, want %s, over %s", name, got, v.want, text)
		}
	}
}

// The webhook vectors of the SnapTrade contract.
func TestWebhookSignatureVectors(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]struct{ body, want string }{
		"W1 plain": {
			`{"webhookId":"dbaee13a-0000-4677-9741-b6845e60ee01","clientId":"ALERTSIFY-TEST","eventTimestamp":"2026-09-21T13:33:20.658533+00:00","userId":"u-1001","eventType":"USER_REGISTERED","webhookSecret":"deprecated-value"}`,
			"ADK9bPvmFHywcmKV3f+jZSVyu1gcKF2iWAFQvDYXWsA=",
		},
		"W2 unicode": {
			`{"eventType": "ACCOUNT_HOLDINGS_UPDATED", "webhookId": "dbaee13a-0000-4677-9741-b6845e60ee02", "clientId": "ALERTSIFY-TEST", "userId": "u-1001", "accountId": "0d3c1f6e-5b0a-4f59-9f0e-2f6a8c1b7e10", "eventTimestamp": "2026-09-21T13:33:20.000001+00:00", "details": {"positions": {"success": false, "error": "délai dépassé — 東京 🚀 \u00e9\/x"}, "balances": {"success": true, "error": null}}}`,
			"JDQEYDwhQtXNGqzdS4qiCsesIcJ68vkkcEyoEunI4C4=",
		},
		"W3 floats": {
			`{"userId":"u-1001","details":{"whole":1.0,"tiny":1e-7,"big":1E16,"almost":1e15,"int":100,"negzero":-0.0,"trail":12.50,"exp":0.00001,"bigint":12345678901234567890},"clientId":"ALERTSIFY-TEST","eventType":"ACCOUNT_HOLDINGS_UPDATED","webhookId":"dbaee13a-0000-4677-9741-b6845e60ee03","eventTimestamp":"2026-09-21T08:33:20-05:00"}`,
			"W36OEY8IuKS56e6H6VwshvGNjrZqGPm8X9h5rMxBV1I=",
		},
		"W4 nested details": {
			`{"userId": "u-1001", "details": {"orders": [{"legs": [{"action": "BUY_TO_OPEN", "leg_id": null, "status": "EXECUTED", "instrument": {"symbol": "SPXW  260925P05000000", "figi_code": null, "asset_type": "OPTION", "description": "SPXW PUT 9/25 5000"}, "total_quantity": "2.000000000", "execution_price": "1.2500000000", "filled_quantity": "2.000000000", "canceled_quantity": null}], "status": "EXECUTED", "order_role": null, "order_type": "LIMIT", "stop_price": "0.0000000000", "limit_price": "1.2500000000", "time_placed": "2026-09-21T13:33:02.810000Z", "time_executed": "2026-09-21T13:33:02.848000Z", "time_in_force": "DAY", "trailing_stop": null, "price_currency": "USD", "execution_price": "1.2500000000", "brokerage_order_id": "124912433123", "brokerage_group_order_id": null}]}, "clientId": "ALERTSIFY-TEST", "accountId": "0d3c1f6e-5b0a-4f59-9f0e-2f6a8c1b7e10", "eventType": "TRADE_DETECTION", "webhookId": "dbaee13a-0000-4677-9741-b6845e60ee04", "brokerageAuthorizationId": "5f0b7c1e-92d4-4b3c-8a51-7d2e6f904c33", "eventTimestamp": "2026-09-21T13:33:08.123974+00:00"}`,
			"w+In9Z9pl1DNXvKfWbHAGfh1iX8TYrt5bHk8INP6kTk=",
		},
	} {
		text, err := canonical([]byte(v.body))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := signature(testKey, text); got != v.want {
			t.Errorf("%s: signature %s, want %s, over %s", name, got, v.want, text)
		}
	}
}

// Single rules of the canonical form, as Python prints them.
func TestCanonicalForm(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"b":1,"a":{"d":[{"z":1,"y":2}],"c":null}}`: `{"a":{"c":null,"d":[{"y":2,"z":1}]},"b":1}`,
		`{"a":1,"a":2}`:                   `{"a":2}`,
		`[-0, -0.0, 1e22]`:                `[0,-0.0,1e+22]`,
		`[0.0001, 0.00005]`:               `[0.0001,5e-05]`,
		`[100000.0, 1e16]`:                `[100000.0,1e+16]`,
		`[5e-324]`:                        `[5e-324]`,
		`"\ud800"`:                        `"\ud800"`,
		`"\ud83d\ude80"`:                  `"\ud83d\ude80"`,
		`"\\ud800"`:                       `"\\ud800"`,
		`"\ud800\ud83d\ude80"`:            `"\ud800\ud83d\ude80"`,
		"\"\u007f\u2028\"":                `"\u007f\u2028"`,
		`"\/<>&'\u0041\b\f"`:              `"/<>&'A\b\f"`,
		"{\"\U0001F680\":1,\"\uffff\":2}": `{"\uffff":2,"\ud83d\ude80":1}`,
	} {
		got, err := canonical([]byte(in))
		if err != nil || string(got) != want {
			t.Errorf("canonical(%s) = %s, %v; want %s", in, got, err, want)
		}
	}
	for _, in := range []string{``, `{`, `{} {}`, `NaN`, `1e999`, "\"\xff\"", `{"a":1,}`} {
		if got, err := canonical([]byte(in)); err == nil {
			t.Errorf("canonical(%q) = %s, want an error", in, got)
		}
	}
}
