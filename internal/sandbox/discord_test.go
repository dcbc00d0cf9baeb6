package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bwmarrin/discordgo"
	"github.com/go-chi/chi/v5"

	dc "github.com/alertsify/alertsify/internal/discord"
	"github.com/alertsify/alertsify/internal/httpio"
)

// players are the four partners on a server of their own, with time in our hand.
type players struct {
	deps
	url       string
	http      *http.Client // as the application makes it
	ms        atomic.Int64 // time since the start
	discord   *discord
	push      *push
	getstream *getstream
	openID    *openID
}

func startPlayers(t *testing.T) *players { return startPlayersIn(t, "") }

// startPlayersIn replays what stands in dir.
func startPlayersIn(t *testing.T, dir string) *players {
	t.Helper()
	p := &players{}
	r := chi.NewRouter()
	srv := httptest.NewServer(r)
	t.Cleanup(srv.Close)
	p.url = srv.URL
	p.http = httpio.NewEgress(httpio.EgressOptions{AllowLoopback: []string{srv.Listener.Addr().String()}})
	start := time.Now()
	now := func() time.Time { return start.Add(time.Duration(p.ms.Load()) * time.Millisecond) }
	journal := newJournal(dir)
	log := newLog(journal, now, slog.New(slog.DiscardHandler))
	p.deps = deps{
		log: log, faults: newFaults(log), journal: journal, now: now,
		base: func() string { return srv.URL }, logger: slog.New(slog.DiscardHandler), rand: newDice(1),
	}
	p.discord, p.push, p.getstream = newDiscord(p.deps), newPush(p.deps), newGetStream(p.deps)
	p.openID = newOpenID(p.deps, []Person{
		{Subject: "s-ava", Username: "ava", Name: "Ava Stone", Email: "ava@example.com", EmailVerified: true, Role: "trader"},
		{Subject: "s-eve", Username: "eve", Name: "Eve", Email: "ava@example.com", Role: "subscriber"},
	})
	if err := journal.replay(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := journal.close(); err != nil {
			t.Error(err)
		}
	})
	for target, routes := range map[string]func(chi.Router){
		"discord": p.discord.routes, "push": p.push.routes, "getstream": p.getstream.routes, "openid": p.openID.routes,
	} {
		r.Route("/"+target, func(r chi.Router) {
			r.Use(func(next http.Handler) http.Handler { return p.faults.wrap(target, nil, next) })
			routes(r)
		})
	}
	r.Route("/_sandbox", func(r chi.Router) {
		p.discord.control(r)
		p.push.control(r)
		p.getstream.control(r)
	})
	return p
}

func (p *players) advance(d time.Duration) { p.ms.Add(d.Milliseconds()) }

// tell calls a control address and decodes the answer.
func (p *players) tell(t *testing.T, path, body string, into any) {
	t.Helper()
	resp, err := p.http.Post(p.url+"/_sandbox"+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d", path, resp.StatusCode)
	}
	if into == nil {
		return
	}
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
}

// logged lists what a target received, as "METHOD path status" and the bodies.
func (p *players) logged(target string) (lines []string, bodies []string) {
	for _, e := range p.log.List(target, 0) {
		lines = append(lines, e.Method+" "+e.Path)
		bodies = append(bodies, string(e.Body))
	}
	return lines, bodies
}

// channel makes a webhook the way a user would hand it in.
func (p *players) channel(t *testing.T, body string) (dc.Webhook, []string) {
	t.Helper()
	var made struct {
		URL     string
		Threads []string
	}
	p.tell(t, "/discord/webhooks", body, &made)
	hook, err := dc.ParseWebhookURL(made.URL)
	if err != nil {
		t.Fatalf("%s: %v", made.URL, err)
	}
	return hook, made.Threads
}

func (p *players) discordClient() *dc.Client {
	return dc.New(dc.Options{
		BaseURL: p.url + "/discord", UserAgent: "DiscordBot (https://alertsify.example, test)",
		HTTP: p.http, Now: p.now, Jitter: func() time.Duration { return 0 },
	})
}

