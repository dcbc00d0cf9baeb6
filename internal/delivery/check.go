package delivery

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// CheckPlatform asks Discord whether the platform's webhooks still exist. What
// was given up already is not called again.
func (p *Post) CheckPlatform(ctx context.Context) error {
	if p.discord == nil {
		return errDiscordOff()
	}
	rows, err := p.db.Pool().Query(ctx, `
		select id from destinations
		where channel = $1 and user_id is null and disabled_at is null and removed_at is null
		order by created_at limit 10`, ChannelDiscord)
	if err != nil {
		return fmt.Errorf("read platform webhooks: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return fmt.Errorf("read platform webhooks: %w", err)
	}
	if len(ids) == 0 {
		return errors.New("no platform webhook is alive; Discord said that it is gone")
	}
	for _, id := range ids {
		d, err := p.destination(ctx, id)
		if err != nil {
			return err
		}
		if _, err := p.discord.client.Get(ctx, webhookOf(d)); err != nil {
			return fmt.Errorf("ask Discord for a platform webhook: %w", err)
		}
	}
	return nil
}
