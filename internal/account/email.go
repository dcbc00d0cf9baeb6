package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/users"
)

// The sign-in contract's numbers (§4 and §8).
const (
	codeDigits = 8
	codeFor    = 10 * time.Minute
	codeTries  = 5
	undoFor    = 72 * time.Hour

	asksMax = 5         // changes that one user may ask for, and
	mostAt  = 3         // mails that one address gets of all who ask, in
	asksIn  = time.Hour // this long

	// EmailPath is the page where the code is typed.
	EmailPath = "/settings/account"
)

// EmailChange is one that waits for its code.
type EmailChange struct {
	Address   string
	ExpiresAt time.Time
}

// ChangeEmail begins to give a user another address: a code goes there, which ConfirmEmail
// takes. The route needs StepUp and SessionOnly. The answer is the same where the address
// is somebody else's; then the mail says so, and only who reads it knows. It is sent here
// and not by a job, which would have to keep the code; whoever gets none asks anew. Errors:
// validation_failed, rate_limited, mail_refused, unavailable while mail is off.
func (a *Accounts) ChangeEmail(ctx context.Context, user uuid.UUID, typed string) error {
	address, err := users.ParseEmail(typed)
	if err != nil {
		return err
	}
	if !a.post.Mails() {
		return fault.Unavailable(errors.New("e-mail is not configured"))
	}
	id, code := uuid.New(), newCode()
	taken := false
	err = a.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		taken, err = a.ask(ctx, tx, user, id, address, code)
		return err
	}, postgres.Across("whether an address is somebody else's, and how often it is asked for"))
	if err != nil {
		return fmt.Errorf("begin to change the e-mail address of %s: %w", user, err)
	}
	words := a.codeLetter(id, address, code)
	if taken {
		words = a.takenLetter(id, address)
	}
	if err := a.post.SendLetter(ctx, words); err != nil {
		return fmt.Errorf("send a code for the e-mail address of %s: %w", user, err)
	}
	return nil
}

// ask writes down that a user wants an address, under their lock (index email_changes_user,
// _address). The one that waited is over.
func (a *Accounts) ask(ctx context.Context, tx pgx.Tx, user, id uuid.UUID, address, code string) (taken bool, err error) {
	if err := lockEmail(ctx, tx, user); err != nil {
		return false, err
	}
	u, err := a.users.ByIDIn(ctx, tx, user)
	switch {
	case err != nil:
		return false, err
	case !u.Active():
		return false, fault.NotFound()
	case u.EmailVerified && strings.EqualFold(u.Email, address):
		return false, fault.Field("email", "is yours already")
	}
	now := a.now()
	var mine, there int
	err = tx.QueryRow(ctx, `
		select (select count(*) from email_changes where user_id = $1 and created_at > $3),
			(select count(*) from email_changes where lower(address) = lower($2) and created_at > $3)`, user, address, now.Add(-asksIn)).Scan(&mine, &there)
	if err != nil {
		return false, fmt.Errorf("count earlier requests: %w", err)
	}
	if mine >= asksMax || there >= mostAt {
		refused := fault.RateLimited(asksIn)
		refused.Public = "That was asked for several times within an hour. Try again later."
		return false, refused
	}
	if _, err := a.users.ByVerifiedEmail(ctx, tx, address); err == nil {
		taken = true
	} else if !errors.Is(err, fault.NotFound()) {
		return false, err
	}
	_, err = tx.Exec(ctx, `
		with over as (update email_changes set expires_at = $5 where user_id = $2 and confirmed_at is null and expires_at > $5)
		insert into email_changes (id, user_id, address, code_hash, created_at, expires_at) values ($1, $2, $3, $4, $5, $6)`,
		id, user, address, orNone(!taken, codeHash(id, code)), now, now.Add(codeFor))
	if err != nil {
		return false, fmt.Errorf("note the request: %w", err)
	}
	return taken, nil
}

func lockEmail(ctx context.Context, tx pgx.Tx, user uuid.UUID) error {
	return postgres.Lock(ctx, tx, "e-mail of "+user.String())
}