func embed(text string) dc.Message {
	return dc.Message{Embeds: []*discordgo.MessageEmbed{{Title: "🟢 BTO Alert", Description: text}}}
}

func discordFault(t *testing.T, err error) *dc.Error {
	t.Helper()
	var e *dc.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a *dc.Error", err)
	}
	return e
}

func TestDiscordKeepsMessagesAndTheirEdits(t *testing.T) {
	t.Parallel()
	p := startPlayers(t)
	hook, _ := p.channel(t, "")
	client, ctx := p.discordClient(), context.Background()

	info, err := client.Get(ctx, hook)
	if err != nil || !info.Incoming() || info.ID != hook.ID {
		t.Fatalf("%+v, %v", info, err)
	}
	sent, err := client.Execute(ctx, hook, embed("first"))
	if err != nil || sent.ChannelID != info.ChannelID {
		t.Fatalf("%+v, %v", sent, err)
	}
	second, err := client.Execute(ctx, hook, embed("second"))
	if err != nil || second.MessageID <= sent.MessageID {
		t.Fatalf("ids do not grow: %s, %s, %v", sent.MessageID, second.MessageID, err)
	}
	if _, err := client.Edit(ctx, hook, sent.MessageID, embed("edited")); err != nil {
		t.Fatal(err)
	}

	lines, bodies := p.logged("discord")
	path := "/discord/api/v10/webhooks/" + hook.ID + "/[redacted]"
	for i, want := range []string{"GET " + path, "POST " + path, "POST " + path, "PATCH " + path + "/messages/" + sent.MessageID} {
		if lines[i] != want {
			t.Errorf("entry %d: %s, want %s", i, lines[i], want)
		}
	}
	if !strings.Contains(bodies[1], "first") || !strings.Contains(bodies[3], "edited") || !strings.Contains(bodies[1], sent.MessageID) {
		t.Errorf("bodies: %v", bodies)
	}
	if all := strings.Join(append(lines, bodies...), " "); strings.Contains(all, hook.Token.Reveal()) || strings.Contains(all, "_wouldPing") {
		t.Errorf("token or ping in the log: %s", all)
	}

	if err := client.DeleteMessage(ctx, hook, sent.MessageID); err != nil {
		t.Fatal(err)
	}
	_, err = client.Edit(ctx, hook, sent.MessageID, embed("again"))
	if e := discordFault(t, err); e.Outcome != dc.MessageGone || e.Code != 10008 {
		t.Errorf("edit of a deleted message: %v", e)
	}
	if err := client.Delete(ctx, hook); err != nil {
		t.Fatal(err)
	}
	_, err = client.Execute(ctx, hook, embed("too late"))
	if e := discordFault(t, err); e.Outcome != dc.Gone || e.Code != 10015 {
		t.Errorf("post to a deleted webhook: %v", e)
	}
}

func TestDiscordDestinationsDieAsDocumented(t *testing.T) {
	t.Parallel()
	p := startPlayers(t)
	client := p.discordClient()
	for state, code := range map[string]int{
		discordDeleted: 10015, discordRevoked: 50027, discordForbidden: 50013, discordNoChannel: 10003,
	} {
		hook, _ := p.channel(t, "")
		p.tell(t, "/discord/webhooks/"+hook.ID, `{"state":"`+state+`"}`, nil)
		_, err := client.Execute(context.Background(), hook, embed("x"))
		if e := discordFault(t, err); e.Outcome != dc.Gone || e.Code != code {
			t.Errorf("%s: %v", state, e)
		}
	}
}

