package account

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/email"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/sandbox"
	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/users"
)

// mailroom is the rooms that a change of address goes through, with Resend played over HTTP
// and a clock in the test's hand.
type mailroom struct {
	*testing.T
	db       *postgres.DB
	accounts *Accounts
	post     *delivery.Post
	base     string
	ahead    atomic.Int64 // nanoseconds the clock is ahead
}

func (m *mailroom) now() time.Time {
	return time.Now().Add(time.Duration(m.ahead.Load())).UTC().Truncate(time.Microsecond)
}

func openMail(t *testing.T) *mailroom {
	t.Helper()
	m := &mailroom{T: t, db: pgtest.New(t)}
	world, err := sandbox.Open(sandbox.Options{Now: m.now})
	m.must(err)
	m.base = world.URL()
	served := make(chan error, 1)
	go func() { served <- world.Serve(context.Background()) }()
	t.Cleanup(func() {
		if err := world.Close(context.Background()); err != nil {
			t.Error(err)
		}
		<-served
	})
	egress := httpio.NewEgress(httpio.EgressOptions{AllowLoopback: []string{strings.TrimPrefix(m.base, "http://")}})
	t.Cleanup(egress.CloseIdleConnections)
	log := slog.New(slog.DiscardHandler)
	says := alerts.New(alerts.Options{DB: m.db, AppURL: "https://app.example", Now: m.now, Logger: log})
	links := email.NewLinks("https://app.example", secret.New("a secret of the test's own"))
	resend := email.New(email.Options{
		BaseURL: m.base + "/resend", Key: secret.New(sandbox.ResendKey), From: "Alertsify <alerts@" + sandbox.ResendDomain + ">", UserAgent: "Alertsify/test", HTTP: egress, Now: m.now,
	})
	m.post = delivery.New(delivery.Options{
		DB: m.db, Compose: says.Compose, Gather: says.Gather, Unsubscribe: says.Unsubscribe, Email: delivery.NewEmail(resend, links, m.db, m.now), Now: m.now, Logger: log,
	})
	people := users.New(m.db)
	guard, err := auth.New(auth.Options{DB: m.db, Users: people, Alerts: says, AppURL: "https://app.example", Now: m.now, Logger: log})
	m.must(err)
	queue, err := postgres.NewQueue(m.db)
	m.must(err)
	m.accounts = New(Options{DB: m.db, Queue: queue, Users: people, Guard: guard, Alerts: says, Post: m.post, Logger: log, Now: m.now})
	return m
}

func (m *mailroom) must(err error) {
	m.Helper()
	if err != nil {
		m.Fatal(err)
	}
}

// refused wants an error with a code.
func (m *mailroom) refused(err error, code, when string) {
	m.Helper()
	if fault.CodeOf(err) != code {
		m.Errorf("%s: %v, want %s", when, err, code)
	}
}

// person is somebody who is signed in with a browser, and has a mailbox when there is an address.
func (m *mailroom) person(name, address string) (id uuid.UUID) {
	m.Helper()
	m.must(m.db.Pool().QueryRow(m.Context(), `
		insert into users (username, name, email, email_verified) values ($1, $1, nullif($2, ''), $2 <> '') returning id`, name, address).Scan(&id))
	m.must(m.db.Pool().QueryRow(m.Context(), `
		insert into sign_ins (id, user_id, method, device, ip_prefix, created_at, last_seen_at) values (gen_random_uuid(), $1, 'google', 'Firefox', '203.0.113.0/24', now(), now())
		returning user_id`, id).Scan(&id))
	m.sync()
	return id
}

func (m *mailroom) sync() {
	m.Helper()
	_, err := m.post.SyncMailboxes(m.Context(), time.Time{})
	m.must(err)
}

func (m *mailroom) address(user uuid.UUID) (address string, sessions int) {
	m.Helper()
	m.must(m.db.Pool().QueryRow(m.Context(), `
		select coalesce(email, '') || case when email is not null and not email_verified then ' (unverified)' else '' end,
			(select count(*) from sign_ins where user_id = u.id)
		from users u where id = $1`, user).Scan(&address, &sessions))
	return address, sessions
}

