package app

import (
	"net/http"
	"strings"
	"testing"
	"time"

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