func TestDiscordThreadsNeedTheirID(t *testing.T) {
	t.Parallel()
	p := startPlayers(t)
	client, ctx := p.discordClient(), context.Background()
	forum, threads := p.channel(t, `{"forum":true,"threads":1}`)

	_, err := client.Execute(ctx, forum, embed("x"))
	if e := discordFault(t, err); e.Outcome != dc.Misconfigured || e.Code != 220001 {
		t.Errorf("forum without a thread: %v", e)
	}
	post := forum
	post.ThreadID = threads[0]
	sent, err := client.Execute(ctx, post, embed("x"))
	if err != nil || sent.ChannelID != threads[0] {
		t.Fatalf("%+v, %v", sent, err)
	}
	if _, err := client.Edit(ctx, post, sent.MessageID, embed("y")); err != nil {
		t.Errorf("edit in the thread: %v", err)
	}
	_, err = client.Edit(ctx, forum, sent.MessageID, embed("y"))
	if e := discordFault(t, err); e.Status != 404 {
		t.Errorf("edit without the thread's id: %v", e)
	}
}

func TestDiscordsWaysOfRefusingEverything(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]dc.Error{
		discordGlobal429: {Outcome: dc.Retry, Global: true},
		discordHTML429:   {Outcome: dc.Retry, Global: true},
		discordBare429:   {Outcome: dc.Retry},
		discordRedirect:  {Outcome: dc.Rejected},
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			p := startPlayers(t)
			hook, _ := p.channel(t, "")
			client := p.discordClient()
			p.tell(t, "/discord/mode", `{"mode":"`+mode+`","count":1}`, nil)
			_, err := client.Execute(context.Background(), hook, embed("x"))
			e := discordFault(t, err)
			if e.Outcome != want.Outcome || e.Global != want.Global {
				t.Fatalf("%v, global %v", e, e.Global)
			}
			p.advance(e.RetryAfter + time.Millisecond)
			if _, err := client.Execute(context.Background(), hook, embed("x")); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

func TestDiscordsFaultsAreTold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault   Fault
		want    dc.Outcome
		stored  int
		limited bool
	}{
		{Fault{Mode: faultError, Status: 503}, dc.Retry, 0, false},
		{Fault{Mode: faultThrottle}, dc.Retry, 0, true},
		{Fault{Mode: faultDropBefore}, dc.Unknown, 0, false},
		{Fault{Mode: faultAcceptDrop}, dc.Unknown, 1, false},
		{Fault{Mode: faultAcceptError, Status: 502}, dc.Retry, 1, false},
		{Fault{Mode: faultAcceptGarbage}, dc.Unknown, 1, false},
	} {
		t.Run(c.fault.Mode, func(t *testing.T) {
			t.Parallel()
			p := startPlayers(t)
			hook, _ := p.channel(t, "")
			c.fault.Target, c.fault.Match, c.fault.Count = "discord", "POST", 1
			p.faults.Add(c.fault)
			_, err := p.discordClient().Execute(context.Background(), hook, embed("x"))
			if e := discordFault(t, err); e.Outcome != c.want || e.Limited != c.limited {
				t.Errorf("%v, limited %v", e, e.Limited)
			}
			if n := p.stored(); n != c.stored {
				t.Errorf("%d messages stored, want %d", n, c.stored)
			}
			lines, bodies := p.logged("discord")
			if len(lines) != 1 || strings.Contains(lines[0]+bodies[0], hook.Token.Reveal()) {
				t.Errorf("logged %v", lines)
			}
		})
	}
}

func TestDiscordRemembersAcrossAKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	before := startPlayersIn(t, dir)
	hook, _ := before.channel(t, "")
	sent, err := before.discordClient().Execute(context.Background(), hook, embed("first"))
	if err != nil {
		t.Fatal(err)
	}
	after := startPlayersIn(t, dir)
	if _, err := after.discordClient().Edit(context.Background(), hook, sent.MessageID, embed("edited")); err != nil {
		t.Errorf("after the restart: %v", err)
	}
	if lines, _ := after.logged("discord"); len(lines) != 2 {
		t.Errorf("log after the restart: %v", lines)
	}
}

// stored counts Discord's messages; a dropped call may still be at work.
func (p *players) stored() int {
	p.discord.mu.Lock()
	defer p.discord.mu.Unlock()
	return len(p.discord.messages)
}
