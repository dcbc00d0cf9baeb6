package sandbox

import (
	"context"
	"testing"
	"time"
)

func TestDiscordRatesAreEnforcedAndObeyed(t *testing.T) {
	t.Parallel()
	p := startPlayers(t)
	hook, _ := p.channel(t, "")
	client, ctx := p.discordClient(), context.Background()
	sent, held := 0, 0
	for sent < 30 {
		_, err := client.Execute(ctx, hook, embed("x"))
		if err == nil {
			sent++
			continue
		}
		e := discordFault(t, err)
		if !e.Limited || e.Global || e.RetryAfter <= 0 || e.RetryAfter > 2*time.Second {
			t.Fatalf("after %d: %v, wait %s", sent, e, e.RetryAfter)
		}
		held++
		p.advance(e.RetryAfter + time.Millisecond)
	}
	lines, _ := p.logged("discord")
	if len(lines) != 30 || held != 5 {
		t.Errorf("%d requests and %d waits for 30 messages: a limit was run into", len(lines), held)
	}
	p.advance(3 * time.Second)
	_, err := client.Execute(ctx, hook, embed("x"))
	e := discordFault(t, err)
	if e.Status != 429 || e.RetryAfter < 40*time.Second {
		t.Errorf("31st message in the channel within a minute: %v, wait %s", e, e.RetryAfter)
	}
	p.advance(e.RetryAfter + time.Millisecond)
	if _, err := client.Execute(ctx, hook, embed("x")); err != nil {
		t.Errorf("after the wait: %v", err)
	}
}

func TestDiscordRefusesTheSixthCallWithinTwoSeconds(t *testing.T) {
	t.Parallel()
	p := startPlayers(t)
	hook, _ := p.channel(t, "")
	for i := range 6 {
		status, answer := p.post(t, hook, "DiscordBot (x, 1)", "application/json", `{"content":"x"}`)
		if want := map[bool]int{true: 200, false: 429}[i < 5]; status != want {
			t.Errorf("call %d: %d %s", i+1, status, answer)
		}
	}
	p.advance(2 * time.Second)
	if status, answer := p.post(t, hook, "DiscordBot (x, 1)", "application/json", `{"content":"x"}`); status != 200 {
		t.Errorf("after two seconds: %d %s", status, answer)
	}
}
