package api

import (
	"net/http"

	"github.com/alertsify/alertsify/internal/httpio"
)

// leaving answers what ends with the account, and what does not.
func (a *API) leaving(w http.ResponseWriter, r *http.Request) error {
	l, err := a.account.Leaving(r.Context(), user(r.Context()))
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, struct {
		OnTheWay  int  `json:"ordersOnTheWay"`
		Working   int  `json:"workingOrders"`
		Positions int  `json:"openPositions"`
		Copies    int  `json:"tradersCopied"`
		Followers int  `json:"followers"`
		Accounts  int  `json:"accounts"`
		Renewing  bool `json:"planRenews"`
		LastAdmin bool `json:"lastAdmin"`
	}(l))
}

// deleteAccount ends the account of whoever asks; there is no way back.
func (a *API) deleteAccount(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Username string `json:"username"`
	}
	if err := httpio.Decode(r, &in); err != nil {
		return err
	}
	if err := a.account.Delete(r.Context(), user(r.Context()), in.Username); err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, map[string]bool{"deleted": true})
}

// export answers everything that is the user's, as a ZIP of JSON lines.
func (a *API) export(w http.ResponseWriter, r *http.Request) error {
	archive, err := a.account.Export(r.Context(), user(r.Context()))
	if err != nil {
		return err
	}
	return archive.Send(w)
}
