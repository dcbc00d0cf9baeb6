package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/copytrade"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/money"
)

func (a *API) subscribe(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Username string             `json:"username,omitempty"`
		TraderID string             `json:"traderId,omitempty"`
		Settings copytrade.Settings `json:"settings,omitzero"`
	}
	key, body, err := keyed(r, &in)
	if err != nil {
		return err
	}
	trader := in.Username
	if trader == "" {
		trader = in.TraderID
	}
	if (in.Username == "") == (in.TraderID == "") {
		return fault.Field("username", "Name the trader by username or traderId.")
	}
	if !storable(trader) {
		return fault.NotFound()
	}
	if loosens(in.Settings, copytrade.Defaults()) {
		if err := a.guard.Fresh(r.Context()); err != nil {
			return err
		}
	}
	stored, replayed, err := a.copier.Subscribe(r.Context(), user(r.Context()), copytrade.Key{Text: key, Body: body}, trader, in.Settings)
	if err != nil {
		return err
	}
	return told(w, http.StatusCreated, stored, replayed)
}

func (a *API) listSubscriptions(w http.ResponseWriter, r *http.Request) error {
	list, err := a.copier.Subscriptions(r.Context(), user(r.Context()))
	if err != nil {
		return err
	}
	return httpio.AnswerList(w, list, "")
}

func (a *API) changeSubscription(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	var in copytrade.Change
	if err := httpio.Decode(r, &in); err != nil {
		return err
	}
	if err := a.freshToLoosen(r.Context(), id, in); err != nil {
		return err
	}
	s, err := a.copier.Update(r.Context(), user(r.Context()), id, in)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, s)
}

// freshToLoosen asks for a fresh sign-in when a change lets copying do more than it
// does now. An id that is not theirs is left to Update.
func (a *API) freshToLoosen(ctx context.Context, id uuid.UUID, ch copytrade.Change) error {
	if ch.Settings == nil {
		return nil
	}
	list, err := a.copier.Subscriptions(ctx, user(ctx))
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(s copytrade.Subscription) bool { return s.ID == id })
	if i < 0 || !loosens(*ch.Settings, list[i].Settings) {
		return nil
	}
	return a.guard.Fresh(ctx)
}

// loosens tells whether given settings turn automation on or raise a limit. The
// settings in force have every field.
func loosens(given, now copytrade.Settings) bool {
	return given.AutoExecute != nil && *given.AutoExecute && !*now.AutoExecute ||
		above(given.MaxPositionSize, now.MaxPositionSize) || above(given.MaxDailyTrades, now.MaxDailyTrades) ||
		above(given.MaxDelaySeconds, now.MaxDelaySeconds) ||
		dearer(given.MaxSlippagePercent, now.MaxSlippagePercent) || dearer(given.MaxSpreadPercent, now.MaxSpreadPercent) ||
		given.Scaling != nil && (given.Scaling.Mode != now.Scaling.Mode || given.Scaling.Value.GreaterThan(now.Scaling.Value.Decimal)) ||
		turned(given.SameContract, now.SameContract, "add") || turned(given.OrderType, now.OrderType, "market") || widens(given, now)
}

// widens tells whether given settings let trades through that those in force keep out.
func widens(given, now copytrade.Settings) bool {
	return given.AllowedUnderlyings != nil && len(*now.AllowedUnderlyings) > 0 &&
		(len(*given.AllowedUnderlyings) == 0 || adds(*given.AllowedUnderlyings, *now.AllowedUnderlyings)) ||
		given.DeniedUnderlyings != nil && adds(*now.DeniedUnderlyings, *given.DeniedUnderlyings) ||
		given.OptionTypes != nil && adds(*given.OptionTypes, *now.OptionTypes) ||
		given.MinDaysToExpiration.Lower(now.MinDaysToExpiration, cmp.Compare) ||
		given.MaxDaysToExpiration.Higher(now.MaxDaysToExpiration, cmp.Compare) ||
		given.MaxOpenPositions.Higher(now.MaxOpenPositions, cmp.Compare) ||
		given.MaxPremiumPerTrade.Higher(now.MaxPremiumPerTrade, compareAmounts) ||
		given.MaxExposure.Higher(now.MaxExposure, compareAmounts)
}

func compareAmounts(a, b money.Amount) int { return a.Cmp(b.Decimal) }

// adds tells whether list holds what before does not.
func adds(list, before []string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return !slices.Contains(before, s) })
}

func above(given, now *int) bool { return given != nil && *given > *now }

func dearer(given, now *money.Amount) bool { return given != nil && given.GreaterThan(now.Decimal) }

func turned(given, now *string, to string) bool { return given != nil && *given == to && *now != to }

func (a *API) unsubscribe(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	s, err := a.copier.Unsubscribe(r.Context(), user(r.Context()), id)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, s)
}

func (a *API) consent(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Version string `json:"version"`
	}
	if err := httpio.Decode(r, &in); err != nil {
		return err
	}
	if err := a.copier.Consent(r.Context(), user(r.Context()), in.Version); err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, map[string]any{"version": in.Version, "given": true})
}

func (a *API) listDecisions(w http.ResponseWriter, r *http.Request) error {
	view, err := choice(r, "view", "all", "all", "awaiting")
	if err != nil {
		return err
	}
	limit, cursor, err := page(r)
	if err != nil {
		return err
	}
	list, next, err := a.copier.Decisions(r.Context(), user(r.Context()), copytrade.Query{Awaiting: view == "awaiting", Limit: limit, Cursor: (*copytrade.Cursor)(cursor)})
	if err != nil {
		return err
	}
	return httpio.AnswerList(w, list, cursorText((*httpio.Cursor)(next)))
}

func (a *API) approve(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	key, err := idempotencyKey(r)
	if err != nil {
		return err
	}
	stored, replayed, err := a.copier.Approve(r.Context(), user(r.Context()), id, copytrade.Key{Text: key})
	if err != nil {
		return err
	}
	return told(w, http.StatusOK, stored, replayed)
}

func (a *API) reject(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	d, err := a.copier.Reject(r.Context(), user(r.Context()), id)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, d)
}
