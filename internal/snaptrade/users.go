package snaptrade

import (
	"context"
	"net/http"
	"net/url"

	"github.com/alertsify/alertsify/internal/secret"
)

type userBody struct {
	UserID     string `json:"userId"`
	UserSecret string `json:"userSecret,omitempty"`
}

// RegisterUser makes a SnapTrade user with our id. The secret in the result is
// shown this once: keep it before doing anything else. Tried once.
func (c *Client) RegisterUser(ctx context.Context, userID string) (User, error) {
	const op = "register user"
	if err := plainUserID(userID); err != nil {
		return User{}, &Error{Op: op, cause: ErrInvalid}
	}
	v, err := c.ask(ctx, request{
		op: op, method: http.MethodPost, path: "/snapTrade/registerUser",
		body: userBody{UserID: userID}, class: Manual,
	})
	if err != nil {
		return User{}, err
	}
	return object(op, v, readUser)
}

// ResetUserSecret gives the user a new secret; the old one ends at once. Tried
// once: an answer that was lost means that the user must be made anew.
func (c *Client) ResetUserSecret(ctx context.Context, user User) (User, error) {
	const op = "reset user secret"
	if err := (request{user: user}).check(); err != nil {
		return User{}, &Error{Op: op, cause: ErrInvalid}
	}
	v, err := c.ask(ctx, request{
		op: op, method: http.MethodPost, path: "/snapTrade/resetUserSecret",
		body:  userBody{UserID: user.ID, UserSecret: user.Secret.Reveal()},
		class: Sync, hide: []secret.Text{user.Secret},
	})
	if err != nil {
		return User{}, err
	}
	return object(op, v, readUser)
}

func readUser(v Value) (User, bool) {
	u := User{ID: v.Get("userId").Text(), Secret: secret.New(v.Get("userSecret").Text())}
	return u, u.ID != "" && !u.Secret.IsZero()
}

// DeleteUser asks for the user and all its connections to be deleted, which
// cannot be undone. It is done when the USER_DELETED event comes. Tried once.
func (c *Client) DeleteUser(ctx context.Context, userID string) error {
	const op = "delete user"
	if err := plainUserID(userID); err != nil {
		return &Error{Op: op, cause: ErrInvalid}
	}
	return c.tell(ctx, request{
		op: op, method: http.MethodDelete, path: "/snapTrade/deleteUser",
		query: url.Values{"userId": {userID}}, class: Sync,
	})
}

// ListUsers gives the ids of all users of our key.
func (c *Client) ListUsers(ctx context.Context) ([]string, error) {
	const op = "list users"
	v, err := c.ask(ctx, request{op: op, method: http.MethodGet, path: "/snapTrade/listUsers", class: Sync, read: true})
	if err != nil {
		return nil, err
	}
	return list(op, v, func(item Value) (string, bool) { return item.Text(), item.Kind() == String })
}

// Online asks whether the service says it is up. It proves nothing about our key.
func (c *Client) Online(ctx context.Context) (bool, error) {
	v, err := c.ask(ctx, request{op: "ask for status", method: http.MethodGet, path: "/", class: Sync, read: true})
	return v.Get("online").IsTrue(), err
}