func (m *mailroom) wantAddress(user uuid.UUID, want, when string) {
	m.Helper()
	if got, _ := m.address(user); got != want {
		m.Errorf("%s the address is %q, want %q", when, got, want)
	}
}

func (m *mailroom) count(sql string, args ...any) (n int) {
	m.Helper()
	m.must(m.db.Pool().QueryRow(m.Context(), sql, args...).Scan(&n))
	return n
}

// sent is a mail as it arrived.
type sent struct {
	To      []string
	Subject string
	Text    string
}

// mails are those that an address got, the oldest first.
func (m *mailroom) mails(to string) (list []sent) {
	m.Helper()
	answer, err := http.Get(m.base + "/_sandbox/resend/mails")
	m.must(err)
	defer answer.Body.Close()
	var all struct{ Data []sent }
	m.must(json.NewDecoder(answer.Body).Decode(&all))
	for _, s := range all.Data {
		if s.To[0] == to {
			list = append(list, s)
		}
	}
	return list
}

// fails makes the next requests to Resend fail.
func (m *mailroom) fails(count int) {
	m.Helper()
	body, err := json.Marshal(map[string]any{"target": "resend", "match": "POST", "mode": "error", "count": count, "status": 500})
	m.must(err)
	answer, err := http.Post(m.base+"/_sandbox/faults", "application/json", bytes.NewReader(body))
	m.must(err)
	m.must(answer.Body.Close())
	if answer.StatusCode != http.StatusOK {
		m.Fatalf("faults: %d", answer.StatusCode)
	}
}

var digits = regexp.MustCompile(`^[0-9]{8}`)

// code is that of the latest mail to an address.
func (m *mailroom) code(to string) string {
	m.Helper()
	list := m.mails(to)
	if len(list) == 0 {
		m.Fatalf("no mail to %s", to)
	}
	return digits.FindString(list[len(list)-1].Subject)
}

// other is eight digits that are not these.
func other(code string) string {
	if code == "00000000" {
		return "00000001"
	}
	return "00000000"
}

// changed changes an address from beginning to end.
func (m *mailroom) changed(user uuid.UUID, to string) {
	m.Helper()
	m.must(m.accounts.ChangeEmail(m.Context(), user, to))
	m.must(m.accounts.ConfirmEmail(m.Context(), user, m.code(to)))
}

// undoes is the change that the link in the latest notice to an address takes back.
func (m *mailroom) undoes(to string) uuid.UUID {
	m.Helper()
	list := m.mails(to)
	_, token, found := strings.Cut(list[len(list)-1].Text, "https://app.example/u/")
	if !found {
		m.Fatalf("no way back in %s", list[len(list)-1].Text)
	}
	token, _, _ = strings.Cut(token, "\n")
	link, err := m.post.ReadLink(token)
	m.must(err)
	return link.Undoes
}

// tell runs the jobs that wait, as often as a queue may.
func (m *mailroom) tell() {
	m.Helper()
	rows, err := m.db.Pool().Query(m.Context(), `select args ->> 'change_id' from river_job where kind = 'email_changed' order by id`)
	m.must(err)
	var ids []uuid.UUID
	for rows.Next() {
		var id uuid.UUID
		m.must(rows.Scan(&id))
		ids = append(ids, id)
	}
	m.must(rows.Err())
	for range 2 {
		for _, id := range ids {
			m.must(m.accounts.TellOldMailbox(m.Context(), id))
		}
	}
}

