package account

import (
	"archive/zip"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
)

const (
	exportEvery   = time.Hour // for each user
	exportsAtOnce = 2         // in one process: each has a connection while it reads
)

// Archive is a ZIP of what somebody owns, in a file that nobody else can open; Close ends
// it, and so does Send.
type Archive struct {
	*os.File

	Name string // to save it as
	At   time.Time
}

// sendTime is how long a slow reader may take; a request's own is too short for them.
const sendTime = 10 * time.Minute

// Send answers a request with it and ends it.
func (a *Archive) Send(w http.ResponseWriter) error {
	defer func() { _ = a.Close() }()
	size, err := a.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = a.Seek(0, io.SeekStart)
	}
	if err == nil {
		err = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(sendTime))
	}
	if err != nil {
		return fmt.Errorf("send an export: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/zip")
	h.Set("Content-Disposition", `attachment; filename="`+a.Name+`"`)
	h.Set("Content-Length", strconv.FormatInt(size, 10))
	h.Set("Cache-Control", "no-store")
	if _, err := io.Copy(w, a.File); err != nil {
		return fmt.Errorf("send an export: %w", err)
	}
	return nil
}

// Export writes everything that is a user's into a ZIP of JSON lines, a file for each
// table. It is read in one transaction under the user's own rights, so that a query that
// forgot its owner would find nothing of others, and row by row: memory does not grow with
// it. Columns that are secrets, or the program's own business, are left out. Errors:
// rate_limited within an hour of the last one; unavailable while others are being made.
func (a *Accounts) Export(ctx context.Context, user uuid.UUID) (*Archive, error) {
	select {
	case a.exports <- struct{}{}:
		defer func() { <-a.exports }()
	default:
		return nil, fault.Unavailable(errors.New("as many exports as may be are being made"))
	}
	spool, err := unnamed()
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	archive := &Archive{File: spool, At: a.now().UTC()}
	archive.Name = "alertsify-" + archive.At.Format(time.DateOnly) + ".zip"
	err = a.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		if err := oncePerHour(ctx, tx, user); err != nil {
			return err
		}
		return writeArchive(ctx, tx, user, spool)
	}, postgres.NoRetry()) // what is in the file already cannot be written twice
	if err == nil {
		_, err = spool.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("export the data of %s: %w", user, err), spool.Close())
	}
	a.log.InfoContext(ctx, "somebody took their data along", "user", user)
	return archive, nil
}

