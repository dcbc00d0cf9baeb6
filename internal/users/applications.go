package users

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/postgres"
)

const (
	applicationMin, applicationMax = 20, 1000 // characters, as the table checks
	reasonMax                      = 500
)

// The states of an application.
const (
	ApplicationPending   = "pending"
	ApplicationWithdrawn = "withdrawn"
	ApplicationApproved  = "approved"
	ApplicationRejected  = "rejected"
)

// Application is somebody's wish to become a trader.
type Application struct {
	ID        uuid.UUID
	UserID    uuid.UUID
	Username  string
	Name      string
	Text      string
	State     string
	Reason    string // an operator's, for the applicant
	CreatedAt time.Time
	EndedAt   *time.Time
}

// Applications takes, shows and decides them. It alone writes trader_applications.
type Applications struct {
	db     *postgres.DB
	alerts *alerts.Announcer
	now    func() time.Time
}

// NewApplications makes it.
func NewApplications(db *postgres.DB, announcer *alerts.Announcer, now func() time.Time) *Applications {
	return &Applications{db: db, alerts: announcer, now: now}
}

const applicationColumns = `a.id, a.user_id, u.username, u.name, a.body, a.state, a.reason, a.created_at, a.ended_at`

func collectApplications(rows pgx.Rows, err error) ([]Application, error) {
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Application])
}

// Apply asks for a subscriber to become a trader. Errors: validation_failed; the conflict
// invalid_state for who is one, or waits for an answer already.
func (a *Applications) Apply(ctx context.Context, user uuid.UUID, text string) (Application, error) {
	text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
	if n := utf8.RuneCountInString(text); n < applicationMin || n > applicationMax || !plainText(text) {
		return Application{}, fault.Field("text", fmt.Sprintf("Say in %d to %d characters what you trade.", applicationMin, applicationMax))
	}
	var made []Application
	err := a.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) (err error) {
		made, err = collectApplications(tx.Query(ctx, `
			with a as (
				insert into trader_applications (user_id, body)
				select id, $2 from users where id = $1 and role = 'subscriber' and status = 'active' returning *)
			select `+applicationColumns+` from a join users u on u.id = a.user_id`, user, text))
		return err
	})
	if postgres.IsUnique(err, "trader_applications_one") {
		return Application{}, fault.Conflict("invalid_state", "You have asked already; an operator answers.")
	}
	if err != nil {
		return Application{}, fmt.Errorf("ask for %s to become a trader: %w", user, err)
	}
	if len(made) == 0 {
		return Application{}, fault.Conflict("invalid_state", "You are a trader already.")
	}
	return made[0], nil
}

// Withdraw takes one's application back; the conflict invalid_state when none waits.
func (a *Applications) Withdraw(ctx context.Context, user uuid.UUID) error {
	var taken int64
	err := a.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) (err error) {
		taken, err = a.withdraw(ctx, tx, user)
		return err
	})
	if err != nil {
		return fmt.Errorf("withdraw the application of %s: %w", user, err)
	}
	if taken == 0 {
		return fault.Conflict("invalid_state", "No application of yours waits for an answer.")
	}
	return nil
}

func (a *Applications) withdraw(ctx context.Context, tx pgx.Tx, user uuid.UUID) (int64, error) {
	tag, err := tx.Exec(ctx, `update trader_applications set state = 'withdrawn', ended_at = now() where user_id = $1 and state = 'pending'`, user)
	return tag.RowsAffected(), err
}

// Latest is somebody's last application; nil: they never asked.
func (a *Applications) Latest(ctx context.Context, user uuid.UUID) (*Application, error) {
	var list []Application
	err := a.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) (err error) {
		list, err = collectApplications(tx.Query(ctx, `
			select `+applicationColumns+` from trader_applications a join users u on u.id = a.user_id
			where a.user_id = $1 order by a.created_at desc limit 1`, user))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the application of %s: %w", user, err)
	}
	if len(list) == 0 {
		return nil, nil
	}
	return &list[0], nil
}

