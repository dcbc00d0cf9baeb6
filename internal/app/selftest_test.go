package app

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/hooks"
	"github.com/alertsify/alertsify/internal/inbox"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/telegram"
)

// The forged knock at Telegram's door carries nothing of the word that opens it.
func TestAForgedKnockGivesNoSecretAway(t *testing.T) {
	t.Parallel()
	const word = "hunter2-hunter2-hunter2"
	a := &App{cfg: Config{TelegramToken: secret.New("1:x"), TelegramSecret: secret.New(word)}}
	doors, err := a.doors()
	if err != nil || len(doors) != 1 {
		t.Fatalf("%d doors, %v", len(doors), err)
	}
	for _, wrong := range []bool{true, false} {
		h := http.Header{}
		if err := doors[0].sign("id", time.Now(), nil, h, wrong); err != nil {
			t.Fatal(err)
		}
		if says := h.Get(telegram.SecretHeader); says == "" || strings.Contains(says, word) == wrong {
			t.Errorf("wrong: %t, and it says %q", wrong, says)
		}
	}
}

// Each way in which a wrongly signed event is not just refused has a sentence of its own.
func TestAForgedKnockSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	box := inbox.New(inbox.Options{DB: db})
	t.Cleanup(box.Close)
	for name, c := range map[string]struct {
		answer int
		stores bool
		want   string
	}{
		"let in": {http.StatusOK, false, "what was wrongly signed was answered 200 instead of 401"},
		"stored": {http.StatusUnauthorized, true, "what was wrongly signed was stored, and answered 401"},
	} {
		a := doorOf(t, box, func(w http.ResponseWriter, update string) {
			if c.stores {
				store(t, db, update)
			}
			w.WriteHeader(c.answer)
		})
		if got := trial(t, a); got.Refused || !strings.HasPrefix(got.Problem, c.want) {
			t.Errorf("%s: %+v, want %q", name, got, c.want)
		}
	}
}

// An inbox that cannot be read is no inbox without the event: it says nothing of where APP_URL
// leads.
func TestAnInboxThatCannotBeReadIsSaidToBe(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	box := inbox.New(inbox.Options{DB: db})
	t.Cleanup(box.Close)
	const unread = "the inbox could not be read: "
	breaks := func() {
		if _, err := db.Pool().Exec(t.Context(), `alter table inbound_webhooks rename to away`); err != nil {
			t.Error(err)
		}
	}
	knocks := 0
	a := doorOf(t, box, func(w http.ResponseWriter, _ string) {
		if knocks++; knocks == 1 {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		breaks()
	})
	if got := trial(t, a); !got.Refused || got.Arrived || !strings.HasPrefix(got.Problem, unread) {
		t.Errorf("when it waits for what was rightly signed: %+v", got)
	}
	a = doorOf(t, box, func(w http.ResponseWriter, _ string) { w.WriteHeader(http.StatusUnauthorized) })
	if got := trial(t, a); got.Refused || !strings.HasPrefix(got.Problem, unread) {
		t.Errorf("when it looks for what was wrongly signed: %+v", got)
	}
}

// doorOf is a program whose address leads to a door for Telegram that answers as it is told.
func doorOf(t *testing.T, box *inbox.Inbox, answer func(w http.ResponseWriter, update string)) *App {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Update json.Number `json:"update_id"`
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		answer(w, body.Update.String())
	}))
	t.Cleanup(server.Close)
	return &App{inbox: box, cfg: Config{AppURL: server.URL, TelegramToken: secret.New("1:x"), TelegramSecret: secret.New("hunter2-hunter2-hunter2")}}
}

func store(t *testing.T, db *postgres.DB, update string) {
	t.Helper()
	if _, err := db.Pool().Exec(t.Context(), `insert into inbound_webhooks (provider, webhook_id, event_type) values ($1, '1:' || $2, 'x')`,
		hooks.TelegramProvider, update); err != nil {
		t.Error(err)
	}
}

func trial(t *testing.T, a *App) inbox.Trial {
	t.Helper()
	doors, err := a.doors()
	if err != nil || len(doors) != 1 {
		t.Fatalf("%d doors, %v", len(doors), err)
	}
	return a.try(t.Context(), doors[0])
}
