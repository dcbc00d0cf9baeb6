package users_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/users"
)

const wish = "Index options since 2019, a few trades a week."

// Asking is possible once at a time, for who is no trader yet, and can be taken back.
func TestBecomingATraderIsAskedForOnceAtATime(t *testing.T) {
	t.Parallel()
	db, d := open(t)
	a, ctx := users.NewApplications(db, alerts.New(alerts.Options{DB: db, Now: time.Now}), time.Now), t.Context()
	ben, ava := create(t, db, d, users.NewUser{Username: "ben"}), create(t, db, d, users.NewUser{Username: "ava", Role: users.Trader})

	for _, text := range []string{"", "too short", strings.Repeat("x", 1001), wish + "\x00", wish + "\xff"} {
		if _, err := a.Apply(ctx, ben.ID, text); fault.CodeOf(err) != "validation_failed" {
			t.Errorf("%.30q: %v", text, err)
		}
	}
	if _, err := a.Apply(ctx, ava.ID, wish); fault.CodeOf(err) != "invalid_state" {
		t.Errorf("a trader: %v", err)
	}
	var taken int
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			_, err := a.Apply(ctx, ben.ID, wish)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				taken++
			} else if fault.CodeOf(err) != "invalid_state" {
				t.Errorf("asked at once: %v", err)
			}
		})
	}
	all.Wait()
	if taken != 1 {
		t.Errorf("%d were taken, want 1", taken)
	}
	if err := a.Withdraw(ctx, ben.ID); err != nil {
		t.Error(err)
	}
	if err := a.Withdraw(ctx, ben.ID); fault.CodeOf(err) != "invalid_state" {
		t.Errorf("withdrawn twice: %v", err)
	}
	if last, err := a.Latest(ctx, ben.ID); err != nil || last == nil || last.State != users.ApplicationWithdrawn || last.EndedAt == nil {
		t.Errorf("the last one is %+v, %v", last, err)
	}
	if _, err := a.Apply(ctx, ben.ID, wish); err != nil {
		t.Errorf("again after withdrawing: %v", err)
	}
	if list, next, err := a.Pending(ctx, 10, nil); err != nil || next != nil || len(list) != 1 || list[0].Username != "ben" || list[0].Text != wish {
		t.Errorf("pending = %+v %v %v", list, next, err)
	}
}

