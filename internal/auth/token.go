package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/users"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	tokenPrefix = "alf_" // so that scanners of leaked secrets recognise ours
	tokenBytes  = 32
	tokenBody   = 43 // base64url of 32 bytes
	checkLength = 6
	tokensMax   = 20 // in use, for each user
)

// Token is a personal access token as its owner sees it; the token itself is
// shown once, when it is made.
type Token struct {
	ID         uuid.UUID
	Name       string
	Scope      string // "read", "trade" or "admin"
	CreatedAt  time.Time
	LastUsedAt *time.Time // to the minute
	ExpiresAt  *time.Time // nil: it lasts until it is revoked
}

// Expired tells whether the token has ended by itself.
func (t Token) Expired(now time.Time) bool { return t.ExpiresAt != nil && !now.Before(*t.ExpiresAt) }

// TokenDaysMax is how many days a token that ends may last.
const TokenDaysMax = 366

// MakeToken makes a token that lasts until it is revoked; see MakeTokenFor.
func (g *Guard) MakeToken(ctx context.Context, userID uuid.UUID, name, scope string) (secret.Text, Token, error) {
	return g.MakeTokenFor(ctx, userID, name, scope, 0)
}

// MakeTokenFor makes a token that ends after some days, 1 to TokenDaysMax; 0: never. The
// text is never to be had again. The route needs StepUp and SessionOnly. Scope admin is
// for admins.
func (g *Guard) MakeTokenFor(ctx context.Context, userID uuid.UUID, name, scope string, days int) (secret.Text, Token, error) {
	if err := g.checkNewToken(ctx, userID, name, scope, days); err != nil {
		return secret.Text{}, Token{}, err
	}
	text := newTokenText()
	token := Token{Name: name, Scope: scope, CreatedAt: g.now()}
	if days > 0 {
		end := token.CreatedAt.AddDate(0, 0, days)
		token.ExpiresAt = &end
	}
	err := g.db.As(ctx, userID, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `
			insert into access_tokens (user_id, name, token_hash, scope, created_at, expires_at)
			select $1::uuid, $2, $3, $4, $5::timestamptz, $7::timestamptz
			where (select count(*) from access_tokens where user_id = $1 and revoked_at is null and (expires_at is null or expires_at > $5::timestamptz)) < $6
			returning id, created_at, expires_at`,
			userID, name, hashToken(text), scope, token.CreatedAt, tokensMax, token.ExpiresAt).Scan(&token.ID, &token.CreatedAt, &token.ExpiresAt)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return secret.Text{}, Token{}, fault.Conflict("invalid_state",
			fmt.Sprintf("You have %d access tokens. Revoke one first.", tokensMax))
	}
	if err != nil {
		return secret.Text{}, Token{}, fmt.Errorf("make token: %w", err)
	}
	return secret.New(text), token, nil
}

func (g *Guard) checkNewToken(ctx context.Context, userID uuid.UUID, name, scope string, days int) error {
	wrong := map[string]string{}
	if n := utf8.RuneCountInString(name); n < 1 || n > 100 || strings.ContainsFunc(name, isOdd) {
		wrong["name"] = "must have 1 to 100 characters"
	}
	if scopeRank(scope) == 0 {
		wrong["scope"] = "must be read, trade or admin"
	}
	if days < 0 || days > TokenDaysMax {
		wrong["expiresInDays"] = fmt.Sprintf("must be 1 to %d, or left out", TokenDaysMax)
	}
	if len(wrong) > 0 {
		return fault.Validation(wrong)
	}
	user, err := g.users.ByID(ctx, userID)
	if err != nil {
		return err
	}
	if scope == ScopeAdmin && user.Role != users.Admin {
		return fault.Forbidden("Only admins can make tokens of scope admin.")
	}
	return nil
}

// Tokens lists a user's tokens that are not revoked: those in use before those that have
// ended, the newest first.
func (g *Guard) Tokens(ctx context.Context, userID uuid.UUID) ([]Token, error) {
	tokens, err := postgres.OwnRows(ctx, g.db, userID, pgx.RowToStructByPos[Token], `
		select id, name, scope, created_at, last_used_at, expires_at from access_tokens
		where user_id = $1 and revoked_at is null
		order by expires_at <= $3 is true, created_at desc, id limit $2`, userID, tokensMax+10, g.now())
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	return tokens, nil
}

