package billing

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/whop"
)

// notSold is the answer to buying where everybody has the default plan.
func notSold() error {
	return fault.Conflict("invalid_state", "Plans are not sold here: everybody has the same.")
}

// away is the answer while Whop does not work; nothing was changed.
func away(err error) error {
	return fault.New(http.StatusServiceUnavailable, "unavailable", "The shop does not answer just now. Try again in a minute.").Because(err)
}

// Standing is what somebody has and may buy.
type Standing struct {
	Plan              Plan         `json:"plan"`
	Selling           bool         `json:"selling"`           // false: nothing is bought here
	EndsAt            *time.Time   `json:"endsAt"`            // when the plan ends; null while it goes on
	CancelAtPeriodEnd bool         `json:"cancelAtPeriodEnd"` // of the membership that gives the plan
	PaymentFailed     bool         `json:"paymentFailed"`     // and what was paid for before is still there
	Memberships       []Membership `json:"memberships"`       // those that grant something, and ended ones of the last year
	Offers            []Plan       `json:"offers"`            // what would be more
	Linked            bool         `json:"linked"`            // they have said who they are at Whop, by signing in there
}

// Membership is one as its holder sees it.
type Membership struct {
	ID                string     `json:"id"`
	Plan              Plan       `json:"plan"`
	Status            string     `json:"status"`
	Access            bool       `json:"access"`
	PeriodEnd         *time.Time `json:"periodEnd"`
	CancelAtPeriodEnd bool       `json:"cancelAtPeriodEnd"`
	PaymentFailed     bool       `json:"paymentFailed"`
	ManageURL         string     `json:"manageUrl"`
}

// membershipsMost bounds what one person is shown.
const membershipsMost = 20

// Standing reads what somebody has.
func (m *Members) Standing(ctx context.Context, user uuid.UUID) (Standing, error) {
	s := Standing{Selling: m.gate.Selling(), Memberships: []Membership{}, Offers: []Plan{}}
	var err error
	if s.Plan, err = m.gate.Plan(ctx, user); err != nil || !s.Selling {
		return s, err
	}
	if s.Memberships, err = m.of(ctx, user); err != nil {
		return s, err
	}
	for _, held := range s.Memberships {
		s.PaymentFailed = s.PaymentFailed || held.Access && held.PaymentFailed
		if held.Access && held.Plan == s.Plan && !s.CancelAtPeriodEnd && held.CancelAtPeriodEnd {
			s.CancelAtPeriodEnd, s.EndsAt = true, held.PeriodEnd
		}
	}
	for _, held := range s.Memberships { // another one of the same plan goes on
		if held.Access && held.Plan == s.Plan && !held.CancelAtPeriodEnd {
			s.CancelAtPeriodEnd, s.EndsAt = false, nil
		}
	}
	if s.Linked, err = m.linked(ctx, user); err != nil {
		return s, err
	}
	bought, err := m.gate.bought(ctx, user)
	if err != nil {
		return s, err
	}
	for _, p := range Plans() {
		if _, sold := m.gate.products.of(p); sold && p.rank() > bought.rank() {
			s.Offers = append(s.Offers, p)
		}
	}
	return s, nil
}

// of reads somebody's memberships, those that grant something first (indexes
// memberships_user, payments_membership).
func (m *Members) of(ctx context.Context, user uuid.UUID) ([]Membership, error) {
	list, err := postgres.OwnRows(ctx, m.db, user, func(row pgx.CollectableRow) (h Membership, err error) {
		var product string
		err = row.Scan(&h.ID, &product, &h.Status, &h.Access, &h.PeriodEnd, &h.CancelAtPeriodEnd, &h.PaymentFailed, &h.ManageURL)
		h.PeriodEnd = utc(h.PeriodEnd)
		if h.Plan = m.gate.products[product]; h.Plan == "" {
			h.Plan = PlanFree // a product that is no plan here
		}
		if !strings.HasPrefix(h.ManageURL, "http") {
			h.ManageURL = ""
		}
		return h, err
	}, `
		select m.id, m.product, m.status, m.access and (m.access_until is null or m.access_until > now()) as access, m.period_end,
			m.cancel_at_period_end, m.status = 'past_due' or coalesce(p.failed, false), m.manage_url
		from memberships m left join lateral (
			select failed from payments where membership_id = m.id order by created_at desc limit 1) p on true
		where m.user_id = $1 and (m.access or m.ended_at > now() - interval '1 year')
		order by access desc, m.bought_at desc nulls last, m.id limit $2`, user, membershipsMost)
	if err != nil {
		return nil, fmt.Errorf("read memberships of %s: %w", user, err)
	}
	return list, nil
}

