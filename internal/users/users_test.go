package users_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/users"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

func open(t *testing.T) (*postgres.DB, *users.Directory) {
	t.Helper()
	db := pgtest.New(t)
	return db, users.New(db)
}

func create(t *testing.T, db *postgres.DB, d *users.Directory, n users.NewUser) users.User {
	t.Helper()
	u, err := tryCreate(db, d, n)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func tryCreate(db *postgres.DB, d *users.Directory, n users.NewUser) (u users.User, err error) {
	err = db.InTx(context.Background(), func(ctx context.Context, tx pgx.Tx) (err error) {
		u, err = d.Create(ctx, tx, n)
		return err
	})
	return u, err
}

func TestUsernamesAreDerivedAndUnique(t *testing.T) {
	t.Parallel()
	db, d := open(t)
	for _, c := range []struct {
		n    users.NewUser
		want string // a pattern
	}{
		{users.NewUser{Username: "ava", Name: "Ava Stone"}, `ava`},
		{users.NewUser{Name: "Ava"}, `ava2`},
		{users.NewUser{Name: "AVA"}, `ava3`},
		{users.NewUser{Name: "Zoë  O'Neil-Smith"}, `zoe_oneil_smith`},
		{users.NewUser{Name: "日本", Email: "Ken.Sato@example.com"}, `ken_sato`},
		{users.NewUser{Name: "日本"}, `member`},
		{users.NewUser{}, `member2`},
		{users.NewUser{Name: "X", Email: "y@example.com"}, `member3`},
		{users.NewUser{Name: "Admin"}, `admin2`},
		{users.NewUser{Username: "root"}, `root`},
		{users.NewUser{Name: "root"}, `root2`},
		{users.NewUser{Name: "__--__"}, `member4`},
		{users.NewUser{Name: strings.Repeat("long ", 20)}, `long_long_long_long_long_long`},
		{users.NewUser{Name: strings.Repeat("long ", 20)}, `long_long_long_long_lon2`},
		{users.NewUser{Name: "Ava"}, `ava4`},
		{users.NewUser{Name: "Ava"}, `ava_\d{4}`},
		{users.NewUser{Name: "ﬁve ①"}, `five_1`},
	} {
		u := create(t, db, d, c.n)
		if !regexp.MustCompile("^" + c.want + "$").MatchString(u.Username) {
			t.Errorf("%+v became %q, want %s", c.n, u.Username, c.want)
		}
		if again, err := d.ByUsername(context.Background(), strings.ToUpper(u.Username)); err != nil || again.ID != u.ID {
			t.Errorf("%q is not found again: %v", u.Username, err)
		}
	}
}

func TestPeopleOfOneNameSignUpAtOnce(t *testing.T) {
	t.Parallel()
	db, d := open(t)
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			if _, err := tryCreate(db, d, users.NewUser{Name: "Ava", Email: fmt.Sprintf("a%d@x.org", i), EmailVerified: true}); err != nil {
				t.Errorf("sign-up %d: %v", i, err)
			}
		})
	}
	all.Wait()
}

func TestNewPeople(t *testing.T) {
	t.Parallel()
	db, d := open(t)
	u := create(t, db, d, users.NewUser{
		Name: " Eve\u202e\n\tBlack\x00 ", Email: "eve@example.com", AvatarURL: "javascript:alert(1)",
	})
	if u.Name != "Eve Black" || u.AvatarURL != nil {
		t.Errorf("kept %q and %v", u.Name, u.AvatarURL)
	}
	if u.Email != "" || u.EmailVerified {
		t.Errorf("an unverified address was kept: %q", u.Email)
	}
	if u.Role != users.Subscriber || !u.Active() || u.VerifiedAt != nil || u.SessionEpoch != 1 || u.Theme != "dark" {
		t.Errorf("began as %+v", u)
	}
	if got := create(t, db, d, users.NewUser{Name: strings.Repeat("é", 300)}).Name; got != strings.Repeat("é", 100) {
		t.Errorf("a long name became %q", got)
	}
	if u := create(t, db, d, users.NewUser{Name: "Tom", Role: users.Trader}); u.Role != users.Trader || u.VerifiedAt == nil {
		t.Errorf("a seeded trader is %+v", u)
	}
}

