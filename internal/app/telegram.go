package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/hooks"
	"github.com/alertsify/alertsify/internal/redis"
	"github.com/alertsify/alertsify/internal/telegram"
)

func (a *App) openTelegram() {
	if a.cfg.TelegramToken.IsZero() {
		return
	}
	a.outside.bot = telegram.New(telegram.Options{
		BaseURL: a.cfg.TelegramURL, Token: a.cfg.TelegramToken, HTTP: a.client("telegram", false),
		Logger: a.log, Take: a.takeChat,
	})
	a.outside.telegram = delivery.NewTelegram(a.outside.bot, a.cfg.AppURL, a.allow)
}

// takeChat counts the bot's messages for all processes together; while Redis is away each
// counts for itself, at half the rate.
func (a *App) takeChat(ctx context.Context) time.Duration {
	v := a.redis.Allow(ctx, "telegram", redis.Rate{Limit: telegram.PerSecond, Per: time.Second})
	if v.Allowed {
		return 0
	}
	return max(v.Reset, 10*time.Millisecond)
}

// telegramHook is where Telegram sends what people tell the bot.
func (a *App) telegramHook() string {
	return strings.TrimRight(a.cfg.AppURL, "/") + "/api/webhooks/telegram"
}

// hookEvery is how often it is looked whether Telegram still sends there.
const hookEvery = 10 * time.Minute

// keepTelegramHook tells Telegram where to send and by which word we know it: at the start
// of every process, because the word may be new, and again when somebody has told it
// another address. Two processes that do it at once say the same.
func (a *App) keepTelegramHook(ctx context.Context) error {
	if a.outside.bot == nil {
		return nil
	}
	said := false
	for wait := time.Second; ; {
		err := a.sayTelegramHook(ctx, said)
		a.telling.Store(false)
		if said = err == nil; said {
			wait = hookEvery
		} else if ctx.Err() == nil {
			a.log.WarnContext(ctx, "tell Telegram where to send; trying again", "err", err)
			wait = min(2*wait, time.Minute)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

func (a *App) sayTelegramHook(ctx context.Context, said bool) error {
	if said {
		set, err := a.outside.bot.WebhookURL(ctx)
		if err != nil || set == a.telegramHook() {
			return err
		}
		a.log.WarnContext(ctx, "Telegram was told another address", "address", set)
	}
	return a.outside.bot.SetWebhook(ctx, a.telegramHook(), a.cfg.TelegramSecret)
}

// askTelegram proves the token, and that updates come here.
func (a *App) askTelegram() func(context.Context) error {
	if a.outside.bot == nil {
		return nil
	}
	return func(ctx context.Context) error {
		set, err := a.outside.bot.WebhookURL(ctx)
		if err != nil || set == a.telegramHook() || a.telling.Load() {
			return err
		}
		return fmt.Errorf("updates go to %q, not to %q", set, a.telegramHook())
	}
}

// workChatEvents works what people tell our bot.
func (a *App) workChatEvents(ctx context.Context) error {
	if a.outside.telegram == nil {
		return nil
	}
	a.inbox.Work(ctx, hooks.TelegramProvider, a.post.ReceiveTelegram)
	return nil
}
