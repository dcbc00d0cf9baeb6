package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/postgres"
)

// ownerships says whose id the {id} of a route is, by a piece of its pattern; the
// first that fits counts.
func ownerships() [][2]string {
	return [][2]string{
		{"/applications/{id}", "application"}, {"/dead-letters/{id}", "delivery"}, {"/webhooks/{id}", "delivery"}, {"/notifications/{id}", "notification"}, {"/alerts/{id}", "alert"},
		{"/connections/{id}", "connection"}, {"/accounts/{id}", "account"}, {"/settings/brokers/{id}", "account"},
		{"/orders/{id}", "order"}, {"/positions/{id}", "position"}, {"/subscription/{id}", "subscription"},
		{"/subscriptions/{id}", "subscription"}, {"/decisions/{id}", "decision"}, {"/drift/{id}", "drift"}, {"/tokens/{id}", "token"}, {"/sessions/{id}", "session"},
	}
}

// owned is somebody's real thing.
type owned struct{ owner, id string }

// belongings gives everybody something of every kind, nothing of which changes by itself soon.
func (s *show) belongings(t *testing.T) map[string]owned {
	t.Helper()
	s.mode("immediate")
	s.quote(apple, "3.45", "3.50")
	s.signIn("ava")
	s.token("ava", "read")
	s.exec(`update subscriptions set max_delay_seconds = 900`) // so long cara is asked
	order := s.place("ava", "BTO 4 AAPL 200C "+expiry+" @ 3.50")
	var waiting []string
	s.eventually("ben has a copy and cara is asked", func() bool {
		waiting = s.do("cara", "GET", "/api/copy-trading/decisions?view=awaiting", "").ids(t)
		return len(waiting) == 1 && contains(s.do("ben", "GET", "/api/copy-trading/decisions", "").body, `"result":"executed"`)
	})
	drift := s.driftOf(t, order)
	s.exec(`update copy_drifts set state = 'kept'`) // an open one is resolved by the sweep: ava has not left
	first := func(user, path string) string { return s.do(user, "GET", path, "").want(t, 200).ids(t)[0] }
	return map[string]owned{
		"order": {"ava", order}, "position": {"ava", s.order("ava", order).PositionID},
		"account": {"ava", first("ava", "/api/brokers/accounts")}, "connection": {"ava", first("ava", "/api/brokers/connections")},
		"subscription": {"ben", first("ben", "/api/copy-trading/subscriptions")}, "decision": {"cara", waiting[0]},
		"drift": {"ben", drift}, "notification": {"ava", first("ava", "/api/notifications")},
		"alert":       {"ava", s.text(`select id::text from alerts where order_id = $1`, order)},
		"delivery":    {"ava", s.text(`select d.id::text from deliveries d join alerts a on a.id = d.alert_id where a.order_id = $1 limit 1`, order)},
		"application": {"cara", s.do("cara", "POST", "/api/profile/application", `{"text":"Weeklies on large caps, since 2020."}`).want(t, 201).ids(t)[0]},
		"token":       {"ava", first("ava", "/api/tokens")}, "session": {"ava", first("ava", "/api/sessions")},
	}
}