func TestAnAddressChangesWhenItsMailboxIsProved(t *testing.T) {
	t.Parallel()
	m := openMail(t)
	ava := m.person("ava", "ava@example.com")
	m.must(m.accounts.ChangeEmail(t.Context(), ava, " Ava.New@Example.com "))
	const mailbox = "Ava.New@example.com"
	m.wantAddress(ava, "ava@example.com", "before the code")
	if w, err := m.accounts.WaitingEmail(t.Context(), ava); err != nil || w == nil || w.Address != mailbox {
		t.Errorf("waiting: %+v, %v", w, err)
	}
	m.refused(m.accounts.ConfirmEmail(t.Context(), ava, other(m.code(mailbox))), "validation_failed", "another code")
	m.must(m.accounts.ConfirmEmail(t.Context(), ava, m.code(mailbox)[:4]+" "+m.code(mailbox)[4:]))
	m.wantAddress(ava, mailbox, "after the code")
	if _, sessions := m.address(ava); sessions != 0 {
		t.Errorf("%d sessions go on", sessions)
	}
	m.refused(m.accounts.ConfirmEmail(t.Context(), ava, m.code(mailbox)), "invalid_state", "the code a second time")
	if w, err := m.accounts.WaitingEmail(t.Context(), ava); err != nil || w != nil {
		t.Errorf("still waiting: %+v, %v", w, err)
	}
	if n := m.count(`select count(*) from notifications where user_id = $1 and type = 'security' and title = 'Your e-mail address was changed'`, ava); n != 1 {
		t.Errorf("told %d times", n)
	}
	m.sync()
	if n := m.count(`select count(*) from destinations where user_id = $1 and channel = 'email' and removed_at is null and address = $2`, ava, mailbox); n != 1 {
		t.Errorf("mail does not go to the new address")
	}
	if n := m.count(`select count(*) from audit_log where kind = 'users' and by_user = $1 and change -> 'email' ->> 1 = $2`, ava, mailbox); n != 1 {
		t.Errorf("%d rows of it in the audit log", n)
	}
	m.tell()
	list := m.mails("ava@example.com")
	if len(list) != 1 || strings.Contains(list[0].Text, mailbox) || strings.Contains(list[0].Text, "No more of these") {
		t.Fatalf("the old mailbox got %+v", list)
	}
	var at, until time.Time
	m.must(m.db.Pool().QueryRow(t.Context(), `select confirmed_at, undo_until from email_changes where user_id = $1`, ava).Scan(&at, &until))
	if text := list[0].Text; !strings.Contains(text, exchange.Moment(at)) || !strings.Contains(text, "until "+exchange.Moment(until)) || strings.Contains(text, " UTC") {
		t.Errorf("it was changed at %s and is taken back until %s; the old mailbox was told %s", at, until, text)
	}
}

func TestACodeIsGoodForFiveTriesTenMinutesAndItsOwnRequest(t *testing.T) {
	t.Parallel()
	m := openMail(t)
	ava, ben := m.person("ava", "ava@example.com"), m.person("ben", "")
	const mailbox = "new@example.com"
	m.must(m.accounts.ChangeEmail(t.Context(), ava, mailbox))
	code := m.code(mailbox)
	m.refused(m.accounts.ConfirmEmail(t.Context(), ben, code), "invalid_state", "somebody else with the code")
	for range codeTries {
		m.refused(m.accounts.ConfirmEmail(t.Context(), ava, other(code)), "validation_failed", "a wrong code")
	}
	m.refused(m.accounts.ConfirmEmail(t.Context(), ava, code), "invalid_state", "the right one after five wrong ones")

	m.must(m.accounts.ChangeEmail(t.Context(), ava, mailbox))
	m.ahead.Add(int64(codeFor))
	m.refused(m.accounts.ConfirmEmail(t.Context(), ava, m.code(mailbox)), "invalid_state", "after ten minutes")

	m.must(m.accounts.ChangeEmail(t.Context(), ava, mailbox))
	first := m.code(mailbox)
	m.must(m.accounts.ChangeEmail(t.Context(), ava, "other@example.com"))
	if m.code("other@example.com") != first {
		m.refused(m.accounts.ConfirmEmail(t.Context(), ava, first), "validation_failed", "the code of the request before")
	}
	m.wantAddress(ava, "ava@example.com", "in the end")
}