// RevokeToken ends a token at once; fault.NotFound when it is not there, not
// theirs, or revoked already.
func (g *Guard) RevokeToken(ctx context.Context, userID, id uuid.UUID) error {
	return g.db.As(ctx, userID, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx,
			"update access_tokens set revoked_at = $3 where id = $1 and user_id = $2 and revoked_at is null",
			id, userID, g.now())
		if err != nil {
			return fmt.Errorf("revoke token: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return fault.NotFound()
		}
		return nil
	})
}

// bearer takes the token out of Authorization. Other schemes are not ours: a
// proxy in front may use them.
func bearer(r *http.Request) (string, bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token), strings.EqualFold(scheme, "Bearer")
}

// byToken tells whose token this is. It is looked up by its hash, which takes as
// long for a near miss as for any other wrong one.
func (g *Guard) byToken(ctx context.Context, text string) (Principal, error) {
	if !plausibleToken(text) {
		return Principal{}, fault.Unauthenticated()
	}
	p := Principal{Method: MethodToken}
	var owner uuid.UUID
	var lastUsed, revoked, expires *time.Time
	err := g.db.Pool().QueryRow(ctx,
		"select id, user_id, scope, last_used_at, revoked_at, expires_at from access_tokens where token_hash = $1", hashToken(text)).
		Scan(&p.TokenID, &owner, &p.Scope, &lastUsed, &revoked, &expires)
	if errors.Is(err, pgx.ErrNoRows) {
		return Principal{}, fault.Unauthenticated()
	}
	if err != nil {
		return Principal{}, unavailable(err)
	}
	if revoked != nil {
		return Principal{}, errors.Join(fault.Unauthenticated(), g.noteRevokedUse(ctx, owner, p.TokenID))
	}
	if (Token{ExpiresAt: expires}).Expired(g.now()) { // an honest program goes on with it for a while
		return Principal{}, fault.Unauthenticated()
	}
	if p.User, err = g.user(ctx, owner); err != nil {
		return Principal{}, unavailable(err)
	}
	if !p.User.Active() {
		return Principal{}, fault.Unauthenticated()
	}
	return p, g.touchToken(ctx, p.TokenID, lastUsed)
}

// touchToken notes the use, once a minute at most.
func (g *Guard) touchToken(ctx context.Context, id uuid.UUID, lastUsed *time.Time) error {
	if lastUsed != nil && g.now().Sub(*lastUsed) < seenEvery || g.db.ReadOnly() {
		return nil
	}
	_, err := g.db.Pool().Exec(ctx, "update access_tokens set last_used_at = $2 where id = $1", id, g.now())
	if err != nil {
		return unavailable(err)
	}
	return nil
}

// noteRevokedUse writes down what no honest program does for long, once a minute.
func (g *Guard) noteRevokedUse(ctx context.Context, owner, token uuid.UUID) error {
	_, err := g.db.Pool().Exec(ctx, `
		insert into security_events (user_id, kind, detail, at)
		select $1::uuid, 'revoked_token_used', jsonb_build_object('token', $2::text), $3::timestamptz
		where not exists (
			select from security_events
			where kind = 'revoked_token_used' and detail->>'token' = $2::text and at > $3::timestamptz - interval '1 minute')`,
		owner, token.String(), g.now())
	return err
}

func (g *Guard) tokenStillValid(ctx context.Context, p Principal) (bool, error) {
	var valid bool
	err := g.db.Pool().QueryRow(ctx,
		"select exists (select from access_tokens where id = $1 and user_id = $2 and revoked_at is null and (expires_at is null or expires_at > $3))",
		p.TokenID, p.User.ID, g.now()).Scan(&valid)
	if err != nil || !valid {
		return false, unavailable(err)
	}
	user, err := g.user(ctx, p.User.ID)
	return err == nil && user.Active(), unavailable(err)
}

func newTokenText() string {
	body := randomText(tokenBytes)
	return tokenPrefix + body + checksum(body)
}

// plausibleToken catches typing errors and guesses before they cost a query.
func plausibleToken(text string) bool {
	rest, ok := strings.CutPrefix(text, tokenPrefix)
	return ok && len(rest) == tokenBody+checkLength && checksum(rest[:tokenBody]) == rest[tokenBody:]
}

// checksum is CRC-32 in six base-62 digits.
func checksum(body string) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	sum := crc32.ChecksumIEEE([]byte(body))
	var out [checkLength]byte
	for i := checkLength - 1; i >= 0; i-- {
		out[i] = digits[sum%62]
		sum /= 62
	}
	return string(out[:])
}

// hashToken is what we keep. The token is random, so one round of SHA-256 does.
func hashToken(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}
