package billing

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/postgres"
)

// Overview is what operators see of who pays.
type Overview struct {
	Selling        bool         `json:"selling"`
	Members        int          `json:"members"` // memberships with access
	Pro            int          `json:"pro"`
	Trader         int          `json:"trader"`
	Untied         int          `json:"untied"`         // of them, those nobody of ours is known for
	MonthlyRevenue money.Amount `json:"monthlyRevenue"` // an estimate, in dollars
	Failed30       int          `json:"failedPayments30d"`
	Ended30        int          `json:"ended30d"`
	Churn          string       `json:"churn30d"` // percent of those who had access 30 days ago, "" when nobody had
	NextCheck      *time.Time   `json:"nextCheck"`
}

// Member is a membership as operators see it.
type Member struct {
	ID                string     `json:"id"`
	UserID            *uuid.UUID `json:"userId"`
	Username          string     `json:"username"` // empty: nobody of ours is known for it
	WhopUser          string     `json:"whopUser"`
	Plan              Plan       `json:"plan"`
	Status            string     `json:"status"`
	Access            bool       `json:"access"`
	PeriodEnd         *time.Time `json:"periodEnd"`
	CancelAtPeriodEnd bool       `json:"cancelAtPeriodEnd"`
	BoughtAt          *time.Time `json:"boughtAt"`
}

// FailedPayment is one that did not come.
type FailedPayment struct {
	ID         string    `json:"id"`
	Username   string    `json:"username"`
	Membership string    `json:"membershipId"`
	Amount     string    `json:"amount"`
	Currency   string    `json:"currency"`
	Decline    string    `json:"decline"`
	At         time.Time `json:"at"`
}

// listMost bounds both lists.
const listMost = 100

// Overview counts. The estimate of revenue takes each membership that goes on at its
// last payment, brought to thirty days (indexes memberships_unread, memberships_ended,
// payments_failed, payments_membership).
func (m *Members) Overview(ctx context.Context) (Overview, error) {
	o := Overview{Selling: m.gate.Selling()}
	pro, trader := m.gate.products.named(PlanPro), m.gate.products.named(PlanTrader)
	var before int
	var revenue decimal.Decimal
	err := m.db.Pool().QueryRow(ctx, `
		with live as (select * from memberships where access and (access_until is null or access_until > now()))
		select count(*), count(*) filter (where product = any($1)), count(*) filter (where product = any($2)), count(*) filter (where user_id is null),
			coalesce(sum(case when status in ('active', 'past_due') and not cancel_at_period_end and period_end > period_start
				then p.total_minor / power(10::numeric, p.decimals) * 30 * 86400 / extract(epoch from period_end - period_start) end), 0),
			(select count(*) from payments where failed and created_at > now() - interval '30 days'),
			(select count(*) from memberships where ended_at > now() - interval '30 days' and bought_at < now() - interval '30 days'),
			(select count(*) from memberships where bought_at < now() - interval '30 days' and (access or ended_at > now() - interval '30 days')),
			(select due_at from membership_checks)
		from live left join lateral (
			select total_minor, decimals from payments where membership_id = live.id and paid and currency in ('usd', '') order by created_at desc limit 1) p on true`,
		pro, trader).Scan(&o.Members, &o.Pro, &o.Trader, &o.Untied, &revenue, &o.Failed30, &o.Ended30, &before, &o.NextCheck)
	if err != nil {
		return o, fmt.Errorf("count members: %w", postgres.Translate(err))
	}
	o.NextCheck = utc(o.NextCheck)
	o.MonthlyRevenue = money.Amount{Decimal: revenue.Round(2)}
	if before > 0 {
		o.Churn = decimal.NewFromInt(int64(100 * o.Ended30)).Div(decimal.NewFromInt(int64(before))).StringFixed(1)
	}
	return o, nil
}

// named are the products that are a plan; never nil, so that "any" takes it.
func (p Products) named(plan Plan) []string {
	list := []string{}
	for product, of := range p {
		if of == plan {
			list = append(list, product)
		}
	}
	return list
}

// Find is the newest memberships of those whose username begins with a text, or the one that
// has it for its id; of everybody without one (indexes memberships_newest, or memberships_user
// and users_username_begins). Foreign table: users.
func (m *Members) Find(ctx context.Context, text string) ([]Member, error) {
	text = strings.TrimPrefix(strings.TrimSpace(text), "@")
	var where string
	switch {
	case !postgres.Storable(text):
		return nil, nil
	case text != "": // ~ stands behind every letter of usernames
		where = `where m.id = $2 or m.user_id in (select id from users where username collate "C" >= lower($2) and username collate "C" < lower($2) || '~')`
	default:
		where = `where $2 = ''`
	}
	rows, err := m.db.Pool().Query(ctx, `
		select m.id, m.user_id, coalesce(u.username, ''), m.whop_user, m.product, m.status,
			m.access and (m.access_until is null or m.access_until > now()), m.period_end, m.cancel_at_period_end, m.bought_at
		from memberships m left join users u on u.id = m.user_id
		`+where+`
		order by m.bought_at desc nulls last, m.id limit $1`, listMost, text)
	if err != nil {
		return nil, fmt.Errorf("list members: %w", postgres.Translate(err))
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r Member, err error) {
		var product string
		err = row.Scan(&r.ID, &r.UserID, &r.Username, &r.WhopUser, &product, &r.Status, &r.Access, &r.PeriodEnd, &r.CancelAtPeriodEnd, &r.BoughtAt)
		r.PeriodEnd, r.BoughtAt = utc(r.PeriodEnd), utc(r.BoughtAt)
		if r.Plan = m.gate.products[product]; r.Plan == "" {
			r.Plan = PlanFree
		}
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("list members: %w", postgres.Translate(err))
	}
	return list, nil
}

// Failed is the newest payments that did not come (index payments_failed). Foreign table:
// users.
func (m *Members) Failed(ctx context.Context) ([]FailedPayment, error) {
	rows, err := m.db.Pool().Query(ctx, `
		select p.id, coalesce(u.username, ''), p.membership_id, round(p.total_minor / power(10::numeric, p.decimals), p.decimals)::text, p.currency, p.decline, p.created_at
		from payments p left join memberships m on m.id = p.membership_id left join users u on u.id = m.user_id
		where p.failed order by p.created_at desc, p.id limit $1`, listMost)
	if err != nil {
		return nil, fmt.Errorf("list failed payments: %w", postgres.Translate(err))
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (f FailedPayment, err error) {
		err = row.Scan(&f.ID, &f.Username, &f.Membership, &f.Amount, &f.Currency, &f.Decline, &f.At)
		f.At = f.At.UTC()
		return f, err
	})
	if err != nil {
		return nil, fmt.Errorf("list failed payments: %w", postgres.Translate(err))
	}
	return list, nil
}
