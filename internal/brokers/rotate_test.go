package brokers

import (
	"testing"

	"github.com/alertsify/alertsify/internal/secret"
	"github.com/google/uuid"
)

func TestRotatingGivesEveryoneANewSecret(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ava, _ := s.linked("ava")
	ben, _ := s.linked("ben")
	old := map[uuid.UUID]string{ava: s.credentials(ava).Secret.Reveal(), ben: s.credentials(ben).Secret.Reveal()}
	reported := map[uuid.UUID]error{}
	if err := s.accounts.RotateSecrets(s.ctx, func(user uuid.UUID, err error) { reported[user] = err }); err != nil {
		t.Fatal(err)
	}
	for user, before := range old {
		if err, told := reported[user]; !told || err != nil {
			t.Errorf("report: %v, %v", told, err)
		}
		if s.credentials(user).Secret.Reveal() == before {
			t.Error("the secret is the old one")
		}
		s.refresh(user) // SnapTrade takes the new one
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
