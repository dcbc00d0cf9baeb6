package billing

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/whop"
)

// nextRead numbers what is about to be asked: an answer to an earlier question never
// overwrites that to a later one.
func (m *Members) nextRead(ctx context.Context) (n int64, err error) {
	if err := m.db.Pool().QueryRow(ctx, `select nextval('whop_reads')`).Scan(&n); err != nil {
		return 0, fmt.Errorf("number a read from whop: %w", postgres.Translate(err))
	}
	return n, nil
}

// kept is a membership as it was written, and what it was before.
type kept struct {
	ID       string
	User     *uuid.UUID
	Access   bool
	Before   *bool // nil: it is new
	EndsAt   *time.Time
	Ending   bool
	Product  string
	Trialing bool
}

// keep writes what Whop answered to question number, in one statement, and tells whose
// plan ends or has ended. Whose a membership is follows from who signed in at Whop, from a redeemed
// key, or from what our checkout wrote into it, never from an e-mail address; one without
// any of them stays whose it was, because fields are null where a key may not see them. Rows are locked by ascending id.
// Foreign table: users.
func (m *Members) keep(ctx context.Context, number int64, list []held) (changed int, err error) {
	if len(list) == 0 {
		return 0, nil
	}
	c := columnsOf(list)
	err = m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			with q as (
				select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::boolean[], $6::timestamptz[], $7::boolean[],
					$8::timestamptz[], $9::timestamptz[], $10::text[], $11::timestamptz[], $12::uuid[])
				as q(id, whop_user, product, status, access, access_until, cancel_at_period_end, period_start, period_end, manage_url, bought_at, person)
			), links as ( -- held, so that one that is being taken away is either there until the end of this, or not at all
				select whop_user, user_id from whop_links where whop_user = any($2) order by whop_user for key share
			), before as (
				select id, access from memberships where id = any($1) order by id for no key update
			), written as (
				insert into memberships as m (id, user_id, whop_user, product, status, access, access_until, cancel_at_period_end, period_start,
					period_end, manage_url, bought_at, ended_at, read)
				select q.id, coalesce(l.user_id, r.user_id, u.id), q.whop_user, q.product, q.status, q.access, q.access_until, q.cancel_at_period_end,
					q.period_start, q.period_end, q.manage_url, q.bought_at, case when not q.access then $14::timestamptz end, $13::bigint
				from q left join links l on l.whop_user = q.whop_user
					left join redemptions r on r.membership_id = q.id
					left join users u on u.id = q.person
					left join before b on b.id = q.id
				order by q.id
				on conflict (id) do update set
					user_id = coalesce(excluded.user_id, m.user_id), whop_user = coalesce(nullif(excluded.whop_user, ''), m.whop_user),
					product = coalesce(nullif(excluded.product, ''), m.product), status = excluded.status, access = excluded.access,
					access_until = excluded.access_until, cancel_at_period_end = excluded.cancel_at_period_end, period_start = excluded.period_start,
					period_end = excluded.period_end, manage_url = excluded.manage_url, bought_at = coalesce(excluded.bought_at, m.bought_at),
					ended_at = case when not excluded.access then coalesce(m.ended_at, excluded.ended_at) end, read = excluded.read
				where m.read < excluded.read
				returning id, user_id, access, period_end, cancel_at_period_end, product, status
			)
			select w.id, w.user_id, w.access, b.access, w.period_end, w.cancel_at_period_end, w.product, w.status = 'trialing'
			from written w left join before b on b.id = w.id order by w.id`,
			c.id, c.user, c.product, c.status, c.access, c.until, c.atEnd, c.start, c.end, c.manage, c.bought, c.person, number, m.now())
		if err != nil {
			return fmt.Errorf("keep %d memberships: %w", len(list), err)
		}
		written, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (k kept, err error) {
			return k, row.Scan(&k.ID, &k.User, &k.Access, &k.Before, &k.EndsAt, &k.Ending, &k.Product, &k.Trialing)
		})
		if err != nil {
			return fmt.Errorf("keep %d memberships: %w", len(list), err)
		}
		changed = 0
		for _, k := range written {
			if k.Before == nil || *k.Before != k.Access {
				changed++
				m.log.InfoContext(ctx, "a membership has changed what it grants", "membership", k.ID, "user", k.User, "access", k.Access)
			}
		}
		if err := m.tellEnding(ctx, tx, written); err != nil {
			return err
		}
		return m.tellEnded(ctx, tx, written)
	})
	return changed, err
}

// columns are memberships as Postgres arrays.
type columns struct {
	id, user, product, status, manage []string
	access, atEnd                     []bool
	until, start, end, bought         []*time.Time
	person                            []*uuid.UUID
}

func columnsOf(list []held) (c columns) {
	for _, h := range list {
		c.id, c.user, c.product = append(c.id, h.ID), append(c.user, h.User), append(c.product, h.Product)
		c.status, c.manage = append(c.status, h.Status), append(c.manage, h.ManageURL)
		c.access, c.atEnd = append(c.access, h.access), append(c.atEnd, h.CancelAtPeriodEnd)
		c.until, c.start, c.end = append(c.until, orNull(h.until)), append(c.start, orNull(h.PeriodStart)), append(c.end, orNull(h.PeriodEnd))
		c.bought, c.person = append(c.bought, orNull(h.CreatedAt)), append(c.person, idOrNull(h.Person))
	}
	return c
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// idOrNull is who of ours metadata names; what is no id names nobody.
func idOrNull(text string) *uuid.UUID {
	id, err := uuid.Parse(text)
	if err != nil {
		return nil
	}
	return &id
}

// gone is a membership that Whop does not know any more: it grants nothing.
func (m *Members) gone(ctx context.Context, id string, number int64) error {
	_, err := m.db.Pool().Exec(ctx, `
		update memberships set status = 'gone', access = false, access_until = null, ended_at = coalesce(ended_at, $3), read = $2
		where id = $1 and read < $2`, id, number, m.now())
	if err != nil {
		return fmt.Errorf("end membership %s: %w", id, postgres.Translate(err))
	}
	return nil
}

func (m *Members) keepPayment(ctx context.Context, number int64, p whop.Payment) error {
	made := p.CreatedAt
	if made.IsZero() {
		made = m.now()
	}
	_, err := m.db.Pool().Exec(ctx, `
		insert into payments as p (id, membership_id, whop_user, product, status, substatus, paid, failed, reason, total_minor, refunded_minor,
			currency, decimals, decline, created_at, paid_at, next_attempt_at, read)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
		on conflict (id) do update set membership_id = excluded.membership_id, whop_user = excluded.whop_user, product = excluded.product,
			status = excluded.status, substatus = excluded.substatus, paid = excluded.paid, failed = excluded.failed, reason = excluded.reason,
			total_minor = excluded.total_minor, refunded_minor = excluded.refunded_minor, currency = excluded.currency, decimals = excluded.decimals,
			decline = excluded.decline, paid_at = excluded.paid_at, next_attempt_at = excluded.next_attempt_at, read = excluded.read
		where p.read < excluded.read`,
		p.ID, p.Membership, p.User, p.Product, p.Status, p.Substatus, p.Paid(), p.Failed(), p.Reason, p.Total.Minor, p.Refunded.Minor,
		p.Total.Currency, p.Total.Decimals, p.Decline, made, orNull(p.PaidAt), orNull(p.NextAttemptAt), number)
	if err != nil {
		return fmt.Errorf("keep payment %s: %w", p.ID, postgres.Translate(err))
	}
	return nil
}