// Whoever asks learns nothing about whose an address is, and gets it in no case; only its
// reader is told.
func TestAnAddressOfSomebodyElseIsNeitherGivenNorBetrayed(t *testing.T) {
	t.Parallel()
	m := openMail(t)
	ava, eve := m.person("ava", "ava@example.com"), m.person("eve", "eve@example.com")
	m.must(m.accounts.ChangeEmail(t.Context(), eve, "AVA@example.com"))
	list := m.mails("AVA@example.com")
	if len(list) != 1 || digits.MatchString(list[0].Subject) || !strings.Contains(list[0].Text, "belongs to another account") {
		t.Fatalf("ava's mailbox got %+v", list)
	}
	for _, guess := range []string{"", "00000000"} {
		m.refused(m.accounts.ConfirmEmail(t.Context(), eve, guess), "validation_failed", "a guess")
	}
	m.wantAddress(ava, "ava@example.com", "afterwards ava's")
	m.wantAddress(eve, "eve@example.com", "afterwards eve's")

	// Two who prove one mailbox at the same time: the second has come too late.
	m.must(m.accounts.ChangeEmail(t.Context(), eve, "shared@example.com"))
	late := m.code("shared@example.com")
	m.changed(ava, "shared@example.com")
	m.refused(m.accounts.ConfirmEmail(t.Context(), eve, late), "invalid_state", "an address that was verified in between")
	m.wantAddress(eve, "eve@example.com", "afterwards eve's")
}

// Who is planted with an address unverified loses it to whoever reads it.
func TestWhoHasAnAddressUnverifiedLosesIt(t *testing.T) {
	t.Parallel()
	m := openMail(t)
	ava, planted := m.person("ava", "ava@example.com"), m.person("planted", "")
	exec(t, m.db, `update users set email = 'new@example.com' where id = $1`, planted)
	m.changed(ava, "new@example.com")
	m.wantAddress(ava, "new@example.com", "ava's")
	m.wantAddress(planted, "", "the planted one's")
}

func TestWhoReadsTheOldMailboxTakesTheChangeBack(t *testing.T) {
	t.Parallel()
	m := openMail(t)
	ava := m.person("ava", "ava@example.com")
	m.changed(ava, "thief@example.com")
	m.tell()
	m.changed(ava, "thief2@example.com")
	m.tell()
	exec(t, m.db, `insert into sign_ins (id, user_id, method, device, ip_prefix, created_at, last_seen_at) values (gen_random_uuid(), $1, 'google', 'Firefox', '203.0.113.0/24', now(), now())`, ava)
	m.must(m.accounts.ChangeEmail(t.Context(), ava, "thief3@example.com"))
	waiting, later := m.code("thief3@example.com"), m.undoes("thief@example.com")

	m.ahead.Add(int64(undoFor - time.Minute))
	first := m.undoes("ava@example.com")
	for range 2 {
		m.must(m.accounts.UndoEmail(t.Context(), first))
		m.wantAddress(ava, "ava@example.com", "taken back")
	}
	if _, sessions := m.address(ava); sessions != 0 {
		t.Errorf("%d sessions go on", sessions)
	}
	m.must(m.accounts.UndoEmail(t.Context(), later)) // changes nothing: it is undone with the first
	m.refused(m.accounts.ConfirmEmail(t.Context(), ava, waiting), "invalid_state", "a code from before")
	m.wantAddress(ava, "ava@example.com", "in the end")
	if n := m.count(`select count(*) from notifications where user_id = $1 and title = 'Your e-mail address is the one of before again'`, ava); n != 1 {
		t.Errorf("told %d times", n)
	}
}

func TestAChangeIsTakenBackForThreeDaysAndFromNobodyElse(t *testing.T) {
	t.Parallel()
	m := openMail(t)
	ava, ben := m.person("ava", "ava@example.com"), m.person("ben", "")
	m.changed(ava, "new@example.com")
	m.tell()
	change := m.undoes("ava@example.com")
	m.changed(ben, "ava@example.com") // it was free
	m.refused(m.accounts.UndoEmail(t.Context(), change), "invalid_state", "an address that is another's by now")
	m.wantAddress(ben, "ava@example.com", "ben's")
	m.ahead.Add(int64(undoFor + time.Second))
	m.refused(m.accounts.UndoEmail(t.Context(), change), "not_found", "after three days")
	m.wantAddress(ava, "new@example.com", "ava's")
	m.refused(m.accounts.UndoEmail(t.Context(), uuid.New()), "not_found", "no change at all")
	there := m.count(`select count(*) from email_changes`)
	if gone, err := TrimEmails(t.Context(), m.db, m.now()); err != nil || gone != int64(there) {
		t.Errorf("%d of %d changes went, %v", gone, there, err)
	}
	if n := m.count(`select count(*) from email_changes`); n != 0 || there == 0 {
		t.Errorf("%d changes of %d are kept for good", n, there)
	}
}

