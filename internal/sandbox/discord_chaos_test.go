package sandbox

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	dc "github.com/alertsify/alertsify/internal/discord"
)

func (p *players) chaosSeen(t *testing.T) (seen discordChaosSeen) {
	t.Helper()
	resp, err := http.Get(p.url + "/_sandbox/discord/chaos")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct{ Data discordChaosSeen }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return answer.Data
}

func (p *players) chaosSet(t *testing.T, body string) {
	t.Helper()
	resp, err := http.Post(p.url+"/_sandbox/discord/chaos", "application/json", strings.NewReader(body))
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp, err)
	}
	_ = resp.Body.Close()
}

// Who obeys is never early, whatever becomes of the calls; and all three kinds come.
func TestChaosDoesNotBlameWhoObeys(t *testing.T) {
	t.Parallel()
	p := startPlayers(t)
	hook, _ := p.channel(t, "")
	p.chaosSet(t, `{"percent":45}`)
	p.discord.rate.set(discordLimits{PerWebhook: 3, WebhookWindowMs: 2000})
	client := p.discordClient()
	kinds := map[dc.Outcome]int{}
	for range 120 {
		_, err := client.Execute(context.Background(), hook, embed("x"))
		if err == nil {
			kinds[0]++
			continue
		}
		e := discordFault(t, err)
		kinds[e.Outcome]++
		p.advance(e.RetryAfter + time.Millisecond)
	}
	seen := p.chaosSeen(t)
	if seen.Early != 0 || seen.Limited == 0 || seen.Failed == 0 || seen.Lost != kinds[dc.Unknown] || seen.Lost == 0 || kinds[0] == 0 {
		t.Errorf("%+v, outcomes %v", seen, kinds)
	}
}

func TestChaosNoticesWhoDoesNotWait(t *testing.T) {
	t.Parallel()
	p := startPlayers(t)
	hook, _ := p.channel(t, "")
	p.chaosSet(t, `{}`)
	p.discord.rate.set(discordLimits{PerWebhook: 1, WebhookWindowMs: 2000})
	for _, want := range []int{0, 1, 2} { // the first answer says that nothing is left
		p.post(t, hook, "DiscordBot (x, 1)", "application/json", `{"content":"x"}`)
		if seen := p.chaosSeen(t); seen.Early != want || seen.Calls != want+1 {
			t.Errorf("%+v, want %d early", seen, want)
		}
	}
	p.advance(2 * time.Second)
	p.post(t, hook, "DiscordBot (x, 1)", "application/json", `{"content":"x"}`)
	if seen := p.chaosSeen(t); seen.Early != 2 {
		t.Errorf("%+v: who waited is called early", seen)
	}
}