// driftOf says that ava has left what ben still holds of her order.
func (s *show) driftOf(t *testing.T, order string) (id string) {
	t.Helper()
	err := s.stage.db.Pool().QueryRow(t.Context(), `
		insert into copy_drifts (subscription_id, user_id, trader_id, kind, symbol, leader_position_id, position_id)
		select c.subscription_id, c.user_id, c.trader_id, 'trader_left', c.symbol, l.position_id, e.position_id
		from orders l join copy_decisions c on c.leader_order_id = l.id join orders e on e.id = c.order_id
		where l.id = $1 and e.user_id = $2
		on conflict (subscription_id, leader_position_id, kind) do update set state = 'open', order_id = null returning id`,
		order, s.people["ben"]).Scan(&id)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Every route that takes an id answers somebody else's exactly as one that does
// not exist, and changes nothing (INV-39). The routes come from the table, so a
// new one is held to this too.
func TestIsolationSomebodyElsesIdIsNotThere(t *testing.T) {
	t.Parallel()
	s := open(t)
	things := s.belongings(t)
	for _, user := range []string{"ava", "ben", "cara", "root"} {
		s.token(user, "trade")
	}
	before := s.settled()
	tried := map[string]bool{}
	for _, route := range s.app.Routes() {
		if !strings.Contains(route.Pattern, "{id}") {
			continue
		}
		i := slices.IndexFunc(ownerships(), func(o [2]string) bool { return strings.Contains(route.Pattern, o[0]) })
		if i < 0 {
			t.Errorf("%s %s: nobody said whose id this is", route.Method, route.Pattern)
			continue
		}
		kind := ownerships()[i][1]
		tried[kind] = true
		if route.Rule == auth.Operator { // anybody's, for operators; nobody else gets as far as the id
			for _, user := range []string{"ava", "ben", "cara"} {
				s.tryID(user, route.Method, route.Pattern, things[kind].id).want(t, http.StatusForbidden)
			}
			continue
		}
		for _, stranger := range []string{"ava", "ben", "cara", "root"} {
			if stranger != things[kind].owner {
				s.sameAsMissing(t, stranger, route.Method, route.Pattern, things[kind].id)
			}
		}
		if now := s.tally(); !maps.Equal(before, now) {
			t.Errorf("%s %s: something was written", route.Method, route.Pattern)
			s.wroteNothing(t, before)
			before = now
		}
	}
	for kind, thing := range things {
		if !tried[kind] {
			t.Errorf("no route takes the id of a %s", kind)
		}
		if path := map[string]string{"order": "/api/trading/orders/", "position": "/api/positions/"}[kind]; path != "" {
			s.do(thing.owner, "GET", path+thing.id, "").want(t, 200) // it is there for its owner
		}
	}
}

// Every route that takes a username answers somebody who deleted their account, and
// every page of a trader somebody who does not publish, exactly as a name that nobody
// has, and changes nothing.
func TestIsolationWhoIsNotToBeSeenIsNotThere(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, name := range []string{"deleted", "suspended"} {
		s.exec(`insert into users (username, name, role, status) values ($1, $1, 'trader', $1)`, name)
	}
	s.token("cara", "trade")
	before, tried := s.settled(), 0
	for _, route := range s.app.Routes() {
		if !strings.Contains(route.Pattern, "{username}") {
			continue
		}
		hidden := []string{"deleted"}
		if strings.HasPrefix(route.Pattern, "/traders/") || strings.HasSuffix(route.Pattern, "/follow") {
			hidden = append(hidden, "suspended", "ben") // ben only subscribes
		}
		for _, name := range hidden {
			tried++
			s.sameAsNobody(t, route.Method, route.Pattern, name)
		}
	}
	if tried < 10 {
		t.Errorf("only %d were tried", tried)
	}
	if now := s.tally(); !maps.Equal(before, now) {
		s.wroteNothing(t, before)
	}
}

func (s *show) sameAsNobody(t *testing.T, method, pattern, name string) {
	t.Helper()
	const nobody = "nobody_at_all"
	var answers []string
	for _, one := range []string{name, nobody} {
		a := s.tryID("cara", method, strings.Replace(pattern, "{username}", one, 1), "")
		if a.status != http.StatusNotFound {
			t.Errorf("%s %s of %s: %d", method, pattern, one, a.status)
		}
		answers = append(answers, neutral(a, one))
	}
	if answers[0] != answers[1] {
		t.Errorf("%s %s tells %s from nobody:\n%s\n%s", method, pattern, name, answers[0], answers[1])
	}
}

func (s *show) sameAsMissing(t *testing.T, stranger, method, pattern, id string) {
	t.Helper()
	missing := uuid.NewString()
	theirs := s.tryID(stranger, method, pattern, id)
	nobodys := s.tryID(stranger, method, pattern, missing)
	if theirs.status != http.StatusNotFound || nobodys.status != http.StatusNotFound {
		t.Errorf("%s as %s: %d for somebody else's id, %d for a missing one", method+" "+pattern, stranger, theirs.status, nobodys.status)
	}
	if a, b := neutral(theirs, id), neutral(nobodys, missing); a != b {
		at := 0
		for at < min(len(a), len(b)) && a[at] == b[at] {
			at++
		}
		from := max(at-80, 0)
		t.Errorf("%s as %s: somebody else's id is answered …%.160s…, a missing one …%.160s…", method+" "+pattern, stranger, a[from:], b[from:])
	}
}

func (s *show) tryID(user, method, pattern, id string) answer {
	path, headers, body := strings.Replace(pattern, "{id}", id, 1), []string{key()}, ""
	switch {
	case strings.HasPrefix(pattern, "/api/copy-trading/subscription/") && method == http.MethodPatch:
		body = `{"status":"paused"}`
	case strings.HasPrefix(pattern, "/api/") && method != http.MethodGet:
		body = "{}"
	case method != http.MethodGet:
		body = "key=" + uuid.NewString()
		headers = append(headers, "Content-Type: application/x-www-form-urlencoded")
	}
	return s.do(user, method, path, body, headers...)
}

// neutral is an answer without what every answer has of its own: the request's id,
// the id that was asked for, the time, what is left of the rate.
func neutral(a answer, id string) string {
	header := a.header.Clone()
	for _, own := range []string{"Date", "X-Request-Id", "X-Ratelimit-Remaining", "X-Ratelimit-Reset"} {
		header.Del(own)
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(header)) {
		b.WriteString(name + ": " + strings.Join(header[name], ", ") + "\n")
	}
	body := regexp.MustCompile(`name="server-time" content="[0-9]+"`).ReplaceAllString(string(a.body), "(time)")
	return strings.NewReplacer(id, "(id)", a.header.Get("X-Request-Id"), "(request)").Replace(b.String() + body)
}

// The second wall stands without the first: whoever asks for all rows of a table in a
// person's transaction, without any WHERE, gets none of others, and changes none. The
// world has rows of three people in it, so that there is something to see.
func TestIsolationAQueryThatForgetsItsOwnerFindsNothingOfOthers(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.belongings(t)
	hidden, changed := 0, 0
	for _, table := range s.ownedTables(t) {
		owner := "user_id"
		if table == "subscriptions" || table == "follows" {
			owner = "follower_id"
		}
		foreign := fmt.Sprintf("select count(*) from %s where %s is distinct from $1::uuid", table, owner)
		if visibleToAll[table] != "" {
			foreign += " and not (" + visibleToAll[table] + ")"
		}
		for _, user := range []string{"ava", "ben", "cara"} {
			me := s.people[user]
			var there int
			if err := s.stage.db.Pool().QueryRow(t.Context(), foreign, me).Scan(&there); err != nil {
				t.Fatal(err)
			}
			if there > 0 {
				hidden++
			}
			if n := s.asMember(t, me, foreign, me); n != 0 {
				t.Errorf("%s sees %d rows of others in %s", user, n, table)
			}
			for act, sql := range map[string]string{
				"update": fmt.Sprintf("update %s set %s = %[2]s where %[2]s is distinct from $1::uuid", table, owner),
				"delete": fmt.Sprintf("delete from %s where %s is distinct from $1::uuid", table, owner),
			} {
				if n, allowed := s.changedAsMember(t, me, table, act, sql); n != 0 {
					t.Errorf("%s can %s %d rows of others in %s", user, act, n, table)
				} else if allowed {
					changed++
				}
			}
		}
	}
	s.ownRowsStayTheirs(t)
	if changed < 150 {
		t.Errorf("only %d changes could be tried", changed)
	}
	if hidden < 40 {
		t.Errorf("there was something to hide only %d times", hidden)
	}
}

// ownRowsStayTheirs tries to give a row of one's own to somebody else, and to make one for
// them: the database refuses both, whatever the program asks.
func (s *show) ownRowsStayTheirs(t *testing.T) {
	t.Helper()
	tried := map[string]int{}
	for _, table := range s.ownedTables(t) {
		owner := "user_id"
		if table == "subscriptions" || table == "follows" {
			owner = "follower_id"
		}
		columns := s.text(`select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
			where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = ''`, table)
		others := strings.NewReplacer("("+owner+",", "($2::uuid,", " "+owner+",", " $2::uuid,", " "+owner+")", " $2::uuid)").Replace("(" + columns + ")")
		for act, sql := range map[string]string{
			"update": fmt.Sprintf("update %s set %s = $2::uuid where %[2]s = $1::uuid", table, owner),
			"insert": fmt.Sprintf("insert into %[1]s (%[2]s) overriding system value select %[3]s from %[1]s where %[4]s = $1::uuid limit 1",
				table, columns, strings.Trim(others, "()"), owner),
		} {
			for _, user := range []string{"ava", "ben"} {
				if s.triedAsMember(t, s.people[user], s.people["cara"], table, act, sql) {
					tried[act]++
				}
			}
		}
	}
	t.Logf("own rows for others: %v tries", tried)
	if tried["update"] < 20 || tried["insert"] < 20 {
		t.Errorf("only %v could be tried", tried)
	}
}

// triedAsMember does something with somebody's own rows that is to be refused; false where
// they have none there, or members may not do that to the table at all.
func (s *show) triedAsMember(t *testing.T, user, other uuid.UUID, table, act, sql string) bool {
	t.Helper()
	if s.text(`select has_table_privilege($1, $2, $3)::text`, postgres.Member, table, act) != "true" {
		return false
	}
	back := errors.New("taken back")
	var n int64
	err := s.stage.db.As(t.Context(), user, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "set local role "+postgres.Member); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, sql, user, other)
		n = tag.RowsAffected()
		return errors.Join(err, back)
	})
	switch {
	case n > 0:
		t.Errorf("%d own rows of %s could be another's: %s", n, table, sql)
	case strings.Contains(err.Error(), "row-level security"):
		return true
	case strings.Contains(err.Error(), "SQLSTATE"):
		t.Errorf("%s: %v", sql, err)
	}
	return false
}

