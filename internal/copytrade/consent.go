package copytrade

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/orders"
)

// ConsentVersion is the text of the consent to automation in force.
const ConsentVersion = orders.ConsentVersion

// Consent records that a user agreed to automation, by the text's version.
func (c *Copier) Consent(ctx context.Context, user uuid.UUID, version string) error {
	if version != ConsentVersion {
		return fault.Field("version", "The text in force is "+ConsentVersion+".")
	}
	return c.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			insert into consents (user_id, version) values ($1, $2)
			on conflict (user_id, version) do update set withdrawn_at = null, given_at = now() where consents.withdrawn_at is not null`, user, version)
		return err
	})
}

// Consented is when the user agreed to the text in force; nil: they did not, or took it back.
func (c *Copier) Consented(ctx context.Context, user uuid.UUID) (since *time.Time, err error) {
	err = c.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `
			select max(given_at) from consents where user_id = $1 and version = $2 and withdrawn_at is null`, user, ConsentVersion).Scan(&since)
	})
	if err != nil {
		return nil, fmt.Errorf("read the consent of %s: %w", user, err)
	}
	return since, nil
}

func consented(ctx context.Context, tx pgx.Tx, user uuid.UUID) (given bool, err error) {
	err = tx.QueryRow(ctx, `
		select exists (select 1 from consents where user_id = $1 and version = $2 and withdrawn_at is null)`, user, ConsentVersion).Scan(&given)
	return given, err
}

// WithdrawConsent takes back a user's consent to automation. Nothing that trades
// without asking is claimed once it returned (T2 holds the same row); what waits in the
// queue is taken back. Exits become questions: what was bought stays theirs to sell.
// Withdrawing twice is the same as once.
func (c *Copier) WithdrawConsent(ctx context.Context, user uuid.UUID) error {
	err := c.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		// A claim that holds the row commits first, and its time is the earlier one.
		if _, err := tx.Exec(ctx, `select from consents where user_id = $1 order by version for no key update`, user); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			with w as (update consents set withdrawn_at = clock_timestamp() where user_id = $1 and withdrawn_at is null returning *)
			insert into consents_past (user_id, version, given_at, withdrawn_at) select user_id, version, given_at, withdrawn_at from w
			on conflict do nothing`, user)
		return err
	})
	if err != nil {
		return fmt.Errorf("withdraw the consent of %s: %w", user, err)
	}
	err = c.endAll(ctx, ending{Skipped, "copying_stopped", ""}, `
		c.user_id = @user and not c.paper and c.side = 'BTO' and c.result = 'queued' and c.order_id is null`, pgx.NamedArgs{"user": user})
	if err != nil {
		return err
	}
	if err := c.abortQueued(ctx, user); err != nil {
		return err
	}
	return c.askInstead(ctx, user)
}

// abortQueued aborts what a user's automatic copying has queued and nobody claimed (index
// orders_user). Foreign table: orders.
func (c *Copier) abortQueued(ctx context.Context, user uuid.UUID) error {
	rows, err := c.db.Pool().Query(ctx, `
		select o.id from orders o join copy_decisions c on c.id = o.decision_id
		where o.user_id = $1 and o.state = 'queued' and o.source = 'copy' and c.responded_at is null order by o.id limit 1000`, user)
	if err != nil {
		return fmt.Errorf("read what waits for %s: %w", user, err)
	}
	queued, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return fmt.Errorf("read what waits for %s: %w", user, err)
	}
	var errs []error
	for _, id := range queued {
		errs = append(errs, c.desk.AbortCopy(ctx, id, "copying_stopped", reasons["copying_stopped"]))
	}
	return errors.Join(errs...)
}

// askInstead puts a user's exits that have sold nothing yet to them as questions.
func (c *Copier) askInstead(ctx context.Context, user uuid.UUID) error {
	err := c.db.AsSystem(ctx, "copier", func(ctx context.Context, tx pgx.Tx) error {
		asked, err := collect(tx.Query(ctx, `
			with made as (
				update copy_decisions c set result = 'awaiting_approval', reason = null, order_id = null, updated_at = now()
				where c.user_id = $1 and not c.paper and c.side = 'STC' and c.result = 'queued' and c.expires_at > clock_timestamp()
				  and not exists (select 1 from orders e where e.decision_id = c.id and e.state <> 'aborted')
				returning *)`+readMade, user))
		if err != nil {
			return err
		}
		for _, d := range asked {
			leader, err := c.desk.Any(ctx, d.LeaderOrderID)
			if err != nil {
				return err
			}
			one := pgx.NamedArgs{"id": d.ID}
			if err := errors.Join(c.ask(ctx, tx, leader, askedAgain, `c.id = @id`, one), c.show(ctx, tx, leader, `c.id = @id`, one)); err != nil {
				return err
			}
		}
		return publish(ctx, tx, asked)
	})
	if err != nil {
		return fmt.Errorf("ask %s about exits: %w", user, err)
	}
	return nil
}