// unnamed makes a file that is gone as soon as it is closed, whatever happens to us.
func unnamed() (*os.File, error) {
	f, err := os.CreateTemp("", "export-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// oncePerHour notes the export. The lock makes the second of two at once see the first.
func oncePerHour(ctx context.Context, tx pgx.Tx, user uuid.UUID) error {
	if err := postgres.Lock(ctx, tx, "export "+user.String()); err != nil {
		return err
	}
	var seconds *int
	err := tx.QueryRow(ctx, `
		select ceil(extract(epoch from max(at) + $2::interval - now()))::int from data_exports where user_id = $1 and at > now() - $2::interval`,
		user, exportEvery).Scan(&seconds)
	if err != nil {
		return fmt.Errorf("read the last export: %w", err)
	}
	if seconds != nil {
		refused := fault.RateLimited(time.Duration(*seconds) * time.Second)
		refused.Public = "Your data can be taken along once an hour."
		return refused
	}
	if _, err := tx.Exec(ctx, `insert into data_exports (user_id) values ($1)`, user); err != nil {
		return fmt.Errorf("note the export: %w", err)
	}
	return nil
}

// exportsKept is how long it is known when somebody took their data along.
const exportsKept = 365 * 24 * time.Hour

// TrimExports forgets exports after a year, a slice at a time, and tells how many.
func TrimExports(ctx context.Context, db *postgres.DB, now time.Time) (int64, error) {
	return db.TrimOld(ctx, "trim exports", `
		delete from data_exports where id in (select id from data_exports where at < $1 limit $2)`, now.Add(-exportsKept))
}

// part is one file of the archive. Its query gives one JSON object a row, of user $1; the
// columns $2 are left out of it.
type part struct{ name, query string }

// internalColumns are the program's own business, in whatever table they stand.
var internalColumns = []string{"claim_token", "claim", "claimed_by", "claim_deadline", "claimed_until", "instance", "token_hash", "secret", "user_secret", "body_hash"}

func own(table string) part { return ownedBy(table, "user_id") }

func ownedBy(table, owner string) part {
	return part{table, `select to_jsonb(t) - $2::text[] from ` + table + ` t where t.` + owner + ` = $1`}
}

// some is own with the columns named, for tables that hold secrets besides.
func some(table, columns string) part {
	return part{table, `select to_jsonb(t) - $2::text[] from (select ` + columns + ` from ` + table + ` where user_id = $1) t`}
}

// parts are all that is somebody's; notTaken says what is left out, and why. A test holds
// both against the tables there are.
func parts() []part {
	return []part{
		{"profile", `select to_jsonb(t) - $2::text[] from (select id, username, name, role, bio, avatar_url, time_zone, theme, palette, celebrates, announces_detected, verified_at, created_at
			from users where id = $1) t`},
		some("identities", "provider, email, email_verified, created_at, last_used_at"),
		some("sign_ins", "method, device, ip_prefix, created_at, last_seen_at"),
		some("access_tokens", "id, name, scope, created_at, last_used_at, revoked_at, expires_at"),
		some("passkeys", "id, name, backup_eligible, backed_up, transports, created_at, last_used_at"), own("second_factors"),
		own("legal_acceptances"), own("trader_applications"), own("data_exports"), own("table_columns"),
		own("connections"), own("accounts"), own("watchlist"), own("risk_limits"), own("day_counters"),
		own("positions"), own("position_adjustments"), own("position_differences"), own("late_fees"),
		own("orders"), own("order_events"), own("order_changes"), own("order_broker_ids"), own("fills"),
		ownedBy("subscriptions", "follower_id"), ownedBy("follows", "follower_id"), own("muted_traders"),
		own("consents"), own("consents_past"), own("copy_decisions"), own("copy_holdings"), own("copy_results"), own("copy_day_results"),
		own("copy_triggers"), own("copy_drifts"), own("paper_holdings"), own("paper_fills"),
		own("alerts"), own("notifications"), own("notification_choices"), own("quiet_hours"), own("mail_complaints"), own("mail_optouts"),
		some("destinations", "id, channel, case when channel = 'email' then address end as address, created_at, removed_at, disabled_at, disabled_reason"),
		{"record", `select to_jsonb(t) - $2::text[] from (select seq, entry, encode(hash, 'hex') as link, created_at from record_entries where trader_id = $1 order by seq) t`},
		own("memberships"), own("redemptions"), own("whop_links"),
		{"audit_log", `select to_jsonb(t) from (
			select at, act, kind, row_id, change - 'granted_by' - 'set_by' as change, by_user = $1 as by_me, case when by_user = $1 then origin else '' end as origin
			from audit_log where (user_id = $1 or by_user = $1) and $2::text[] is not null) t`},
	}
}

// notTaken are tables with an owner whose rows are no data of theirs to take along.
var notTaken = map[string]string{
	"snaptrade_users":    "the secret of their broker connections",
	"telegram_links":     "a word that links a chat, good for minutes",
	"whop_link_attempts": "a sign-in at Whop on its way",
	"portal_visits":      "a visit to the broker's portal on its way",
	"email_changes":      "an address that is to be theirs, or was, for days",
	"idempotency_keys":   "answers kept so that a repeat has no second effect",
	"checkouts":          "a way to Whop's till, good for minutes",
	"order_pace":         "how many orders a minute",
	"account_looks":      "when the program looks at a broker account next",
	"broker_prices":      "the broker's last prices of what they hold",
	"security_events":    "what was seen that nobody honest does",
	"deliveries":         "the post office's books of what is in notifications and alerts",
	"rollup_days":        "sums over positions, which are taken along",
	"rollup_symbols":     "sums over positions",
	"rollup_slots":       "sums over positions",
	"rollup_progress":    "how far those sums go",
	"rollup_marks":       "which of those sums are to be done again",
	"live_events":        "what open pages were told in the last minutes",
}

func writeArchive(ctx context.Context, tx pgx.Tx, user uuid.UUID, to io.Writer) error {
	buffered := bufio.NewWriterSize(to, 64<<10)
	archive := zip.NewWriter(buffered)
	for _, p := range parts() {
		file, err := archive.Create(p.name + ".jsonl")
		if err != nil {
			return err
		}
		if err := writePart(ctx, tx, user, p, file); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	if err := archive.Close(); err != nil {
		return err
	}
	return buffered.Flush()
}

// writePart copies one table's rows as they come from the database.
func writePart(ctx context.Context, tx pgx.Tx, user uuid.UUID, p part, to io.Writer) error {
	rows, err := tx.Query(ctx, p.query, user, internalColumns)
	if err != nil {
		return err
	}
	defer rows.Close()
	var line []byte
	for rows.Next() {
		if err := rows.Scan(&line); err != nil {
			return err
		}
		if _, err := to.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return rows.Err()
}
