package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// event is a SnapTrade webhook in canonical form, so that signing it as it is
// signs it right.
func (s *show) event(kind string, more map[string]any) string {
	s.t.Helper()
	fields := map[string]any{
		"webhookId": uuid.NewString(), "clientId": s.stage.env["SNAPTRADE_CLIENT_ID"], "eventType": kind,
		"eventTimestamp": time.Now().UTC().Format(time.RFC3339), "userId": uuid.NewString(), "accountId": uuid.NewString(),
	}
	for name, value := range more {
		fields[name] = value
	}
	body, err := json.Marshal(fields)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(body)
}

// signature is what SnapTrade would put on a body.
func (s *show) signature(body string) string {
	mac := hmac.New(sha256.New, []byte(s.stage.env["SNAPTRADE_CONSUMER_KEY"]))
	mac.Write([]byte(body))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