// WaitingEmail is the change that waits for its code; nil: none.
func (a *Accounts) WaitingEmail(ctx context.Context, user uuid.UUID) (*EmailChange, error) {
	list, err := postgres.OwnRows(ctx, a.db, user, pgx.RowToStructByPos[EmailChange], `
		select address, expires_at from email_changes where user_id = $1 and confirmed_at is null and expires_at > $2
		order by created_at desc limit 1`, user, a.now())
	if err != nil {
		return nil, fmt.Errorf("read the change of address of %s: %w", user, err)
	}
	if len(list) == 0 {
		return nil, nil
	}
	return &list[0], nil
}

// ConfirmEmail takes the code that was sent. The address is theirs from then on, every
// session ends, and who reads the old mailbox may take it back for three days; the job that
// tells them is in the same transaction. The route needs StepUp and SessionOnly. Errors:
// validation_failed for a wrong code; the conflict invalid_state where none waits, or not
// any more: five tries, ten minutes, one use.
func (a *Accounts) ConfirmEmail(ctx context.Context, user uuid.UUID, typed string) error {
	id, err := a.tryCode(ctx, user, strings.Join(strings.Fields(typed), ""))
	if err == nil {
		err = a.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
			return a.confirmed(ctx, tx, user, id)
		}, postgres.Across("whose an address is"))
	}
	if errors.Is(err, users.ErrEmailTaken) { // verified by somebody else in between
		err = nothingWaits()
	}
	if err != nil {
		return fmt.Errorf("change the e-mail address of %s: %w", user, err)
	}
	a.guard.Forget(user)
	a.log.InfoContext(ctx, "somebody changed their e-mail address", "user", user)
	return nil
}

func nothingWaits() error {
	return fault.Conflict("invalid_state", "No code waits for you, or not any more. Ask for a new one.")
}

// tryCode counts the try before it looks whether the code is right: no crash gives one back.
func (a *Accounts) tryCode(ctx context.Context, user uuid.UUID, code string) (id uuid.UUID, err error) {
	var want []byte
	err = a.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `
			update email_changes set tries = tries + 1
			where id = (select id from email_changes where user_id = $1 and confirmed_at is null and expires_at > $2 order by created_at desc limit 1)
			  and confirmed_at is null and tries < $3
			returning id, coalesce(code_hash, '')`, user, a.now(), codeTries).Scan(&id, &want)
	}, postgres.Across("the tries, which are not theirs to write"))
	if errors.Is(err, pgx.ErrNoRows) {
		return id, nothingWaits()
	}
	if err != nil {
		return id, fmt.Errorf("count a try: %w", err)
	}
	if subtle.ConstantTimeCompare(want, codeHash(id, code)) != 1 {
		return id, fault.Field("code", "is not the one in the mail")
	}
	return id, nil
}

// confirmed makes the change, in the order of locks: the user, sessions, the mailbox.
func (a *Accounts) confirmed(ctx context.Context, tx pgx.Tx, user, id uuid.UUID) error {
	if err := lockEmail(ctx, tx, user); err != nil {
		return err
	}
	now := a.now()
	var address string
	err := tx.QueryRow(ctx, `
		update email_changes set confirmed_at = $3, code_hash = null where id = $1 and user_id = $2 and confirmed_at is null and expires_at > $3
		returning address`, id, user, now).Scan(&address)
	if errors.Is(err, pgx.ErrNoRows) { // another tab was first, or asked anew
		return nothingWaits()
	}
	if err != nil {
		return fmt.Errorf("use the code: %w", err)
	}
	before, err := a.users.SetEmail(ctx, tx, user, address)
	if err != nil {
		return err
	}
	body := "Mail goes to " + address + " from now on. You are signed out everywhere. If that was not you, sign in, look at your ways to sign in, and change it back."
	if before != "" {
		if _, err := tx.Exec(ctx, `update email_changes set before = $2, undo_until = $3 where id = $1`, id, before, now.Add(undoFor)); err != nil {
			return fmt.Errorf("note the address of before: %w", err)
		}
		if _, err := a.queue.InsertTx(ctx, tx, EmailChangedJob{id}, nil); err != nil {
			return err
		}
		body += " Whoever reads the old address can take it back for three days."
	}
	return a.moved(ctx, tx, user, "Your e-mail address was changed", body)
}