// visibleToAll says of which rows a table makes no secret.
var visibleToAll = map[string]string{"alerts": "public", "destinations": "user_id is null",
	"deliveries": "user_id is null and exists (select from alerts a where a.id = alert_id and a.user_id = $1)"}

// ownedTables are those whose rows say whose they are and that a member may read.
func (s *show) ownedTables(t *testing.T) []string {
	t.Helper()
	rows, err := s.stage.db.Pool().Query(t.Context(), `
		select distinct c.relname::text from pg_class c join pg_attribute a on a.attrelid = c.oid
		where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace and a.attname in ('user_id', 'follower_id')
		  and has_table_privilege($1, c.oid, 'select') order by 1`, postgres.Member)
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// asMember counts in a transaction of a person, begun as the program begins it.
func (s *show) asMember(t *testing.T, user uuid.UUID, sql string, args ...any) (n int) {
	t.Helper()
	err := s.stage.db.As(t.Context(), user, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "set local role "+postgres.Member); err != nil {
			return err
		}
		return tx.QueryRow(ctx, sql, args...).Scan(&n)
	})
	if err != nil {
		t.Errorf("%s: %v", sql, err)
	}
	return n
}

// changedAsMember is how many rows of others a person's transaction could change, taken back
// again; allowed tells whether members may do that to rows of the table at all.
func (s *show) changedAsMember(t *testing.T, user uuid.UUID, table, act, sql string) (n int64, allowed bool) {
	t.Helper()
	if s.text(`select has_table_privilege($1, $2, $3)::text`, postgres.Member, table, act) != "true" {
		return 0, false
	}
	back := errors.New("taken back")
	err := s.stage.db.As(t.Context(), user, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "set local role "+postgres.Member); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, sql, user)
		n = tag.RowsAffected()
		return errors.Join(err, back)
	})
	if !errors.Is(err, back) || strings.Contains(err.Error(), "SQLSTATE") {
		t.Errorf("%s: %v", sql, err)
	}
	return n, true
}

