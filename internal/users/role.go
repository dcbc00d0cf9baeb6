package users

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// SetRole is the command line's way to give a role. Every session of the user
// ends. Becoming a trader stamps VerifiedAt. The last admin cannot be removed.
// fault.NotFound when there is no such user.
func (d *Directory) SetRole(ctx context.Context, username string, role Role) error {
	return d.db.AsSystem(ctx, "cli:set_role", func(ctx context.Context, tx pgx.Tx) error {
		return setRole(ctx, tx, username, role)
	})
}

// GrantRole is SetRole by an admin, whose id the audit log keeps.
func (d *Directory) GrantRole(ctx context.Context, by uuid.UUID, username string, role Role) error {
	return d.db.AsOperator(ctx, &by, func(ctx context.Context, tx pgx.Tx) error {
		return setRole(ctx, tx, username, role)
	})
}

func setRole(ctx context.Context, tx pgx.Tx, username string, role Role) error {
	if !role.Valid() {
		return fault.Field("role", "must be subscriber, trader or admin")
	}
	username = strings.ToLower(username)
	if role != Admin {
		if err := keepAnAdmin(ctx, tx, username); err != nil {
			return err
		}
	}
	_, err := one(ctx, tx, `
		update users set role = $2, session_epoch = session_epoch + 1, updated_at = now(),
		       verified_at = case when $2 = 'trader' then coalesce(verified_at, now()) else verified_at end
		where username = $1 and status <> 'deleted'
		returning `+columns, username, string(role))
	if err != nil {
		return fmt.Errorf("give %q the role %s: %w", username, role, err)
	}
	return nil
}

// keepAnAdmin locks the active admins, so that two of them cannot remove each
// other at once, and refuses when username is the only one.
func keepAnAdmin(ctx context.Context, tx pgx.Tx, username string) error {
	rows, err := tx.Query(ctx,
		`select username from users where role = 'admin' and status = 'active' order by id for update`)
	if err != nil {
		return fmt.Errorf("lock admins: %w", err)
	}
	admins, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("lock admins: %w", err)
	}
	if len(admins) == 1 && admins[0] == username {
		return fault.Conflict("invalid_state", "This is the last admin. Make somebody else an admin first.")
	}
	return nil
}

// Suspend keeps somebody out; Reinstate lets them back in. Both end every session.
// The last admin cannot be suspended.
func (d *Directory) Suspend(ctx context.Context, by uuid.UUID, username string) error {
	return d.db.AsOperator(ctx, &by, func(ctx context.Context, tx pgx.Tx) error {
		username := strings.ToLower(username)
		if err := keepAnAdmin(ctx, tx, username); err != nil {
			return err
		}
		return setStatus(ctx, tx, username, StatusActive, "suspended")
	})
}

// Reinstate ends a suspension.
func (d *Directory) Reinstate(ctx context.Context, by uuid.UUID, username string) error {
	return d.db.AsOperator(ctx, &by, func(ctx context.Context, tx pgx.Tx) error {
		return setStatus(ctx, tx, strings.ToLower(username), "suspended", StatusActive)
	})
}

func setStatus(ctx context.Context, tx pgx.Tx, username, from, to string) error {
	_, err := one(ctx, tx, `
		update users set status = $3, session_epoch = session_epoch + 1, updated_at = now()
		where username = $1 and status = $2
		returning `+columns, username, from, to)
	if errors.Is(err, fault.NotFound()) {
		return fault.Conflict("invalid_state", "There is no "+from+" user of that name.")
	}
	if err != nil {
		return fmt.Errorf("set status of %q: %w", username, err)
	}
	return nil
}

// RaiseEpoch ends every session of a user, as part of the caller's fact.
func (d *Directory) RaiseEpoch(ctx context.Context, tx pgx.Tx, id uuid.UUID) error {
	tag, err := tx.Exec(ctx, `update users set session_epoch = session_epoch + 1, updated_at = now() where id = $1`, id)
	if err != nil {
		return fmt.Errorf("raise session epoch of %s: %w", id, err)
	}
	if tag.RowsAffected() == 0 {
		return fault.NotFound()
	}
	return nil
}