// moved is what follows from another address, whichever way it came: everybody signs in
// anew, what waits for the mailbox of before is not sent there, and the user is told.
func (a *Accounts) moved(ctx context.Context, tx pgx.Tx, user uuid.UUID, title, body string) error {
	if err := a.guard.EndSessions(ctx, tx, user); err != nil {
		return err
	}
	if err := a.post.DropMailbox(ctx, tx, user); err != nil {
		return err
	}
	return a.alerts.Notify(ctx, tx, alerts.Notification{
		UserID: user, Type: alerts.Security, Title: title, Body: body, URL: auth.SecurityPath, LearntAt: a.now(),
	})
}

// UndoEmail gives a user the address of before again, at the word of who reads it: the
// caller has read the link that stood in the mail there. Every session ends, and later
// changes cannot be undone any more. Doing it twice changes nothing. Errors: not_found for a
// change that is too old; the conflict invalid_state where the address is another user's by now.
func (a *Accounts) UndoEmail(ctx context.Context, change uuid.UUID) error {
	var user uuid.UUID
	err := a.db.AsSystem(ctx, "undo_email", func(ctx context.Context, tx pgx.Tx) (err error) {
		user, err = a.undo(ctx, tx, change)
		return err
	})
	if errors.Is(err, users.ErrEmailTaken) {
		err = fault.Conflict("invalid_state", "This address belongs to another account by now.")
	}
	if err != nil {
		return fmt.Errorf("undo change of address %s: %w", change, err)
	}
	a.guard.Forget(user)
	a.log.WarnContext(ctx, "a change of an e-mail address was undone from the old mailbox", "user", user)
	return nil
}

func (a *Accounts) undo(ctx context.Context, tx pgx.Tx, change uuid.UUID) (user uuid.UUID, err error) {
	if err := tx.QueryRow(ctx, `select user_id from email_changes where id = $1`, change).Scan(&user); err != nil {
		if errors.Is(err, pgx.ErrNoRows) {
			err = fault.NotFound()
		}
		return user, err
	}
	if err := lockEmail(ctx, tx, user); err != nil {
		return user, err
	}
	var before string
	var undone bool
	err = tx.QueryRow(ctx, `
		select before, undone_at is not null from email_changes where id = $1 and before is not null and undo_until > $2`, change, a.now()).
		Scan(&before, &undone)
	if errors.Is(err, pgx.ErrNoRows) {
		return user, fault.NotFound()
	}
	if err != nil || undone {
		return user, err
	}
	if _, err := a.users.SetEmail(ctx, tx, user, before); err != nil {
		return user, err
	}
	// Whoever made the later ones is not to have them back.
	_, err = tx.Exec(ctx, `
		update email_changes c set undone_at = case when c.confirmed_at is not null then coalesce(c.undone_at, $3) end, code_hash = null, expires_at = least(c.expires_at, $3)
		from email_changes u where u.id = $1 and c.user_id = $2 and (c.confirmed_at is null or c.confirmed_at >= u.confirmed_at)`, change, user, a.now())
	if err != nil {
		return user, fmt.Errorf("note that it was undone: %w", err)
	}
	return user, a.moved(ctx, tx, user, "Your e-mail address is the one of before again",
		"Somebody who reads "+before+" took the change back. You are signed out everywhere. If the change was not you, look at your ways to sign in, passkeys and access tokens.")
}

// EmailChangedJob tells the old mailbox that it is one.
type EmailChangedJob struct {
	ChangeID uuid.UUID `json:"change_id"`
}

// Kind names the job for the queue.
func (EmailChangedJob) Kind() string { return "email_changed" }

// InsertOpts puts it where nobody waits behind it.
func (EmailChangedJob) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: orders.ChangedQueue}
}

