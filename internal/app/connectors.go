package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/billing"
	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/discord"
	"github.com/alertsify/alertsify/internal/email"
	"github.com/alertsify/alertsify/internal/getstream"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/redis"
	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/sentry"
	"github.com/alertsify/alertsify/internal/snaptrade"
	"github.com/alertsify/alertsify/internal/telegram"
	"github.com/alertsify/alertsify/internal/webhook"
	"github.com/alertsify/alertsify/internal/webpush"
	"github.com/alertsify/alertsify/internal/whop"
)

// outside are the channels alerts leave by; a nil one is off.
type outside struct {
	discord  *delivery.Discord
	push     *delivery.WebPush
	feed     *delivery.Feed
	email    *delivery.Email
	telegram *delivery.Telegram
	hooks    *delivery.Hooks
	streams  *getstream.Client
	bot      *telegram.Client
	whop     *whop.Client // nil: plans are not sold
	signIn   *whop.SignIn // nil: nobody signs in at Whop
}

// client makes the client by which a party is called; HTTP/2 where it takes many small calls.
func (a *App) client(party string, http2 bool) *http.Client {
	return httpio.NewEgress(httpio.EgressOptions{AllowLoopback: a.loopback(), HTTP2: http2, Party: party, Watch: a.meter.call, Quotas: &a.quotas})
}

// openConnectors makes the clients of the outside parties. It calls nobody.
func (a *App) openConnectors(context.Context) error {
	a.openMarket()
	a.openDiscord()
	a.openEmail()
	a.openTelegram()
	a.openWhop()
	a.openHooks()
	return errors.Join(a.openSnapTrade(), a.openPush(), a.openStreams())
}

func (a *App) openSnapTrade() (err error) {
	a.budget = snaptrade.NewBudget(a.db.Pool(), a.cfg.SnapTradeBudget)
	if a.cfg.SnapTradeClientID == "" {
		return nil
	}
	keys := []secret.Text{a.cfg.SnapTradeConsumerKey}
	if !a.cfg.SnapTradeConsumerKeyOld.IsZero() {
		keys = append(keys, a.cfg.SnapTradeConsumerKeyOld)
	}
	a.broker, err = snaptrade.New(snaptrade.Config{
		BaseURL: a.cfg.SnapTradeURL, ClientID: a.cfg.SnapTradeClientID, ConsumerKeys: keys, Budget: a.budget,
		Now: time.Now, Logger: a.log, Observe: a.calledSnapTrade,
	})
	if err != nil {
		return fmt.Errorf("set up SnapTrade: %w", err)
	}
	a.onClose(a.broker.Close)
	return nil
}

// calledSnapTrade notes what became of a call, and what SnapTrade says is left.
func (a *App) calledSnapTrade(c snaptrade.Call) {
	a.meter.snaptrade(c)
	a.quotas.Keep("snaptrade", c.Quota)
}

// loopback are the hosts on this machine that development may call; production has none.
func (a *App) loopback() []string {
	if a.cfg.Env == Production {
		return nil
	}
	var hosts []string
	for _, address := range []string{a.cfg.DiscordURL, a.cfg.GetStreamURL, a.cfg.AlpacaURL, a.cfg.ResendURL, a.cfg.TelegramURL, a.cfg.WhopURL} {
		if u, err := url.Parse(address); err == nil && u.Hostname() == "127.0.0.1" {
			hosts = append(hosts, u.Host)
		}
	}
	if dsn, err := sentry.ParseDSN(a.cfg.SentryDSN); err == nil && dsn.Local() {
		hosts = append(hosts, dsn.Host())
	}
	return append(hosts, a.pushHosts()...)
}