func TestAVerifiedAddressBelongsToOne(t *testing.T) {
	t.Parallel()
	db, d := open(t)
	ctx := context.Background()
	ava := create(t, db, d, users.NewUser{Name: "Ava", Email: "Ava@Example.com", EmailVerified: true})
	if _, err := tryCreate(db, d, users.NewUser{Name: "Mallory", Email: "aVA@example.COM", EmailVerified: true}); !errors.Is(err, users.ErrEmailTaken) {
		t.Errorf("error = %v, want ErrEmailTaken", err)
	}
	err := db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		found, err := d.ByVerifiedEmail(ctx, tx, "ava@example.com")
		if err == nil && found.ID != ava.ID {
			t.Errorf("found %s", found.Username)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestSetRole(t *testing.T) {
	t.Parallel()
	db, d := open(t)
	ctx := context.Background()
	ava := create(t, db, d, users.NewUser{Username: "ava"})

	if err := d.SetRole(ctx, "AVA", users.Trader); err != nil {
		t.Fatal(err)
	}
	trader, err := d.ByID(ctx, ava.ID)
	if err != nil || trader.Role != users.Trader || trader.VerifiedAt == nil || trader.SessionEpoch != ava.SessionEpoch+1 {
		t.Errorf("after becoming a trader: %+v, %v", trader, err)
	}
	if err := d.SetRole(ctx, "nobody", users.Trader); fault.CodeOf(err) != "not_found" {
		t.Errorf("a stranger: %v", err)
	}
	if err := d.SetRole(ctx, "ava", "owner"); fault.CodeOf(err) != "validation_failed" {
		t.Errorf("an invented role: %v", err)
	}
}

func TestTheLastAdminStays(t *testing.T) {
	t.Parallel()
	db, d := open(t)
	ctx := context.Background()
	root := create(t, db, d, users.NewUser{Username: "root", Role: users.Admin})
	for name, err := range map[string]error{
		"demote":       d.SetRole(ctx, "root", users.Trader),
		"demote as":    d.GrantRole(ctx, root.ID, "ROOT", users.Subscriber),
		"suspend":      d.Suspend(ctx, root.ID, "root"),
		"suspend caps": d.Suspend(ctx, root.ID, "Root"),
	} {
		if fault.CodeOf(err) != "invalid_state" {
			t.Errorf("%s the last admin: %v, want invalid_state", name, err)
		}
	}

	create(t, db, d, users.NewUser{Username: "rita", Role: users.Admin})
	var all sync.WaitGroup
	for _, name := range []string{"root", "rita"} { // each removes the other at once
		all.Go(func() { _ = d.SetRole(ctx, name, users.Subscriber) })
	}
	all.Wait()
	var admins int
	if err := db.Pool().QueryRow(ctx, "select count(*) from users where role = 'admin'").Scan(&admins); err != nil || admins != 1 {
		t.Errorf("%d admins are left, want 1 (%v)", admins, err)
	}
}

func TestASuspensionEndsSessionsAndCanBeLifted(t *testing.T) {
	t.Parallel()
	db, d := open(t)
	ctx := context.Background()
	root := create(t, db, d, users.NewUser{Username: "root", Role: users.Admin})
	ben := create(t, db, d, users.NewUser{Username: "ben"})
	if err := d.Suspend(ctx, root.ID, "ben"); err != nil {
		t.Fatal(err)
	}
	if now, _ := d.ByID(ctx, ben.ID); now.Active() || now.SessionEpoch != ben.SessionEpoch+1 {
		t.Errorf("suspended: %+v", now)
	}
	if err := d.Suspend(ctx, root.ID, "ben"); fault.CodeOf(err) != "invalid_state" {
		t.Errorf("suspending twice: %v", err)
	}
	if err := d.Reinstate(ctx, root.ID, "ben"); err != nil {
		t.Fatal(err)
	}
	if now, _ := d.ByID(ctx, ben.ID); !now.Active() {
		t.Errorf("reinstated: %+v", now)
	}
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	db, d := open(t)
	ctx := context.Background()
	ava := create(t, db, d, users.NewUser{Username: "ava"})
	root := create(t, db, d, users.NewUser{Username: "root"})

	changed, err := d.SetProfile(ctx, ava.ID, users.Profile{Name: "Ava S.", Username: "ava_s", Bio: "options"})
	if err != nil || changed.Name != "Ava S." || changed.Username != "ava_s" || changed.Bio != "options" {
		t.Errorf("changed = %+v, %v", changed, err)
	}
	if _, err := d.SetProfile(ctx, root.ID, users.Profile{Name: "Root", Username: "root"}); err != nil {
		t.Errorf("keeping a reserved name: %v", err)
	}
	for field, p := range map[string]users.Profile{
		"username": {Name: "A", Username: "root"},
		"name":     {Name: "", Username: "ava_s"},
		"bio":      {Name: "A", Username: "ava_s", Bio: strings.Repeat("x", 501)},
	} {
		_, err := d.SetProfile(ctx, ava.ID, p)
		if f := fault.Of(err); f.Code != "validation_failed" || !strings.Contains(f.Public, field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	for _, bad := range []string{"A", "Ava", "a b", "ä_b", strings.Repeat("a", 31), ""} {
		if _, err := d.SetProfile(ctx, ava.ID, users.Profile{Name: "A", Username: bad}); fault.CodeOf(err) != "validation_failed" {
			t.Errorf("username %q: %v", bad, err)
		}
	}
	if _, err := d.SetProfile(ctx, uuid.New(), users.Profile{Name: "A", Username: "aa"}); fault.CodeOf(err) != "not_found" {
		t.Errorf("a stranger: %v", err)
	}
}

func TestATakenUsernameIsAFieldError(t *testing.T) {
	t.Parallel()
	db, d := open(t)
	ava := create(t, db, d, users.NewUser{Username: "ava"})
	create(t, db, d, users.NewUser{Username: "ben"})
	_, err := d.SetProfile(context.Background(), ava.ID, users.Profile{Name: "A", Username: "ben"})
	if f := fault.Of(err); f.Code != "validation_failed" || !strings.Contains(f.Public, "taken") {
		t.Errorf("error = %v", err)
	}
}

func TestAppearanceAndTimeZone(t *testing.T) {
	t.Parallel()
	db, d := open(t)
	ctx := context.Background()
	ava := create(t, db, d, users.NewUser{Username: "ava"})
	if u, err := d.SetAppearance(ctx, ava.ID, "light", "blue-orange", false); err != nil || u.Theme != "light" || u.Palette != "blue-orange" || u.Celebrates {
		t.Errorf("appearance = %+v, %v", u, err)
	}
	if _, err := d.SetAppearance(ctx, ava.ID, "pink", "blue-orange", true); fault.CodeOf(err) != "validation_failed" {
		t.Errorf("pink: %v", err)
	}
	if u, err := d.SetTimeZone(ctx, ava.ID, "Europe/Berlin"); err != nil || u.TimeZone != "Europe/Berlin" {
		t.Errorf("zone = %+v, %v", u, err)
	}
	for _, bad := range []string{"", "Local", "Mars/Olympus", "../etc/passwd"} {
		if _, err := d.SetTimeZone(ctx, ava.ID, bad); fault.CodeOf(err) != "validation_failed" {
			t.Errorf("zone %q: %v", bad, err)
		}
	}
}

func TestRolesReachDownOnly(t *testing.T) {
	t.Parallel()
	order := []users.Role{users.Subscriber, users.Trader, users.Admin}
	for i, have := range order {
		for j, least := range order {
			if have.Reaches(least) != (i >= j) {
				t.Errorf("%s reaches %s = %v", have, least, have.Reaches(least))
			}
		}
		if have.Reaches("") || users.Role("owner").Reaches(have) {
			t.Errorf("an invented role counts beside %s", have)
		}
	}
}