// TellOldMailbox sends the notice with the way back. It is one mail, however often it runs
// within a day; what was undone, or cannot be any more, is not told of.
func (a *Accounts) TellOldMailbox(ctx context.Context, change uuid.UUID) error {
	var username, before string
	var at, until time.Time
	err := a.db.Pool().QueryRow(ctx, `
		select u.username, c.before, c.confirmed_at, c.undo_until from email_changes c join users u on u.id = c.user_id
		where c.id = $1 and c.before is not null and c.undone_at is null and c.undo_until > $2 and u.status <> 'deleted'`, change, a.now()).
		Scan(&username, &before, &at, &until)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read change of address %s: %w", change, postgres.Translate(err))
	}
	err = a.post.SendLetter(ctx, a.noticeLetter(change, username, before, at, until))
	if fault.CodeOf(err) == "mail_refused" {
		a.log.WarnContext(ctx, "the old mailbox cannot be told of a change of address", "change", change, "err", err)
		return nil
	}
	return err
}

func (a *Accounts) codeLetter(id uuid.UUID, to, code string) delivery.Letter {
	return delivery.Letter{
		ID: id, Kind: "email-code", To: to, Subject: code + " is your code for Alertsify",
		Reason: "You get this because somebody who is signed in to Alertsify typed this address. If that was not you, do nothing.",
		Title:  "Your code: " + code[:4] + " " + code[4:], Body: "Type it into the page that asked, within ten minutes. Tell it nobody: Alertsify never asks for it in any other place.",
		Link: a.post.MailPage(EmailPath + "?code=" + code), Action: "Open the page with it",
	}
}

func (a *Accounts) takenLetter(id uuid.UUID, to string) delivery.Letter {
	return delivery.Letter{
		ID: id, Kind: "email-code", To: to, Subject: "This address has an Alertsify account already",
		Reason: "You get this because somebody who is signed in to Alertsify typed this address. If that was not you, do nothing.",
		Title:  "This address belongs to another account", Body: "Somebody wanted to use it for theirs. Nothing has changed. If that was you, sign in to the account that has it, and change the address there first.",
		Link: a.post.MailPage(auth.LoginPath), Action: "Sign in",
	}
}

func (a *Accounts) noticeLetter(change uuid.UUID, username, to string, at, until time.Time) delivery.Letter {
	return delivery.Letter{
		ID: change, Kind: "email-changed", To: to, Subject: "The e-mail address of your Alertsify account was changed",
		Reason: "You get this because this was the address of @" + username + " until now. It is security mail and cannot be switched off.",
		Title:  "Your account @" + username + " has another address", At: exchange.Moment(at),
		Body: "If that was you, there is nothing to do. If it was not, take it back until " + exchange.Moment(until) +
			": the account has this address again, and everybody is signed out of it.",
		Link: a.post.UndoPage(change, until), Action: "Take it back",
	}
}

// TrimEmails forgets requests after a day, and changes when they cannot be undone any more, a
// slice at a time (index email_changes_age), and tells how many.
func TrimEmails(ctx context.Context, db *postgres.DB, now time.Time) (int64, error) {
	return db.TrimOld(ctx, "trim changes of addresses", `
		delete from email_changes where id in (
			select id from email_changes
			where created_at < $1::timestamptz - interval '24 hours' and (undo_until is null or undo_until < $1) order by created_at limit $2)`, now)
}

// forgetEmails is the part of deleting an account: no code opens anything, nothing is undone.
func (a *Accounts) forgetEmails(ctx context.Context, tx pgx.Tx, user uuid.UUID) error {
	if err := lockEmail(ctx, tx, user); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `delete from email_changes where user_id = $1`, user); err != nil {
		return fmt.Errorf("forget the addresses of %s: %w", user, err)
	}
	return nil
}

// newCode is eight digits, each as likely as the others.
func newCode() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (Go 1.24)
	return fmt.Sprintf("%0*d", codeDigits, binary.BigEndian.Uint64(b[:])%100_000_000)
}

// codeHash is of one request: the same digits of another are worth nothing.
func codeHash(id uuid.UUID, code string) []byte {
	sum := sha256.Sum256([]byte(id.String() + " " + code))
	return sum[:]
}

func orNone(there bool, b []byte) []byte {
	if !there {
		return nil
	}
	return b
}
