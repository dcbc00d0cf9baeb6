package delivery

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/discord"
	"github.com/alertsify/alertsify/internal/postgres"
)

// PlatformDiscord makes the platform's webhooks those of the configuration: bto
// for entries, stc for exits, each empty when off, possibly the same. Call it at
// every start; repeating it changes nothing.
func (p *Post) PlatformDiscord(ctx context.Context, bto, stc string) error {
	var wanted []fresh
	for _, side := range []struct{ name, url string }{{"BTO", bto}, {"STC", stc}} {
		if side.url == "" {
			continue
		}
		hook, err := discord.ParseWebhookURL(side.url)
		if err != nil {
			return fmt.Errorf("platform webhook for %s: %w", side.name, err)
		}
		f := freshWebhook(nil, hook)
		f.Settings.Label, f.Sides = "Alertsify", []string{side.name}
		if len(wanted) == 1 && wanted[0].Address == f.Address {
			wanted[0].Sides = []string{"BTO", "STC"}
			continue
		}
		wanted = append(wanted, f)
	}
	return p.ensure(ctx, ChannelDiscord, wanted)
}

// EnsureFeed makes the feed a destination while it is configured. Call it at
// every start.
func (p *Post) EnsureFeed(ctx context.Context) error {
	if p.feed == nil {
		return p.ensure(ctx, ChannelFeed, nil)
	}
	return p.ensure(ctx, ChannelFeed, []fresh{
		{Channel: ChannelFeed, Address: feedTrades, Settings: Settings{Label: "Feeds"}},
		{Channel: ChannelFeed, Address: feedNotifications, Settings: Settings{Label: "Feeds"}},
	})
}

// ensure makes the platform's destinations of a channel the wanted ones. One
// process at a time does it.
func (p *Post) ensure(ctx context.Context, channel string, wanted []fresh) error {
	err := p.db.AsSystem(ctx, "start", func(ctx context.Context, tx pgx.Tx) error {
		if err := postgres.Lock(ctx, tx, "platform destinations"); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `
			select `+storedColumns+` from destinations
			where user_id is null and channel = $1 and removed_at is null
			order by id for no key update`, channel)
		if err != nil {
			return err
		}
		known, err := pgx.CollectRows(rows, pgx.RowToStructByPos[stored])
		if err != nil {
			return err
		}
		return p.replace(ctx, tx, known, wanted)
	})
	if err != nil {
		return fmt.Errorf("ensure platform destinations of %s: %w", channel, err)
	}
	return nil
}

func (p *Post) replace(ctx context.Context, tx pgx.Tx, known []stored, wanted []fresh) error {
	var unwanted []uuid.UUID
	for _, k := range known {
		if !slices.ContainsFunc(wanted, func(f fresh) bool { return f.Address == k.Address }) {
			unwanted = append(unwanted, k.ID)
		}
	}
	if err := p.remove(ctx, tx, unwanted...); err != nil {
		return err
	}
	for _, f := range wanted {
		i := slices.IndexFunc(known, func(k stored) bool { return k.Address == f.Address })
		if i < 0 {
			if _, err := p.insert(ctx, tx, f); err != nil {
				return err
			}
			continue
		}
		if err := p.keep(ctx, tx, known[i], f); err != nil {
			return err
		}
	}
	return nil
}

// keep renews a platform destination, but a dead one stays dead as long as the
// configuration still names the same token: a restart is no reason to call it again.
func (p *Post) keep(ctx context.Context, tx pgx.Tx, known stored, f fresh) error {
	same := known.Secret == nil && f.Secret.IsZero()
	if known.Secret != nil {
		token, err := p.open(known.ID, *known.Secret)
		same = err == nil && token.Reveal() == f.Secret.Reveal()
	}
	if !same {
		return p.renew(ctx, tx, known.ID, f)
	}
	_, err := tx.Exec(ctx, `
		update destinations set settings = $2, sides = coalesce($3, sides), updated_at = $4 where id = $1`,
		known.ID, f.Settings, f.Sides, p.now())
	if err != nil {
		return fmt.Errorf("keep destination: %w", err)
	}
	return nil
}
