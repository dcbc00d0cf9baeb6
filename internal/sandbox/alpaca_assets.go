package sandbox

import "net/http"

// assets is GET /v2/assets: every stock and fund at once, without pages. Indexes
// are none, though options on them are listed.
func (a *alpaca) assets(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	list := []map[string]any{}
	if !oneOrNothing(query.Get("status"), "active") || !oneOrNothing(query.Get("asset_class"), "us_equity") {
		reply(w, http.StatusOK, list)
		return
	}
	for _, symbol := range a.market.order {
		if u := a.market.listed[symbol]; u.Kind != "index" {
			list = append(list, assetShape(u))
		}
	}
	reply(w, http.StatusOK, list)
}

func oneOrNothing(asked, only string) bool { return asked == "" || asked == only }

func assetShape(u underlying) map[string]any {
	exchange := "NASDAQ"
	if u.Kind == "etf" {
		exchange = "ARCA"
	}
	return map[string]any{
		"id": idOf("symbol", u.Symbol), "class": "us_equity", "exchange": exchange, "symbol": u.Symbol, "name": u.Name,
		"status": "active", "tradable": true, "shortable": true,
		"easy_to_borrow": true, "fractionable": true, "attributes": []string{"fractional_eh_enabled", "has_options"},
	}
}
