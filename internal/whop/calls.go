package whop

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// page is a list as Whop answers it.
type page[T any] struct {
	Data []T `json:"data"`
	Info struct {
		End  string `json:"end_cursor"`
		More bool   `json:"has_next_page"`
	} `json:"page_info"`
}

// Membership reads one by its id, or by its license key.
func (c *Client) Membership(ctx context.Context, idOrKey string) (m Membership, err error) {
	err = c.do(ctx, call{name: "membership", method: http.MethodGet, path: "/memberships/" + url.PathEscape(idOrKey)}, &m)
	return m, err
}

// Memberships reads one page of the account's; next is empty after the last.
func (c *Client) Memberships(ctx context.Context, after string) ([]Membership, string, error) {
	return list[Membership](ctx, c, "memberships", "/memberships", url.Values{}, after)
}

// MembershipsOf reads those of one Whop user, at most PageMax.
func (c *Client) MembershipsOf(ctx context.Context, user string) ([]Membership, error) {
	found, _, err := list[Membership](ctx, c, "memberships_of", "/memberships", url.Values{"user_id": {user}}, "")
	return found, err
}

// Payment reads one.
func (c *Client) Payment(ctx context.Context, id string) (p Payment, err error) {
	err = c.do(ctx, call{name: "payment", method: http.MethodGet, path: "/payments/" + url.PathEscape(id)}, &p)
	return p, err
}

// Plan is a price of a product.
type Plan struct {
	ID        string `json:"id"`
	Product   string `json:"-"`
	Kind      string `json:"plan_type"`  // renewal, one_time
	Visible   string `json:"visibility"` // visible, hidden, archived, quick_link
	ProductID string `json:"product_id"`
	In        *ref   `json:"product"`
}

// Plans reads a page of the account's prices of one product.
func (c *Client) Plans(ctx context.Context, product string) ([]Plan, error) {
	all, _, err := list[Plan](ctx, c, "plans", "/plans", url.Values{"product_ids[]": {product}}, "")
	var of []Plan
	for _, p := range all {
		if p.Product = either(p.ProductID, p.In.id()); p.Product == product { // whether or not the filter was understood
			of = append(of, p)
		}
	}
	return of, err
}

func list[T any](ctx context.Context, c *Client, name, path string, q url.Values, after string) ([]T, string, error) {
	q.Set("account_id", c.account)
	q.Set("first", strconv.Itoa(PageMax))
	if after != "" {
		q.Set("after", after)
	}
	var p page[T]
	if err := c.do(ctx, call{name: name, method: http.MethodGet, path: path, query: q}, &p); err != nil {
		return nil, "", err
	}
	if !p.Info.More {
		return p.Data, "", nil
	}
	return p.Data, p.Info.End, nil
}

// HasAccess asks whether a Whop user has access to a product by Whop's own rules. Staff
// of the account have, without paying.
func (c *Client) HasAccess(ctx context.Context, user, product string) (bool, error) {
	var a struct {
		Has bool `json:"has_access"`
	}
	path := "/users/" + url.PathEscape(user) + "/access/" + url.PathEscape(product)
	err := c.do(ctx, call{name: "access", method: http.MethodGet, path: path}, &a)
	return a.Has, err
}

// Tie writes into a membership who of ours it belongs to; other metadata stays.
func (c *Client) Tie(ctx context.Context, membership, person string) (m Membership, err error) {
	err = c.do(ctx, call{
		name: "tie", method: http.MethodPatch, path: "/memberships/" + url.PathEscape(membership),
		body: map[string]any{"metadata": map[string]string{PersonKey: person}},
	}, &m)
	return m, err
}

// CancelAtPeriodEnd ends a membership when what was paid for is over. The true is said:
// without it Whop ends access at once.
func (c *Client) CancelAtPeriodEnd(ctx context.Context, membership, key string) (m Membership, err error) {
	err = c.do(ctx, call{
		name: "cancel", method: http.MethodPost, path: "/memberships/" + url.PathEscape(membership) + "/cancel",
		body: map[string]any{"cancel_at_period_end": true}, key: key,
	}, &m)
	return m, err
}

// Checkout is a page where somebody buys; it does not expire.
type Checkout struct {
	ID  string `json:"id"`
	URL string `json:"purchase_url"`
}

// NewCheckout makes one for a person of ours. Their return to back proves nothing.
func (c *Client) NewCheckout(ctx context.Context, plan, person, back, key string) (ch Checkout, err error) {
	err = c.do(ctx, call{
		name: "checkout", method: http.MethodPost, path: "/checkout_configurations", key: key,
		body: map[string]any{
			"account_id": c.account, "plan_id": plan, "mode": "payment", "redirect_url": back,
			"metadata": map[string]string{PersonKey: person},
		},
	}, &ch)
	return ch, err
}

// Endpoint is a webhook of the account, as Whop has it.
type Endpoint struct {
	URL     string
	Enabled bool
	Failing time.Time // since when nothing but failures; zero: it works
}

// UnmarshalJSON reads it.
func (e *Endpoint) UnmarshalJSON(raw []byte) error {
	var in struct {
		URL     string  `json:"url"`
		Enabled bool    `json:"enabled"`
		Failing instant `json:"failing_since"`
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return err
	}
	*e = Endpoint{in.URL, in.Enabled, in.Failing.Time}
	return nil
}

// Endpoints reads the account's webhooks; a key that may not see them is refused.
func (c *Client) Endpoints(ctx context.Context) ([]Endpoint, error) {
	found, _, err := list[Endpoint](ctx, c, "webhooks", "/webhooks", url.Values{}, "")
	return found, err
}

// Check asks for the least that only a good key for the account sees.
func (c *Client) Check(ctx context.Context) error {
	q := url.Values{"account_id": {c.account}, "first": {"1"}}
	var p page[struct{}]
	return c.do(ctx, call{name: "check", method: http.MethodGet, path: "/memberships", query: q}, &p)
}
