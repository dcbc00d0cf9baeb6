package secret

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

const canary = "canary-7f3a"

func TestATextIsNeverPrinted(t *testing.T) {
	t.Parallel()
	text := New(canary)
	holder := struct {
		Name   string
		hidden Text
		Shown  Text
	}{"x", text, text}
	var logged strings.Builder
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("m", "text", text, "holder", holder)
	encoded, err := json.Marshal(map[string]any{"a": text, "b": holder})
	if err != nil {
		t.Fatal(err)
	}
	for how, got := range map[string]string{
		"%v": fmt.Sprintf("%v %v", text, holder), "%+v": fmt.Sprintf("%+v %+v", text, holder), "%#v": fmt.Sprintf("%#v %#v", text, holder),
		"%s": fmt.Sprintf("%s", text), "%q": fmt.Sprintf("%q", text), "%x": fmt.Sprintf("%x", text),
		"pointer": fmt.Sprintf("%+v", &holder), "log": logged.String(), "json": string(encoded),
	} {
		if strings.Contains(got, canary) || strings.Contains(got, fmt.Sprintf("%x", canary)) {
			t.Errorf("%s shows the secret: %s", how, got)
		}
	}
	if text.Reveal() != canary || text.IsZero() || !(Text{}).IsZero() || !New("").IsZero() {
		t.Error("a Text does not hold what it was given")
	}
}
