package sandbox

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"
)

func (s *snaptrade) registerUser(w http.ResponseWriter, r *http.Request) {
	var body struct {
		UserID string `json:"userId"`
	}
	if !readBody(w, r, &body) {
		return
	}
	if body.UserID == "" {
		fail(w, http.StatusBadRequest, "1076", "userId is required")
		return
	}
	if _, exists := s.registry.user(body.UserID); exists {
		fail(w, http.StatusBadRequest, "1010", "User with that userId already exists")
		return
	}
	user := snapUser{ID: body.UserID, Secret: s.rand.UUID()}
	if err := s.registry.saveUser(user); err != nil {
		s.broken(w, err)
		return
	}
	s.hooks.send(event{Type: "USER_REGISTERED", User: user.ID})
	reply(w, http.StatusOK, map[string]string{"userId": user.ID, "userSecret": user.Secret})
}

func (s *snaptrade) listUsers(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, s.registry.userIDs())
}

func (s *snaptrade) deleteUser(w http.ResponseWriter, r *http.Request) {
	user, known := s.registry.user(userOf(r))
	if !known {
		fail(w, http.StatusNotFound, "1011", "User not found")
		return
	}
	if err := s.dropUser(user); err != nil {
		s.broken(w, err)
		return
	}
	reply(w, http.StatusOK, map[string]string{
		"status": "deleted", "userId": user.ID,
		"detail": "User queued for deletion; please wait for webhook for confirmation.",
	})
}

// dropUser deletes a user with all connections and tells so.
func (s *snaptrade) dropUser(user snapUser) error {
	for _, c := range s.registry.connectionsOf(user.ID) {
		if err := s.dropConnection(c); err != nil {
			return err
		}
	}
	user.Deleted = true
	if err := s.registry.saveUser(user); err != nil {
		return err
	}
	s.hooks.send(event{Type: "USER_DELETED", User: user.ID})
	return nil
}

func (s *snaptrade) resetSecret(w http.ResponseWriter, r *http.Request) {
	var body struct {
		UserID     string `json:"userId"`
		UserSecret string `json:"userSecret"`
	}
	if !readBody(w, r, &body) {
		return
	}
	user, known := s.registry.user(body.UserID)
	if !known || user.Secret != body.UserSecret {
		fail(w, http.StatusUnauthorized, "0000", "User not found")
		return
	}
	user.Secret = s.rand.UUID()
	if err := s.registry.saveUser(user); err != nil {
		s.broken(w, err)
		return
	}
	reply(w, http.StatusOK, map[string]string{"userId": user.ID, "userSecret": user.Secret})
}

// loginForm is the body of POST /snapTrade/login; every key may be absent.
type loginForm struct {
	Broker            string `json:"broker"`
	ImmediateRedirect bool   `json:"immediateRedirect"`
	CustomRedirect    string `json:"customRedirect"`
	Reconnect         string `json:"reconnect"`
	ConnectionType    string `json:"connectionType"`
	Locale            string `json:"locale"`
}

func (s *snaptrade) login(w http.ResponseWriter, r *http.Request) {
	var form loginForm
	if r.ContentLength != 0 && !readBody(w, r, &form) {
		return
	}
	if reason := s.loginRefusal(form, userOf(r)); reason != "" {
		fail(w, http.StatusBadRequest, "1012", reason)
		return
	}
	session := s.portal.open(userOf(r), form)
	reply(w, http.StatusOK, map[string]string{
		"redirectURI": s.base() + "/portal/" + url.PathEscape(session), "sessionId": session,
	})
}

func (s *snaptrade) loginRefusal(form loginForm, user string) string {
	if form.Locale != "" && form.Locale != "en" && form.Locale != "pt-BR" {
		return "Unsupported locale"
	}
	if !slices.Contains([]string{"", "read", "trade", "trade-if-available"}, form.ConnectionType) {
		return "Unknown connectionType"
	}
	if _, known := s.registry.brokerNamed(form.Broker); form.Broker != "" && !known {
		return "Unknown broker"
	}
	if form.Reconnect == "" {
		return ""
	}
	if c, known := s.registry.connection(form.Reconnect); !known || c.User != user {
		return "Unknown connection to reconnect"
	}
	return ""
}

func (s *snaptrade) partners(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, map[string]any{
		"slug": strings.ToUpper(s.clientID), "name": "Alertsify (sandbox)", "redirect_uri": nil, "logo_url": nil,
		"can_access_trades": true, "can_access_holdings": true, "can_access_account_history": true,
		"can_access_reference_data": true, "can_access_portfolio_management": true, "can_access_orders": true,
		"pin_required": false, "allowed_brokerages": s.brokerageShapes(),
	})
}

func (s *snaptrade) brokerages(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, s.brokerageShapes())
}

func (s *snaptrade) brokerageShapes() []map[string]any {
	list := []map[string]any{}
	for _, b := range s.registry.brokers {
		list = append(list, b.shape(s.base()))
	}
	return list
}

func (b broker) shape(base string) map[string]any {
	return map[string]any{
		"id": b.ID, "slug": b.Slug, "name": b.Name, "display_name": b.Name,
		"description":     b.Name + " as the sandbox plays it.",
		"aws_s3_logo_url": base + "/portal/logo/" + b.Slug + ".svg", "aws_s3_square_logo_url": nil,
		"url": nil, "enabled": b.Enabled, "maintenance_mode": b.Maintenance, "is_degraded": false,
		"allows_trading": b.Trading,
		"brokerage_type": map[string]any{"id": "2f1a6a3e-0000-4a00-8000-000000000001", "name": "Traditional Brokerage"},
	}
}

func (s *snaptrade) instruments(w http.ResponseWriter, r *http.Request) {
	if _, known := s.registry.brokerNamed(chi.URLParam(r, "slug")); !known {
		fail(w, http.StatusNotFound, "1011", "Brokerage not found")
		return
	}
	list := []map[string]any{}
	for _, u := range listedUnderlyings() {
		list = append(list, map[string]any{
			"symbol": u.Symbol, "exchange_mic": u.mic(), "tradeable": u.Kind != "index", "fractionable": false,
			"universal_symbol_id": idOf("symbol", u.Symbol),
		})
	}
	reply(w, http.StatusOK, map[string]any{"instruments": list})
}

// broken answers 500 when the sandbox itself failed, its journal above all.
func (s *snaptrade) broken(w http.ResponseWriter, err error) {
	s.logger.Error("sandbox: snaptrade request failed", "error", err)
	fail(w, http.StatusInternalServerError, "1000", "An unexpected error occurred")
}