// utc is an instant as answers show it.
func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	at := t.UTC()
	return &at
}

// Checkout is where somebody buys a plan at its present price: one page for each person,
// plan and price, made once.
// Coming back from it proves nothing; the membership that Whop then has does.
func (m *Members) Checkout(ctx context.Context, user uuid.UUID, plan Plan) (url string, err error) {
	if m.whop == nil || !m.gate.Selling() {
		return "", notSold()
	}
	product, sold := m.gate.products.of(plan)
	if !sold {
		return "", fault.Field("plan", "There is no such plan to buy.")
	}
	switch bought, err := m.gate.bought(ctx, user); {
	case err != nil:
		return "", err
	case bought.rank() >= plan.rank():
		return "", fault.Conflict("invalid_state", fmt.Sprintf("You have the %s plan already.", bought))
	}
	price, err := m.priceOf(ctx, product)
	if err != nil {
		return "", err
	}
	if url, err = m.checkoutOf(ctx, user, plan, price); err != nil || url != "" {
		return url, err
	}
	made, err := m.whop.NewCheckout(ctx, price, user.String(), m.appURL+SettingsPath, fmt.Sprintf("checkout/%s/%s/%s", user, plan, price))
	if err == nil && (made.ID == "" || made.URL == "") {
		err = errors.New("whop answered a checkout without an address")
	}
	if err != nil {
		return "", away(err)
	}
	_, err = m.db.Pool().Exec(ctx, `
		insert into checkouts as c (user_id, plan, id, url, price) values ($1, $2, $3, $4, $5)
		on conflict (user_id, plan) do update set id = excluded.id, url = excluded.url, price = excluded.price, created_at = now()
		where c.price <> excluded.price`, user, plan, made.ID, made.URL, price)
	if err != nil {
		return "", fmt.Errorf("keep the checkout of %s: %w", user, postgres.Translate(err))
	}
	return m.checkoutOf(ctx, user, plan, price) // the first one made is everybody's answer
}

func (m *Members) checkoutOf(ctx context.Context, user uuid.UUID, plan Plan, price string) (url string, err error) {
	urls, err := postgres.OwnRows(ctx, m.db, user, pgx.RowTo[string],
		`select url from checkouts where user_id = $1 and plan = $2 and price = $3`, user, plan, price)
	if err != nil {
		return "", fmt.Errorf("read the checkout of %s: %w", user, err)
	}
	if len(urls) == 0 {
		return "", nil
	}
	return urls[0], nil
}

// priceOf is the price at which a product is sold: a visible one, a repeating one first.
func (m *Members) priceOf(ctx context.Context, product string) (string, error) {
	prices, err := m.whop.Plans(ctx, product)
	if err != nil {
		return "", away(err)
	}
	chosen := ""
	for _, p := range prices {
		if p.Visible != "" && p.Visible != "visible" {
			continue
		}
		if p.Kind == "renewal" {
			return p.ID, nil
		}
		if chosen == "" {
			chosen = p.ID
		}
	}
	if chosen == "" {
		m.alarm("whop_no_price")
		return "", away(fmt.Errorf("product %s has no visible price at whop", product))
	}
	return chosen, nil
}

const (
	licenseMin = 6
	licenseMax = 200
)