// An account, a position or a leader named inside a body is no more there than one in a path.
func TestIsolationIdsInsideBodiesAreNotThere(t *testing.T) {
	t.Parallel()
	s, _ := openChecked(t)
	things := s.belongings(t)
	before := s.settled()
	for name, body := range map[string]string{
		"account":  `{"line":"BTO 1 AAPL 200C ` + expiry + ` @ 3.50","accountId":"(id)"}`,
		"position": `{"side":"STC","positionId":"(id)","quantity":1,"orderType":"Limit","limitPrice":"3.50"}`,
	} {
		for _, path := range []string{"/api/trading/orders", "/api/trading/orders/preview"} {
			theirs := s.do("ben", "POST", path, strings.Replace(body, "(id)", things[name].id, 1), key()).want(t, 404)
			missing := uuid.NewString()
			if a, b := neutral(theirs, things[name].id), neutral(s.do("ben", "POST", path, strings.Replace(body, "(id)", missing, 1), key()), missing); a != b {
				t.Errorf("%s in a body: %s, and missing %s", name, a, b)
			}
		}
	}
	own := s.do("cara", "GET", "/api/copy-trading/subscriptions", "").ids(t)[0]
	settings := `{"settings":{"accountId":"` + things["account"].id + `"}}`
	s.do("cara", "PATCH", "/api/copy-trading/subscription/"+own, settings).want(t, 404)
	inbox := s.do("ava", "GET", "/api/notifications", "").ids(t)
	s.do("ben", "POST", "/api/notifications/read", `{"ids":["`+inbox[0]+`"]}`).want(t, 200)
	if a := s.do("ava", "GET", "/api/notifications", ""); contains(a.body, `"readAt":"`) {
		t.Errorf("ben read ava's notification: %s", a.body)
	}
	after := s.settled()
	delete(before, "live_events") // ben was told how much he has left to read
	for table := range before {
		if before[table] != after[table] {
			t.Errorf("%s was written", table)
		}
	}
}

