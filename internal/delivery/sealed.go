package delivery

import "github.com/alertsify/alertsify/internal/postgres"

// Sealed are the secrets of destinations, and the chats that wait for their owner's word,
// as they are wrapped with the encryption keys.
func Sealed() []postgres.Sealed {
	return []postgres.Sealed{
		{
			Table: "destinations", Column: "secret",
			Stale: `select id, secret from destinations where secret is not null and split_part(secret, '.', 2) <> $1 order by id limit $2 for no key update`,
			Store: `update destinations t set secret = q.sealed from unnest($1::uuid[], $2::text[]) as q(id, sealed) where t.id = q.id`,
			Count: `select split_part(secret, '.', 2), count(*)::int from destinations where secret is not null group by 1`,
		},
		{
			Table: "telegram_links", Column: "chat",
			Stale: `select id, chat from telegram_links where chat is not null and split_part(chat, '.', 2) <> $1 order by id limit $2 for no key update`,
			Store: `update telegram_links t set chat = q.sealed from unnest($1::uuid[], $2::text[]) as q(id, sealed) where t.id = q.id`,
			Count: `select split_part(chat, '.', 2), count(*)::int from telegram_links where chat is not null group by 1`,
		},
	}
}