// Redeem ties the membership of a license key to somebody; the first one has it.
func (m *Members) Redeem(ctx context.Context, user uuid.UUID, key string) error {
	if m.whop == nil || !m.gate.Selling() {
		return notSold()
	}
	unknown := fault.Field("licenseKey", "There is no membership with this license key.")
	key = strings.TrimSpace(key)
	// Ids of memberships would be answered too, and they are no secrets.
	if len(key) < licenseMin || len(key) > licenseMax || strings.HasPrefix(key, "mem_") || strings.ContainsFunc(key, notInKey) {
		return unknown
	}
	found, err := m.whop.Membership(ctx, key)
	if whop.IsNotFound(err) {
		return unknown
	}
	if err != nil {
		return away(err)
	}
	h, ours, err := m.judge(ctx, found)
	switch {
	case err != nil:
		return away(err)
	case !ours || m.gate.products[h.Product] == "":
		return unknown
	case !h.access:
		return fault.Conflict("invalid_state", "The membership of this license key has ended.")
	}
	if err := m.claim(ctx, user, found); err != nil {
		return err
	}
	if _, err := m.whop.Tie(ctx, h.ID, user.String()); err != nil {
		return away(err) // the claim stands; trying again goes on here
	}
	if err := m.Refresh(ctx, h.ID); err != nil {
		return away(err)
	}
	m.log.InfoContext(ctx, "a license key was redeemed", "user", user, "membership", h.ID)
	return nil
}

// notInKey is what no license key has: it goes into a path.
func notInKey(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`/\?#%`, r) }

// claim writes down whose a license key's membership is, unless it is somebody else's.
func (m *Members) claim(ctx context.Context, user uuid.UUID, found whop.Membership) error {
	taken := fault.Conflict("license_taken", "This license key belongs to another account.")
	if named := idOrNull(found.Person); named != nil && *named != user {
		return taken
	}
	return m.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		var whose uuid.UUID
		err := tx.QueryRow(ctx, `
			select user_id from memberships where id = $1 and user_id is not null
			union all select user_id from whop_links where whop_user = $2 limit 1`, found.ID, found.User).Scan(&whose)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("read whose membership %s is: %w", found.ID, err)
		}
		if err == nil && whose != user {
			return taken
		}
		// The row that is there, whoever wrote it, decides: two who redeem at once meet here.
		err = tx.QueryRow(ctx, `
			insert into redemptions (membership_id, user_id) values ($1, $2)
			on conflict (membership_id) do update set membership_id = excluded.membership_id returning user_id`, found.ID, user).Scan(&whose)
		if err != nil {
			return fmt.Errorf("redeem membership %s: %w", found.ID, err)
		}
		if whose != user {
			return taken
		}
		return nil
	}, postgres.Across("whose membership it is already"))
}

// Cancel ends somebody's own membership when what was paid for is over.
func (m *Members) Cancel(ctx context.Context, user uuid.UUID, membership string) error {
	if m.whop == nil {
		return notSold()
	}
	type running struct {
		End    *time.Time
		Ending bool
	}
	found, err := postgres.OwnRows(ctx, m.db, user, pgx.RowToStructByPos[running], `
		select period_end, cancel_at_period_end from memberships where id = $1 and user_id = $2 and access`, membership, user)
	switch {
	case err != nil:
		return fmt.Errorf("read membership %s: %w", membership, err)
	case len(found) == 0:
		return fault.NotFound()
	case found[0].Ending:
		return fault.Conflict("invalid_state", "This membership ends already.")
	case found[0].End == nil:
		return fault.Conflict("invalid_state", "This membership was paid once; there is nothing to cancel.")
	}
	if _, err := m.whop.CancelAtPeriodEnd(ctx, membership, "cancel/"+uuid.NewString()); err != nil {
		return away(err)
	}
	if err := m.Refresh(ctx, membership); err != nil {
		return away(err)
	}
	m.log.InfoContext(ctx, "a membership was cancelled at the end of its period", "user", user, "membership", membership)
	return nil
}
