package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bwmarrin/discordgo"

	"github.com/alertsify/alertsify/internal/discord"
	"github.com/alertsify/alertsify/internal/httpio"
)

const (
	// reportsEvery is how soon one report may follow another.
	reportsEvery = time.Minute
	// reportsKinds is how many different errors a report lists.
	reportsKinds = 10
	// reportsKept is how many different ones are counted at most, and reportsLength how
	// much is told of each, in bytes.
	reportsKept, reportsLength = 100, 200
	reportColor                = 0xd93025
)

// reports bring the errors of the log to the operators' Discord channel: what was logged
// at ERROR and how often, at most one message a minute. Only our own fixed words are
// told, never an argument: those may name what is secret. Nothing waits for it.
type reports struct {
	client *discord.Client
	hook   discord.Webhook
	log    *slog.Logger // of before, so that nothing about a report is reported
	bell   chan struct{}

	mu     sync.Mutex
	counts map[string]int
}

// newReports is nil where the settings name no channel.
func newReports(cfg Config, log *slog.Logger) (*reports, error) {
	if cfg.DiscordErrors.IsZero() {
		return nil, nil
	}
	hook, err := discord.ParseWebhookURL(cfg.DiscordErrors.Reveal())
	if err != nil {
		return nil, fmt.Errorf("DISCORD_ADMIN_WEBHOOK_URL: %w", err)
	}
	host := (&App{cfg: cfg}).loopback()
	return &reports{
		hook: hook, log: log, bell: make(chan struct{}, 1), counts: map[string]int{},
		client: discord.New(discord.Options{
			BaseURL: cfg.DiscordURL, UserAgent: "DiscordBot (" + cfg.AppURL + ", 1)", Now: time.Now,
			HTTP: httpio.NewEgress(httpio.EgressOptions{AllowLoopback: host}),
		}),
	}, nil
}

// logger counts the errors of a logger.
func (r *reports) logger(log *slog.Logger) *slog.Logger {
	if r == nil {
		return log
	}
	return slog.New(reporting{log.Handler(), r})
}

// reporting is a handler that counts what passes it at ERROR.
type reporting struct {
	slog.Handler
	to *reports
}

// Handle counts a record and hands it on.
func (h reporting) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelError {
		h.to.count(r.Message)
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs goes on counting.
func (h reporting) WithAttrs(attrs []slog.Attr) slog.Handler {
	return reporting{h.Handler.WithAttrs(attrs), h.to}
}

// WithGroup goes on counting.
func (h reporting) WithGroup(name string) slog.Handler {
	return reporting{h.Handler.WithGroup(name), h.to}
}

// count never waits. Messages are fixed words of the program, so there are few; should
// there be many all the same, they are counted as one.
func (r *reports) count(message string) { r.put(map[string]int{message: 1}) }

func (r *reports) put(counts map[string]int) {
	r.mu.Lock()
	for message, n := range counts {
		if _, known := r.counts[message]; !known && len(r.counts) >= reportsKept {
			message = "others"
		}
		r.counts[message] += n
	}
	r.mu.Unlock()
	select {
	case r.bell <- struct{}{}:
	default:
	}
}

// take empties the counts.
func (r *reports) take() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	counts := r.counts
	r.counts = map[string]int{}
	return counts
}

// run sends reports until ctx ends, or until the channel is gone.
func (r *reports) run(ctx context.Context) error {
	if r == nil {
		return nil
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.bell:
		}
		if gone := r.send(ctx, r.take()); gone {
			return nil
		}
		timer := time.NewTimer(reportsEvery)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

// send tells whether the channel is gone, so that it is not called again.
func (r *reports) send(ctx context.Context, counts map[string]int) (gone bool) {
	if len(counts) == 0 {
		return false
	}
	_, err := r.client.Execute(ctx, r.hook, discord.Message{Embeds: []*discordgo.MessageEmbed{report(counts)}})
	if err == nil || ctx.Err() != nil {
		return false
	}
	r.put(counts) // for the next report
	var e *discord.Error
	gone = errors.As(err, &e) && e.Outcome == discord.Gone
	r.log.WarnContext(ctx, "errors were not reported to the operators' channel", "errors", total(counts), "gone", gone, "err", err)
	return gone
}

// report says what was logged, the most frequent first.
func report(counts map[string]int) *discordgo.MessageEmbed {
	messages := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	var lines []string
	for i, m := range messages {
		if i == reportsKinds {
			lines = append(lines, fmt.Sprintf("and %d other kinds", len(messages)-i))
			break
		}
		lines = append(lines, fmt.Sprintf("%d × %s", counts[m], discord.Escape(clip(m))))
	}
	title := "1 error was logged"
	if n := total(counts); n != 1 {
		title = fmt.Sprintf("%d errors were logged", n)
	}
	return &discordgo.MessageEmbed{Title: title, Description: strings.Join(lines, "\n"), Color: reportColor}
}

func total(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

func clip(message string) string {
	return strings.ToValidUTF8(message[:min(len(message), reportsLength)], "")
}