func TestWhoAsksTooOftenWaits(t *testing.T) {
	t.Parallel()
	m := openMail(t)
	ava := m.person("ava", "ava@example.com")
	for i := range asksMax {
		m.must(m.accounts.ChangeEmail(t.Context(), ava, "a"+string(rune('0'+i))+"@example.com"))
	}
	m.refused(m.accounts.ChangeEmail(t.Context(), ava, "b@example.com"), "rate_limited", "the sixth within an hour")
	for i := range mostAt {
		m.must(m.accounts.ChangeEmail(t.Context(), m.person("p"+string(rune('0'+i)), ""), "victim@example.com"))
	}
	m.refused(m.accounts.ChangeEmail(t.Context(), m.person("last", ""), "VICTIM@example.com"), "rate_limited", "the fourth mail to one address")
	if n := len(m.mails("victim@example.com")); n != mostAt {
		t.Errorf("%d mails to one address", n)
	}
	m.ahead.Add(int64(asksIn + time.Second))
	m.must(m.accounts.ChangeEmail(t.Context(), ava, "b@example.com"))
}

func TestWhatIsNoAddressIsRefused(t *testing.T) {
	t.Parallel()
	m := openMail(t)
	ava := m.person("ava", "ava@example.com")
	for _, typed := range []string{
		"", "ava", "ava@", "@example.com", "ava@localhost", "Ava <new@example.com>", "a b@example.com", "a@b@example.com", "new@[192.0.2.1]",
		"new@example.com\r\nBcc: all@example.com", "ävä@example.com", strings.Repeat("a", 65) + "@example.com", "a@" + strings.Repeat("b", 250) + ".com",
		"ava@example.com", "AVA@EXAMPLE.COM",
	} {
		m.refused(m.accounts.ChangeEmail(t.Context(), ava, typed), "validation_failed", typed)
	}
	if n := m.count(`select count(*) from email_changes`); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// While Resend is away nobody is told that a code is on its way; and the notice to the old
// mailbox is tried again by its queue.
func TestWhileMailIsAway(t *testing.T) {
	t.Parallel()
	m := openMail(t)
	ava := m.person("ava", "ava@example.com")
	m.fails(3) // as often as it is tried
	m.refused(m.accounts.ChangeEmail(t.Context(), ava, "new@example.com"), "unavailable", "while Resend fails")
	m.changed(ava, "new@example.com")
	var change uuid.UUID
	m.must(m.db.Pool().QueryRow(t.Context(), `select args ->> 'change_id' from river_job where kind = 'email_changed'`).Scan(&change))
	m.fails(3)
	if err := m.accounts.TellOldMailbox(t.Context(), change); err == nil {
		t.Error("the job is done, and nothing was sent")
	}
	m.tell()
	if n := len(m.mails("ava@example.com")); n != 1 {
		t.Errorf("%d notices", n)
	}
	m.must(m.accounts.UndoEmail(t.Context(), change))
	m.tell() // of what was undone nothing is told
	if n := len(m.mails("ava@example.com")); n != 1 {
		t.Errorf("%d notices", n)
	}
}

// Who had no address has nothing to go back to.
func TestAFirstAddressHasNoWayBack(t *testing.T) {
	t.Parallel()
	m := openMail(t)
	ben := m.person("ben", "")
	m.changed(ben, "ben@example.com")
	if n := m.count(`select count(*) from river_job where kind = 'email_changed'`) + m.count(`select count(*) from email_changes where before is not null`); n != 0 {
		t.Errorf("%d ways back", n)
	}
	m.wantAddress(ben, "ben@example.com", "the first")
}
