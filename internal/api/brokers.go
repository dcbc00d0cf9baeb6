package api

import (
	"net/http"

	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/httpio"
)

func (a *API) countPortal(w http.ResponseWriter, r *http.Request) error {
	return httpio.Spend(w, r, a.allow, "portal:"+user(r.Context()).String(), brokers.PortalsPerMinute)
}

func (a *API) listBrokerages(w http.ResponseWriter, r *http.Request) error {
	list, err := a.accounts.Brokerages(r.Context())
	if err != nil {
		return err
	}
	return httpio.AnswerList(w, list, "")
}

func (a *API) connectBroker(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		BrokerID    string `json:"brokerId"`
		RedirectURI string `json:"redirectUri,omitempty"`
	}
	if err := httpio.Decode(r, &in); err != nil {
		return err
	}
	if err := a.countPortal(w, r); err != nil {
		return err
	}
	portal, err := a.accounts.Connect(r.Context(), user(r.Context()), in.BrokerID, in.RedirectURI)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, portal)
}

func (a *API) listConnections(w http.ResponseWriter, r *http.Request) error {
	list, err := a.accounts.Connections(r.Context(), user(r.Context()))
	if err != nil {
		return err
	}
	return httpio.AnswerList(w, list, "")
}

func (a *API) reconnectBroker(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	if err := a.countPortal(w, r); err != nil {
		return err
	}
	portal, err := a.accounts.Reconnect(r.Context(), user(r.Context()), id, "")
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, portal)
}

func (a *API) listAccounts(w http.ResponseWriter, r *http.Request) error {
	list, err := a.accounts.List(r.Context(), user(r.Context()))
	if err != nil {
		return err
	}
	return httpio.AnswerList(w, list, "")
}

func (a *API) selectAccount(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	account, err := a.accounts.Select(r.Context(), user(r.Context()), id)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, account)
}

func (a *API) syncAccount(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	account, err := a.accounts.Sync(r.Context(), user(r.Context()), id)
	if err != nil {
		return err
	}
	if err := a.desk.Sync(r.Context(), account.ID); err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, account)
}

func (a *API) removeAccount(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	if err := a.accounts.Remove(r.Context(), user(r.Context()), id); err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, map[string]any{"id": id, "removed": true})
}
