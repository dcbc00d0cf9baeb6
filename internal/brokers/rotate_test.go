package brokers

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/snaptrade"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// unsent is a rotation's view of somebody who sends nothing.
var unsent = Sends{
	Fence: func(context.Context, pgx.Tx) error { return nil },
	Over:  func(context.Context, uuid.UUID) error { return nil },
}

// rotated runs a rotation without long waits and gives how it ended for each, with its error.
func (s *stage) rotated(sends Sends) (map[uuid.UUID]Rotation, error) {
	s.t.Helper()
	s.accounts.resetPause, s.accounts.storePause = time.Millisecond, time.Millisecond
	ended := map[uuid.UUID]Rotation{}
	err := s.accounts.RotateSecrets(s.ctx, sends, func(user uuid.UUID, how Rotation, err error) {
		if ended[user] = how; how == Replaced && err != nil {
			s.t.Errorf("replaced, and %v", err)
		}
	})
	return ended, err
}

// ends runs a rotation that ends in one way for the user, nobody's orders held afterwards
// unless it is not known.
func (s *stage) ends(user uuid.UUID, want Rotation) {
	s.t.Helper()
	ended, err := s.rotated(unsent)
	if err != nil || ended[user] != want {
		s.t.Errorf("%s, %v; want %s", ended[user], err, want)
	}
	if held := s.count(`select count(*) from snaptrade_users where rotating_at is not null`); (held > 0) != (want == Unclear) {
		s.t.Errorf("%d users are held", held)
	}
}

// mustConnectAgain checks what a lost secret leaves: one notification, nothing linked, the old
// SnapTrade user to be deleted; and that connecting makes a new one.
func (s *stage) mustConnectAgain(user uuid.UUID, old snaptrade.User) {
	s.t.Helper()
	if n := s.count(`select count(*) from notifications where user_id = $1 and type = 'system'`, user); n != 1 {
		s.t.Errorf("told %d times", n)
	}
	if _, err := s.accounts.Credentials(s.ctx, user); fault.CodeOf(err) != "risk_account" {
		s.t.Errorf("the dead secret is still given: %v", err)
	}
	if n := s.count(`select count(*) from accounts where user_id = $1 and removed_at is null`, user); n != 0 {
		s.t.Errorf("%d accounts are still linked", n)
	}
	if n := s.count(`select count(*) from snaptrade_leftovers where snaptrade_user_id = $1`, old.ID); n != 1 {
		s.t.Error("the old SnapTrade user is not deleted")
	}
	s.portal(user, "ALPACA-PAPER")
	s.refresh(user)
	if fresh := s.credentials(user); fresh.ID == old.ID || len(s.list(user)) != 1 {
		s.t.Error("connecting again leads to the old SnapTrade user, or nowhere")
	}
}

func TestRotatingGivesEveryoneANewSecret(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ava, _ := s.linked("ava")
	ben, _ := s.linked("ben")
	old := map[uuid.UUID]string{ava: s.credentials(ava).Secret.Reveal(), ben: s.credentials(ben).Secret.Reveal()}
	held := 0
	ended, err := s.rotated(Sends{Fence: unsent.Fence, Over: func(context.Context, uuid.UUID) error {
		held += s.count(`select count(*) from snaptrade_users where rotating_at is not null`)
		return nil
	}})
	if err != nil || held != 2 {
		t.Fatalf("%v; %d held at a time, want one for each of two", err, held)
	}
	for user, before := range old {
		if ended[user] != Replaced {
			t.Errorf("report: %s", ended[user])
		}
		if s.credentials(user).Secret.Reveal() == before {
			t.Error("the secret is the old one")
		}
		s.refresh(user) // SnapTrade takes the new one
	}
	if n := s.count(`select count(*) from snaptrade_users where secret_version = 2 and rotating_at is null`); n != 2 {
		t.Errorf("%d users have their second secret and are free, want 2", n)
	}
}

func TestALostAnswerEndsInANewRegistrationOnlyWhereTheOldSecretIsDead(t *testing.T) {
	t.Parallel()
	const reset = "POST /snapTrade/resetUserSecret"
	s := newStage(t)
	ava, _ := s.linked("ava")
	old := s.credentials(ava)
	for _, harmless := range []string{"drop_before", "error", "throttle"} {
		s.fault(reset, harmless, 1)
		s.ends(ava, Kept)
		if s.credentials(ava).Secret.Reveal() != old.Secret.Reveal() {
			t.Errorf("%s: the secret was replaced", harmless)
		}
		s.refresh(ava)
	}
	s.fault(reset, "accept_then_drop", 1)
	s.ends(ava, Lost)
	s.mustConnectAgain(ava, old)
}

