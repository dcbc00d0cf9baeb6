package main

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/jackc/pgx/v5"
)

// number is the one number that a query gives.
func (s *show) number(sql string, args ...any) (n int) {
	s.t.Helper()
	if err := s.stage.db.Pool().QueryRow(s.t.Context(), sql, args...).Scan(&n); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// left is how many rows of somebody's are still good for something.
func (s *show) left(user string) map[string]int {
	left := map[string]int{}
	for name, sql := range map[string]string{
		"ways in":       `select (select count(*) from sign_ins where user_id = $1) + (select count(*) from identities where user_id = $1) + (select count(*) from access_tokens where user_id = $1 and revoked_at is null)`,
		"passkeys":      `select (select count(*) from passkeys where user_id = $1) + (select count(*) from second_factors where user_id = $1) + (select count(*) from passkey_challenges where user_id = $1)`,
		"destinations":  `select count(*) from destinations where user_id = $1 and removed_at is null`,
		"subscriptions": `select count(*) from subscriptions where (follower_id = $1 or trader_id = $1) and status <> 'cancelled'`,
		"decisions":     `select count(*) from copy_decisions where user_id = $1 and result in ('queued', 'awaiting_approval', 'approved')`,
		"consents":      `select count(*) from consents where user_id = $1 and withdrawn_at is null`,
		"brokers":       `select (select count(*) from accounts where user_id = $1 and removed_at is null) + (select count(*) from connections where user_id = $1 and deleted_at is null) + (select count(*) from snaptrade_users where user_id = $1)`,
		"announced":     `select count(*) from alerts where user_id = $1 and public`,
		"follows":       `select count(*) from follows where follower_id = $1 or trader_id = $1`,
	} {
		if n := s.number(sql, s.people[user]); n > 0 {
			left[name] = n
		}
	}
	return left
}

// Who deletes their account is nobody any more, anywhere, at once: what they connected is
// taken apart, followers are told once, however often the job runs. What lies at the
// broker is not touched, and their orders stay accounted for.
func TestDeletingAnAccountUndoesEverything(t *testing.T) {
	t.Parallel()
	s, _ := openChecked(t)
	s.belongings(t)
	s.do("cara", "POST", "/api/users/ava/follow", "").want(t, 200)
	s.exec(`insert into passkeys (user_id, credential_id, public_key, name, backup_eligible, backed_up)
		values ($1, 'ava-phone', 'key', 'Phone', true, true)`, s.people["ava"])
	s.exec(`insert into second_factors (user_id) values ($1)`, s.people["ava"])
	s.exec(`insert into passkey_challenges (session_hash, purpose, user_id, asked, expires_at) values ('elsewhere', 'sign_in', $1, '{}', now() + interval '5 minutes')`, s.people["ava"])
	accepted := s.number(`select count(*) from legal_acceptances`)
	ava, cara, root := s.signIn("ava"), s.signIn("cara"), s.signIn("root")

	for name, refused := range map[string]answer{
		"another name":   s.send(ava, "POST", "/api/account/delete", `{"username":"Ava"}`).want(t, 422),
		"a token":        s.do("ava", "POST", "/api/account/delete", `{"username":"ava"}`).want(t, 403),
		"the last admin": s.send(root, "POST", "/api/account/delete", `{"username":"root"}`).want(t, 409),
	} {
		if len(s.left("ava")) < 5 || s.number(`select count(*) from users where status <> 'active'`) != 0 {
			t.Fatalf("%s: %s, and left %v", name, refused.body, s.left("ava"))
		}
	}
	s.fails("ava", placing, "delay", "delayMs", 6000)
	onItsWay := s.place("ava", "BTO 1 AAPL 200C "+expiry+" @ 3.50")
	if a := s.send(ava, "POST", "/api/account/delete", `{"username":"ava"}`).want(t, 409); a.code() != "invalid_state" {
		t.Errorf("with an order on its way: %s", a.body)
	}
	s.eventually("the order has arrived", func() bool { return s.order("ava", onItsWay).State == "filled" })
	s.settled()
	if a := s.do("ava", "GET", "/api/account/leaving", "").want(t, 200); !contains(a.body, `"openPositions":1`) || !contains(a.body, `"followers":2`) || !contains(a.body, `"ordersOnTheWay":0`) {
		t.Errorf("beforehand: %s", a.body)
	}
	book, orders, record := fmt.Sprint(s.book("*")), s.number(`select count(*) from orders`), s.number(`select count(*) from record_entries where trader_id = $1`, s.people["ava"])
	if record == 0 {
		t.Fatal("ava has no record that could be lost")
	}
	s.failsHalfWay(t, ava)

	s.send(cara, "POST", "/api/account/delete", `{"username":"cara"}`).want(t, 200)
	s.halfDone(t, ava)

	s.send(ava, "GET", "/api/profile", "").want(t, 401)
	s.do("ava", "GET", "/api/profile", "").want(t, 401)
	s.do("cara", "GET", "/api/positions", "").want(t, 401)
	s.do("ben", "GET", "/api/users/ava", "").want(t, 404)
	s.do("ben", "GET", "/traders/ava", "").want(t, 404)
	s.do("ben", "GET", "/api/traders/ava/record", "").want(t, 404)
	if n := s.number(`select count(*) from legal_acceptances`); n != accepted {
		t.Errorf("%d acceptances are kept, of %d", n, accepted)
	}
	s.eventually("the job is done", func() bool { return len(s.left("ava")) == 0 })
	for range 2 { // and again, as a queue may do
		for _, who := range []string{"ava", "cara"} {
			if err := s.app.Account().Farewell(t.Context(), s.people[who]); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, who := range []string{"ava", "cara"} {
		if left := s.left(who); len(left) > 0 {
			t.Errorf("of %s there are left %v", who, left)
		}
	}
	if told := s.number(`select count(*) from notifications where user_id = $1 and title = '@ava has left.'`, s.people["ben"]); told != 1 {
		t.Errorf("ben was told %d times", told)
	}
	if a := s.do("ben", "GET", "/api/feeds/global", "").want(t, 200); contains(a.body, "ava") {
		t.Errorf("the feed still says %s", a.body)
	}
	if now := fmt.Sprint(s.book("*")); now != book {
		t.Errorf("the broker's book was\n%s\nand is\n%s", book, now)
	}
	if n := s.number(`select count(*) from orders`); n != orders {
		t.Errorf("%d orders are kept, of %d", n, orders)
	}
	if n := s.number(`select count(*) from record_entries where trader_id = $1`, s.people["ava"]); n != record {
		t.Errorf("%d entries of the record are kept, of %d", n, record)
	}
	for _, words := range []string{"ava@example.com", "Ava Stone", "cara@example.com", "Cara Lindqvist"} {
		if where := s.standsIn(words); len(where) > 0 {
			t.Errorf("%q still stands in %v", words, where)
		}
	}
	if n := s.number(`select count(*) from audit_log where kind = 'users' and by_user = $1 and change -> 'status' ->> 1 = 'deleted'`, s.people["ava"]); n != 1 {
		t.Errorf("%d rows of it in the audit log", n)
	}
	s.forgottenAtSnapTrade(t, 2)
	s.signsUpAnew(t)
}

// breaks makes a change of a table fail until it is mended: what a crash leaves at that point.
func (s *show) breaks(table, when string) (mend func()) {
	s.t.Helper()
	s.exec(`create or replace function broken() returns trigger language plpgsql as $$ begin raise exception 'broken'; end $$`)
	s.exec(`create trigger broken before update on ` + table + ` for each row when (` + when + `) execute function broken()`)
	return func() { s.exec(`drop trigger broken on ` + table) }
}

// failsHalfWay breaks the last step of deleting: nothing of it has happened.
func (s *show) failsHalfWay(t *testing.T, ava *http.Client) {
	t.Helper()
	before := fmt.Sprint(s.left("ava"))
	mend := s.breaks("users", "new.status = 'deleted'")
	s.send(ava, "POST", "/api/account/delete", `{"username":"ava"}`).want(t, 500)
	mend()
	if now := fmt.Sprint(s.left("ava")); now != before {
		t.Errorf("broken half way, %s is left of %s", now, before)
	}
	if n := s.number(`select count(*) from river_job where kind = 'farewell'`); n != 0 {
		t.Errorf("%d jobs say farewell to who is still there", n)
	}
}

// halfDone deletes while the job cannot end: followers are told, then it fails, and is done
// the next time.
func (s *show) halfDone(t *testing.T, ava *http.Client) {
	t.Helper()
	mend := s.breaks("alerts", "old.public and not new.public")
	s.send(ava, "POST", "/api/account/delete", `{"username":"ava"}`).want(t, 200)
	s.eventually("the job failed half way", func() bool {
		return s.number(`select count(*) from river_job where kind = 'farewell' and cardinality(errors) > 0`) > 0
	})
	mend()
	s.exec(`update river_job set scheduled_at = now() where kind = 'farewell' and state = 'retryable'`)
	if s.left("ava")["announced"] == 0 {
		t.Error("nothing was half done")
	}
}

// standsIn are the tables that hold some words, but for the log of who changed what, and what
// open pages were told in the last minutes.
func (s *show) standsIn(words string) (tables []string) {
	s.t.Helper()
	rows, err := s.stage.db.Pool().Query(s.t.Context(), `
		select relname::text from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace and relname not in ('audit_log', 'live_events')`)
	if err != nil {
		s.t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		s.t.Fatal(err)
	}
	for _, table := range all {
		if s.number(`select count(*) from `+pgx.Identifier{table}.Sanitize()+` t where strpos(t::text, $1) > 0`, words) > 0 {
			tables = append(tables, table)
		}
	}
	return tables
}

// forgottenAtSnapTrade lets the sweep come five minutes later: SnapTrade has deleted the
// users whose accounts are gone, with all their connections.
func (s *show) forgottenAtSnapTrade(t *testing.T, gone int) {
	t.Helper()
	s.exec(`update snaptrade_leftovers set created_at = now() - interval '6 minutes', tried_at = null where deleted_at is null`)
	if err := s.app.Accounts().Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.eventually("SnapTrade forgot them", func() bool {
		return s.number(`select count(*) from snaptrade_leftovers where deleted_at is not null`) == gone
	})
}

// signsUpAnew comes with the same account of the provider, and is somebody new.
func (s *show) signsUpAnew(t *testing.T) {
	t.Helper()
	again := s.signIn("ava")
	var now struct{ ID, Username, Role string }
	s.send(again, "GET", "/api/profile", "").want(t, http.StatusOK).into(t, &now)
	if now.ID == s.people["ava"].String() || now.Username == "ava" || now.Role != "subscriber" {
		t.Errorf("signed up anew as %+v", now)
	}
	if a := s.send(again, "GET", "/api/trading/orders", "").want(t, http.StatusOK); len(a.ids(t)) != 0 {
		t.Errorf("and has the orders %s", a.body)
	}
	if a := s.send(again, "POST", "/api/account/delete", `{"username":"`+now.Username+`"}`); a.status != http.StatusOK {
		t.Errorf("and leaves again: %d %s", a.status, a.body)
	}
}
