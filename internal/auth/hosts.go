package auth

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/jackc/pgx/v5"
)

const namesShown = 10 // of people, in one message

// host is whose passkeys this server can ask for (the relying party's id, WebAuthn level 3);
// empty where it can ask for none.
func (g *Guard) host() string {
	if g.passkeys == nil {
		return ""
	}
	return g.passkeys.Config.RPID
}

// CheckPasskeys compares the passkeys people have with the host of our address, before the
// program takes requests, and tells how many are of another one: browsers do not know them
// here. Those of before the host was kept become this one's. Where people are asked for a
// passkey and have none that can be shown here, nobody could let them in and to stop asking
// would open their accounts to whoever has their provider: in production that is an error,
// elsewhere a line in the log.
func (g *Guard) CheckPasskeys(ctx context.Context) (elsewhere int, err error) {
	if g.passkeys != nil && !g.db.ReadOnly() {
		if _, err := g.db.Pool().Exec(ctx, "update passkeys set rp_id = $1 where rp_id = ''", g.host()); err != nil {
			return 0, fmt.Errorf("note the host of passkeys: %w", err)
		}
	}
	if err := g.db.Pool().QueryRow(ctx, "select count(*) from passkeys where rp_id <> $1", g.host()).Scan(&elsewhere); err != nil {
		return 0, fmt.Errorf("count passkeys of other hosts: %w", err)
	}
	shutOut, err := g.shutOut(ctx)
	if err != nil {
		return elsewhere, err
	}
	if len(shutOut) > 0 {
		problem := fmt.Errorf("APP_URL is %s, and people are asked at sign-in for passkeys of another address: %s. "+
			"Set APP_URL back, or let each of them in with: alertsify passkeys forget NAME", g.appURL, strings.Join(shutOut, ", "))
		if g.production {
			return elsewhere, problem
		}
		g.log.ErrorContext(ctx, "people are shut out", "err", problem)
	}
	if elsewhere > 0 {
		g.log.WarnContext(ctx, "passkeys are of another address than APP_URL", slog.Int("passkeys", elsewhere), slog.String("host", g.host()))
	}
	return elsewhere, nil
}

// shutOut names some of those who are asked for a passkey that this server cannot ask for.
func (g *Guard) shutOut(ctx context.Context) ([]string, error) {
	rows, err := g.db.Pool().Query(ctx, `
		select u.username || coalesce(' (' || (select string_agg(distinct rp_id, ', ') from passkeys p where p.user_id = u.id) || ')', '')
		from second_factors f join users u on u.id = f.user_id
		where not exists (select from passkeys p where p.user_id = f.user_id and p.rp_id = $1 and $1 <> '')
		order by u.username limit $2`, g.host(), namesShown+1)
	if err != nil {
		return nil, fmt.Errorf("look for who is shut out: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("look for who is shut out: %w", err)
	}
	if len(names) > namesShown {
		names = append(names[:namesShown], "and more")
	}
	return names, nil
}