// An operator's answer is given once, in the audit log, and told to the applicant; yes
// makes a verified trader who has to sign in anew, no gives a reason.
func TestAnApplicationIsAnsweredOnceAndTold(t *testing.T) {
	t.Parallel()
	db, d := open(t)
	a, ctx := users.NewApplications(db, alerts.New(alerts.Options{DB: db, Now: time.Now}), time.Now), t.Context()
	root, ben, cara := create(t, db, d, users.NewUser{Username: "root", Role: users.Admin}), create(t, db, d, users.NewUser{Username: "ben"}), create(t, db, d, users.NewUser{Username: "cara"})
	apply := func(u users.User) uuid.UUID {
		made, err := a.Apply(ctx, u.ID, wish)
		if err != nil {
			t.Fatal(err)
		}
		return made.ID
	}
	bens, caras := apply(ben), apply(cara)
	if _, err := a.Reject(ctx, root.ID, caras, "  "); fault.CodeOf(err) != "validation_failed" {
		t.Errorf("no reason: %v", err)
	}
	if _, err := a.Approve(ctx, root.ID, uuid.New()); fault.CodeOf(err) != "not_found" {
		t.Errorf("an invented one: %v", err)
	}
	if _, err := a.Approve(ctx, root.ID, bens); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Reject(ctx, root.ID, caras, "Not yet."); err != nil {
		t.Fatal(err)
	}
	for _, id := range []uuid.UUID{bens, caras} {
		if _, err := a.Approve(ctx, root.ID, id); fault.CodeOf(err) != "invalid_state" {
			t.Errorf("answered twice: %v", err)
		}
	}
	if u, _ := d.ByID(ctx, ben.ID); u.Role != users.Trader || u.VerifiedAt == nil || u.SessionEpoch != ben.SessionEpoch+1 {
		t.Errorf("ben = %+v", u)
	}
	if u, _ := d.ByID(ctx, cara.ID); u.Role != users.Subscriber || u.VerifiedAt != nil {
		t.Errorf("cara = %+v", u)
	}
	for id, title := range map[uuid.UUID]string{ben.ID: "You are a trader now", cara.ID: "Your application as a trader was declined"} {
		var told int
		if err := db.Pool().QueryRow(ctx, `select count(*) from notifications where user_id = $1 and type = 'system' and title = $2`, id, title).Scan(&told); err != nil || told != 1 {
			t.Errorf("%q was told %d times, %v", title, told, err)
		}
	}
	var logged int
	err := db.Pool().QueryRow(ctx, `
		select count(*) from audit_log where kind = 'trader_applications' and by_user = $1 and change ? 'state'`, root.ID).Scan(&logged)
	if err != nil || logged != 2 {
		t.Errorf("%d answers in the audit log, %v", logged, err)
	}

	dora := create(t, db, d, users.NewUser{Username: "dora"})
	doras := apply(dora)
	if err := d.Suspend(ctx, root.ID, "dora"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Approve(ctx, root.ID, doras); fault.CodeOf(err) != "invalid_state" {
		t.Errorf("a suspended applicant: %v", err)
	}
	if last, _ := a.Latest(ctx, dora.ID); last.State != users.ApplicationPending {
		t.Errorf("a refusal left the application %s", last.State)
	}
}

// Operators find people by how their name begins, by their whole address, role and
// status; pages of the list join without a gap.
func TestOperatorsFindPeople(t *testing.T) {
	t.Parallel()
	db, d := open(t)
	for _, name := range []string{"ann", "anna", "an_na", "bob"} {
		create(t, db, d, users.NewUser{Username: name, Email: name + "@example.com", EmailVerified: true})
	}
	create(t, db, d, users.NewUser{Username: "root", Role: users.Admin})
	if err := d.Suspend(t.Context(), uuid.New(), "bob"); err != nil {
		t.Fatal(err)
	}
	find := func(s users.Search) string {
		found, _, err := d.Search(t.Context(), s, 50, nil)
		if err != nil {
			t.Fatalf("%+v: %v", s, err)
		}
		var names []string
		for _, u := range found {
			names = append(names, u.Username)
		}
		return strings.Join(names, " ")
	}
	for want, s := range map[string]users.Search{
		"root bob an_na anna ann": {},
		"anna ann":                {Text: " @Ann"},
		"an_na":                   {Text: "an_"},
		"bob":                     {Status: "suspended"},
		"root":                    {Role: users.Admin, Status: users.StatusActive},
		"anna":                    {Text: "ANNA@example.com"},
		"":                        {Text: "%"},
	} {
		if got := find(s); got != want {
			t.Errorf("%+v finds %q, want %q", s, got, want)
		}
	}
	if got := find(users.Search{Text: "a\x00"}) + find(users.Search{Text: "a\xff"}); got != "" {
		t.Errorf("what is no text finds %q", got)
	}
	first, next, err := d.Search(t.Context(), users.Search{}, 3, nil)
	if err != nil || len(first) != 3 || next == nil {
		t.Fatalf("the first page: %d, %v, %v", len(first), next, err)
	}
	rest, next, err := d.Search(t.Context(), users.Search{}, 3, next)
	if err != nil || len(rest) != 2 || next != nil || rest[0].Username != "anna" {
		t.Errorf("the rest: %v, %v, %v", rest, next, err)
	}
}

// A picture is one that a provider of sign-in serves, and nobody else's address.
func TestPicturesAreAProviders(t *testing.T) {
	t.Parallel()
	db, d := open(t)
	for address, kept := range map[string]bool{
		"https://lh3.googleusercontent.com/a/x=s96-c":             true,
		"https://cdn.discordapp.com/avatars/1/a.png":              true,
		"https://avatars.githubusercontent.com/u/1?v=4":           true,
		"http://cdn.discordapp.com/avatars/1/a.png":               false,
		"https://cdn.discordapp.com:444/avatars/1/a.png":          false,
		"https://x@cdn.discordapp.com/a.png":                      false,
		"https://evil.example/?https://cdn.discordapp.com/":       false,
		"https://cdn.discordapp.com.evil.example/a.png":           false,
		"https://googleusercontent.com/a":                         false,
		"https://a.b.googleusercontent.com/a":                     false,
		"https://evilgoogleusercontent.com/a":                     false,
		"https://cdn.discordapp.com/" + strings.Repeat("a", 1000): false,
	} {
		u := create(t, db, d, users.NewUser{Name: "Ava", AvatarURL: address})
		if (u.AvatarURL != nil) != kept {
			t.Errorf("%.60s: kept %v", address, u.AvatarURL != nil)
		}
	}
}
