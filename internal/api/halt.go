package api

import (
	"context"
	"net/http"
	"time"

	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/risk"
)

// halt is one switch that keeps somebody from trading: their own, an operator's, or a breaker's.
type halt struct {
	Scope  string    `json:"scope"` // self, user, platform, account, broker, underlying, leader, publishing
	Key    string    `json:"key,omitempty"`
	Cause  string    `json:"cause"` // owner, operator, breaker
	Stops  string    `json:"stops"` // all, entries, copies
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
}

// halts is what stands still for somebody. The rest comes only after stopping:
// buys taken back, sells of copied contracts placed, and why others were not.
type halts struct {
	Halted  bool     `json:"halted"`
	Halts   []halt   `json:"halts"`
	Taken   *int     `json:"taken,omitempty"`
	Selling *int     `json:"selling,omitempty"`
	Left    []string `json:"left,omitempty"`
}

func (a *API) haltsOf(ctx context.Context) (halts, error) {
	list, err := a.rules.Halts(ctx, user(ctx))
	if err != nil {
		return halts{}, err
	}
	h := halts{Halted: len(list) > 0, Halts: make([]halt, len(list))}
	for i, one := range list {
		h.Halts[i] = halt{Scope: one.Scope, Key: one.Key, Cause: one.Cause, Stops: one.Stops, Reason: one.Reason, Since: one.At.UTC()}
		if one.Scope == risk.Self || one.Scope == "user" {
			h.Halts[i].Key = ""
		}
	}
	return h, nil
}

func (a *API) getHalts(w http.ResponseWriter, r *http.Request) error {
	h, err := a.haltsOf(r.Context())
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, h)
}

// stopTrading turns one's own kill switch. Turning it again changes nothing, so it
// needs no key.
func (a *API) stopTrading(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Level string `json:"level"`
	}
	if err := httpio.Decode(r, &in); err != nil {
		return err
	}
	done, err := a.desk.Stop(r.Context(), user(r.Context()), in.Level)
	if err != nil {
		return err
	}
	h, err := a.haltsOf(r.Context())
	if err != nil {
		return err
	}
	h.Taken, h.Selling, h.Left = &done.Taken, &done.Selling, done.Left
	return httpio.Answer(w, http.StatusOK, h)
}

func (a *API) resumeTrading(w http.ResponseWriter, r *http.Request) error {
	if err := a.desk.Resume(r.Context(), user(r.Context())); err != nil {
		return err
	}
	return a.getHalts(w, r)
}