func (a *App) pushHosts() []string {
	var hosts []string
	for host := range strings.SplitSeq(a.cfg.PushExtraHosts, ",") {
		if host = strings.TrimSpace(host); host != "" {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

func (a *App) openMarket() {
	a.market = market.New(market.Options{
		BaseURL: a.cfg.AlpacaURL, Key: a.cfg.AlpacaKey, Secret: a.cfg.AlpacaSecret, Feed: a.cfg.AlpacaFeed,
		Cache: a.redis, DB: a.db, Clock: a.clock, HTTP: a.client(partyOf("market"), false), Logger: a.log,
	})
	a.onClose(a.market.Close)
}

func (a *App) openDiscord() {
	a.outside.discord = delivery.NewDiscord(discord.New(discord.Options{
		BaseURL: a.cfg.DiscordURL, UserAgent: "DiscordBot (" + a.cfg.AppURL + ", 1)",
		HTTP: a.client("discord", false), Now: time.Now,
	}))
}

// messageLimits are how many messages a destination gets.
func (a *App) messageLimits() map[string]delivery.Limit {
	limits := delivery.DefaultLimits()
	for channel, perMinute := range map[string]int{delivery.ChannelDiscord: a.cfg.RateDiscord, delivery.ChannelPush: a.cfg.RatePush} {
		l := limits[channel]
		l.Messages = perMinute
		limits[channel] = l
	}
	return limits
}

func (a *App) openEmail() {
	if a.cfg.ResendKey.IsZero() {
		return
	}
	client := email.New(email.Options{
		BaseURL: a.cfg.ResendURL, Key: a.cfg.ResendKey, From: a.cfg.EmailFrom, ReplyTo: a.cfg.EmailReplyTo, UserAgent: "Alertsify/1 (" + a.cfg.AppURL + ")",
		HTTP: a.client(partyOf("email"), false), Now: time.Now, Take: a.takeMail,
	})
	a.outside.email = delivery.NewEmail(client, email.NewLinks(a.cfg.AppURL, a.cfg.SessionSecret), a.db, time.Now)
}

func (a *App) openWhop() {
	if a.cfg.WhopKey.IsZero() {
		return
	}
	a.outside.whop = whop.New(whop.Options{
		BaseURL: a.cfg.WhopURL, Key: a.cfg.WhopKey, Account: a.cfg.WhopAccount, Version: a.cfg.WhopVersion,
		HTTP: a.client("whop", false), Now: time.Now, Logger: a.log, Observe: a.meter.whop,
	})
	if a.cfg.WhopClientID == "" {
		return
	}
	a.outside.signIn = whop.NewSignIn(whop.SignInOptions{
		BaseURL: a.cfg.WhopURL, ClientID: a.cfg.WhopClientID, Secret: a.cfg.WhopClientSecret, Redirect: strings.TrimRight(a.cfg.AppURL, "/") + billing.LinkPath,
		HTTP: a.client("whop", false),
	})
}

// openHooks makes the client of the users' own webhooks. In development a receiver may be
// one that the sandbox plays.
func (a *App) openHooks() {
	client := webhook.New(webhook.Options{
		HTTP: a.client("webhook", false), AllowLoopback: a.loopback(),
		UserAgent: "Alertsify/1 (" + a.cfg.AppURL + ")", Now: time.Now,
	})
	a.outside.hooks = delivery.NewHooks(client, time.Now)
}

// takeMail counts requests to Resend for all processes together; while Redis is away each
// counts for itself, at half the rate.
func (a *App) takeMail(ctx context.Context, perSecond int) time.Duration {
	v := a.redis.Allow(ctx, "resend", redis.Rate{Limit: perSecond, Per: time.Second})
	if v.Allowed {
		return 0
	}
	return max(v.Reset, 10*time.Millisecond)
}

func (a *App) openPush() error {
	if a.cfg.VAPIDPublic == "" {
		return nil
	}
	keys, err := webpush.ParseKeys(a.cfg.VAPIDPublic, a.cfg.VAPIDPrivate)
	if err != nil {
		return fmt.Errorf("VAPID_PUBLIC_KEY and VAPID_PRIVATE_KEY: %w", err)
	}
	client, err := webpush.New(webpush.ClientOptions{
		Subject: a.cfg.VAPIDSubject, Keys: keys, ExtraHosts: a.pushHosts(),
		HTTP: a.client("push", true), Now: time.Now,
	})
	if err != nil {
		return fmt.Errorf("set up web push: %w", err)
	}
	a.outside.push = delivery.NewWebPush(client, a.pushHosts(), time.Now)
	return nil
}

func (a *App) openStreams() error {
	if a.cfg.GetStreamKey == "" {
		return nil
	}
	client, err := getstream.New(getstream.Options{
		Key: a.cfg.GetStreamKey, Secret: a.cfg.GetStreamSecret, BaseURL: a.cfg.GetStreamURL,
		HTTP: a.client("getstream", false), Now: time.Now,
	})
	if err != nil {
		return fmt.Errorf("set up GetStream: %w", err)
	}
	a.outside.streams = client
	a.outside.feed = delivery.NewFeed(client)
	return nil
}

// providers are the ways to sign in that the settings name.
func (a *App) providers() []auth.ProviderConfig {
	var offered []auth.ProviderConfig
	for _, p := range []auth.ProviderConfig{
		{Name: "google", ClientID: a.cfg.GoogleID, ClientSecret: a.cfg.GoogleSecret},
		{Name: "discord", ClientID: a.cfg.DiscordID, ClientSecret: a.cfg.DiscordSecret},
		{Name: "github", ClientID: a.cfg.GitHubID, ClientSecret: a.cfg.GitHubSecret},
	} {
		if p.ClientID != "" || !p.ClientSecret.IsZero() {
			offered = append(offered, p)
		}
	}
	if len(offered) > 0 {
		return offered
	}
	// The sandbox signs people in only where no real provider is set.
	if a.cfg.OpenIDURL == "" || a.cfg.Env == Production {
		return nil
	}
	return []auth.ProviderConfig{{
		Name: "sandbox", ClientID: a.cfg.OpenIDClientID, ClientSecret: a.cfg.OpenIDClientSecret, Issuer: a.cfg.OpenIDURL,
	}}
}