// As long as SnapTrade does not say whether the old secret lives, nothing is given up, and the
// sweep finds out later.
func TestWhatIsNotKnownIsFoundOutLater(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ava, _ := s.linked("ava")
	old := s.credentials(ava)
	s.fault("POST /snapTrade/resetUserSecret", "accept_then_error", 1)
	s.control("/_sandbox/faults", map[string]any{"target": "snaptrade", "match": "GET /authorizations", "mode": "error", "status": 403, "count": 0})
	s.ends(ava, Unclear)
	s.clearFaults()
	_ = s.accounts.Sweep(s.ctx) // balances cannot be read with a dead secret
	if n := s.count(`select count(*) from snaptrade_users where rotating_at is not null`); n != 1 {
		t.Error("a rotation that may still run was swept")
	}
	s.exec(`update snaptrade_users set rotating_at = now() - interval '4 minutes'`)
	if err := s.accounts.Sweep(s.ctx); err != nil {
		t.Error(err)
	}
	s.mustConnectAgain(ava, old)
}

func TestASecretThatCannotBeStoredIsLostAndSaidSo(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ava, _ := s.linked("ava")
	old := s.credentials(ava)
	s.exec(`create function refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$`)
	s.exec(`create trigger refuse before update of user_secret on snaptrade_users for each row when (new.user_secret is not null) execute function refuse()`)
	s.ends(ava, Lost)
	s.exec(`drop trigger refuse on snaptrade_users`)
	s.mustConnectAgain(ava, old)
}

// kill -9 leaves the hold: before the request the old secret holds and the next run replaces
// it; after it the secret is lost.
func TestARerunSettlesWhatAKilledRunLeft(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ava, _ := s.linked("ava")
	s.exec(`update snaptrade_users set rotating_at = now()`)
	s.ends(ava, Replaced)
	old := s.credentials(ava)
	s.exec(`update snaptrade_users set rotating_at = now()`)
	if _, err := s.client.ResetUserSecret(s.ctx, old); err != nil {
		t.Fatal(err)
	}
	s.ends(ava, Lost)
	s.mustConnectAgain(ava, old)
}

func TestOneRotationAtATime(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ava, _ := s.linked("ava")
	_, err := s.rotated(Sends{Fence: unsent.Fence, Over: func(context.Context, uuid.UUID) error {
		other := s.again().RotateSecrets(s.ctx, unsent, func(uuid.UUID, Rotation, error) { t.Error("the second run went on") })
		if !errors.Is(other, ErrRotating) {
			t.Errorf("the second run: %v", other)
		}
		return nil
	}})
	if n := s.calls("/snapTrade/resetUserSecret"); err != nil || n != 1 {
		t.Errorf("%v; %d secrets were asked for", err, n)
	}
	s.ends(ava, Replaced) // the lock is free again
}

func TestNothingIsAskedForWhileAnOrderIsOnItsWay(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ava, _ := s.linked("ava")
	ended, err := s.rotated(Sends{Fence: unsent.Fence, Over: func(context.Context, uuid.UUID) error { return errors.New("busy") }})
	if err != nil || ended[ava] != Kept || s.calls("/snapTrade/resetUserSecret") != 0 {
		t.Errorf("%s, %v", ended[ava], err)
	}
	if n := s.count(`select count(*) from snaptrade_users where rotating_at is not null`); n != 0 {
		t.Error("the user is still held")
	}
}

func TestARotationStopsWhenSnapTradeIsAway(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, name := range []string{"ava", "ben", "cleo", "dan"} {
		if _, err := s.accounts.ensureUser(s.ctx, s.person(name)); err != nil {
			t.Fatal(err)
		}
	}
	s.fault("POST /snapTrade/resetUserSecret", "error", 0)
	if ended, err := s.rotated(unsent); !errors.Is(err, ErrRotationStopped) || len(ended) != rotateBrake {
		t.Errorf("%d users were tried: %v", len(ended), err)
	}
}

// Retiring a key: every row is wrapped anew, the secrets stay.
func TestRewrappingLeavesTheSecretsAlone(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	oldKey, newKey := secret.NewKey("k1"), secret.NewKey("k2")
	s.options.Ring = ring(t, oldKey.Reveal())
	s.accounts = s.again()
	user, _ := s.linked("ava")
	before := s.credentials(user)

	s.options.Ring = ring(t, newKey.Reveal()+","+oldKey.Reveal())
	s.accounts = s.again()
	for _, want := range []int{1, 0} {
		if n, err := Sealed().Rewrap(s.ctx, s.db, s.options.Ring); err != nil || n != want {
			t.Errorf("rewrapped %d, %v; want %d", n, err, want)
		}
	}
	if keys, err := Sealed().Keys(s.ctx, s.db); err != nil || len(keys) != 1 || keys["k2"] != 1 {
		t.Errorf("wrapped with %v, %v", keys, err)
	}
	s.options.Ring = ring(t, newKey.Reveal())
	s.accounts = s.again()
	if s.credentials(user).Secret.Reveal() != before.Secret.Reveal() {
		t.Error("the secret changed")
	}
}

func ring(t *testing.T, keys string) *secret.Ring {
	t.Helper()
	r, err := secret.ParseRing(secret.New(keys))
	if err != nil {
		t.Fatal(err)
	}
	return r
}