// Pending lists those that wait, the oldest first, for operators. The second result is
// where the next page begins.
func (a *Applications) Pending(ctx context.Context, limit int, from *httpio.Cursor) ([]Application, *httpio.Cursor, error) {
	at, id := time.Time{}, uuid.Nil
	if from != nil {
		at, id = from.At, from.ID
	}
	list, err := collectApplications(a.db.Pool().Query(ctx, `
		select `+applicationColumns+` from trader_applications a join users u on u.id = a.user_id
		where a.state = 'pending' and (a.created_at, a.id) > ($1, $2) order by a.created_at, a.id limit $3`, at, id, limit+1))
	if err != nil {
		return nil, nil, fmt.Errorf("list applications: %w", err)
	}
	if len(list) <= limit {
		return list, nil, nil
	}
	list = list[:limit]
	return list, &httpio.Cursor{At: list[limit-1].CreatedAt, ID: list[limit-1].ID}, nil
}

// Approve makes the applicant a trader and tells them. Their sessions end, as with every
// change of a role. Errors: fault.NotFound; the conflict invalid_state when it waits no more.
func (a *Applications) Approve(ctx context.Context, by, id uuid.UUID) (Application, error) {
	return a.decide(ctx, by, id, ApplicationApproved, "", func(ctx context.Context, tx pgx.Tx, who uuid.UUID) error {
		tag, err := tx.Exec(ctx, `
			update users set role = case when role = 'subscriber' then 'trader' else role end, verified_at = coalesce(verified_at, now()),
				session_epoch = session_epoch + 1, updated_at = now()
			where id = $1 and status = 'active'`, who)
		if err == nil && tag.RowsAffected() == 0 {
			return fault.Conflict("invalid_state", "The applicant is suspended.")
		}
		return err
	})
}

// Reject answers with a reason, which the applicant is told. Errors are those of Approve,
// and validation_failed without a reason.
func (a *Applications) Reject(ctx context.Context, by, id uuid.UUID, reason string) (Application, error) {
	reason = strings.TrimSpace(strings.ReplaceAll(reason, "\r\n", "\n"))
	if reason == "" || utf8.RuneCountInString(reason) > reasonMax || !plainText(reason) {
		return Application{}, fault.Field("reason", fmt.Sprintf("Give a reason of at most %d characters; the applicant reads it.", reasonMax))
	}
	return a.decide(ctx, by, id, ApplicationRejected, reason, func(context.Context, pgx.Tx, uuid.UUID) error { return nil })
}

// decide ends an application, does what follows from that, and tells the applicant, in
// one transaction. Two operators at once: the first decides.
func (a *Applications) decide(ctx context.Context, by, id uuid.UUID, state, reason string, follow func(context.Context, pgx.Tx, uuid.UUID) error) (Application, error) {
	var ended Application
	err := a.db.AsOperator(ctx, &by, func(ctx context.Context, tx pgx.Tx) error {
		list, err := collectApplications(tx.Query(ctx, `
			with a as (
				update trader_applications set state = $2, reason = $3, decided_by = $4, ended_at = now()
				where id = $1 and state = 'pending' returning *)
			select `+applicationColumns+` from a join users u on u.id = a.user_id`, id, state, reason, by))
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return notPending(ctx, tx, id)
		}
		ended = list[0]
		if err := follow(ctx, tx, ended.UserID); err != nil {
			return err
		}
		return a.alerts.Notify(ctx, tx, a.answer(ended))
	})
	if err != nil {
		return Application{}, fmt.Errorf("decide application %s: %w", id, err)
	}
	return ended, nil
}

func notPending(ctx context.Context, tx pgx.Tx, id uuid.UUID) error {
	var state string
	err := tx.QueryRow(ctx, `select state from trader_applications where id = $1`, id).Scan(&state)
	if errors.Is(err, pgx.ErrNoRows) {
		return fault.NotFound()
	}
	if err != nil {
		return err
	}
	return fault.Conflict("invalid_state", "It is "+state+" already.")
}

func (a *Applications) answer(ended Application) alerts.Notification {
	n := alerts.Notification{
		UserID: ended.UserID, Type: alerts.System, SubjectKey: "application:" + ended.ID.String(), LearntAt: a.now(), URL: "/settings/profile",
		Title: "You are a trader now", Body: "Sign in again; from your next trade on you are announced and can be copied.",
	}
	if ended.State == ApplicationRejected {
		n.Title, n.Body = "Your application as a trader was declined", ended.Reason
	}
	return n
}

// plainText tells whether the database and a page can hold it: UTF-8 without control
// characters but line ends.
func plainText(text string) bool {
	strange := strings.IndexFunc(text, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f })
	return strange < 0 && utf8.ValidString(text)
}