// privateIDs are the ids of everything a person owns, and the broker's ids for it.
// Alerts are public; of a leader's order its followers know the id, because their
// decisions name it.
func (s *show) privateIDs(t *testing.T, user string) map[string]string {
	t.Helper()
	pool, ctx, me := s.stage.db.Pool(), t.Context(), s.people[user]
	rows, err := pool.Query(ctx, `
		select table_name from information_schema.columns
		where table_schema = 'public' and column_name in ('id', 'user_id') and data_type = 'uuid' and table_name <> 'alerts'
		group by table_name having count(*) = 2`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) < 10 {
		t.Fatalf("%d tables of owned rows, %v", len(tables), err)
	}
	queries := []string{
		"select id::text, 'subscriptions' from subscriptions where follower_id = $1",
		"select broker_account_id, 'accounts' from accounts where user_id = $1",
		"select authorization_id, 'connections' from connections where user_id = $1",
		"select broker_order_id, 'orders' from orders where user_id = $1 and broker_order_id is not null",
	}
	for _, table := range tables {
		queries = append(queries, "select id::text, '"+table+"' from "+pgx.Identifier{table}.Sanitize()+" where user_id = $1")
	}
	rows, err = pool.Query(ctx, strings.Join(queries, " union all "), me)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{}
	var id, table string
	if _, err := pgx.ForEachRow(rows, []any{&id, &table}, func() error { ids[id] = table; return nil }); err != nil {
		t.Fatal(err)
	}
	return ids
}

// No list, page or part of a page shows anybody the id of something that is
// somebody else's.
func TestIsolationListsShowOnlyOnesOwn(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.belongings(t)
	s.settled()
	people := []string{"ava", "ben", "cara"}
	private := map[string]map[string]string{}
	for _, user := range people {
		if private[user] = s.privateIDs(t, user); len(private[user]) < 8 {
			t.Fatalf("%s owns only %v", user, private[user])
		}
	}
	leaders := regexp.MustCompile(`"sourceOrderId":"[^"]*"`)
	var read int
	for _, route := range s.app.Routes() {
		if route.Method != http.MethodGet || strings.Contains(route.Pattern, "{") || route.Pattern == "/api/events" {
			continue
		}
		for _, viewer := range people {
			a := s.do(viewer, "GET", route.Pattern, "")
			if a.status == http.StatusOK {
				read++
			}
			text := leaders.ReplaceAllString(string(a.body), "")
			for _, owner := range people {
				for id, table := range private[owner] {
					if owner != viewer && strings.Contains(text, id) {
						t.Errorf("%s shows %s the id %s of %s's %s", route.Pattern, viewer, id, owner, table)
					}
				}
			}
		}
	}
	if read < 60 {
		t.Errorf("only %d answers were read", read)
	}
}
