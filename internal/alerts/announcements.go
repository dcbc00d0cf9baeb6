package alerts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/postgres"
)

const (
	announcementTitleMax = 80
	announcementBodyMax  = 1000

	// announcementSlice is how many people one statement tells: few enough for its time
	// on a database that has other things to do.
	announcementSlice = 500
)

// Announcement is what an operator says to everybody.
type Announcement struct {
	ID        uuid.UUID  `json:"id"`
	Title     string     `json:"title"`
	Body      string     `json:"body"`
	By        string     `json:"by"`
	CreatedAt time.Time  `json:"createdAt"`
	Told      int        `json:"told"` // people, so far
	DoneAt    *time.Time `json:"doneAt"`
}

// Draft is an announcement before it goes.
type Draft struct {
	Title, Body string
	Confirmed   bool // whoever wrote it has seen how many people it goes to
}

// wrong names the fields that cannot be right. recipients is told to who has not confirmed.
func (d Draft) wrong(recipients int) map[string]string {
	wrong := map[string]string{}
	plain := func(text string, most int, breaks bool) bool {
		for _, c := range text {
			if c < ' ' && (!breaks || c != '\n') {
				return false
			}
		}
		return utf8.ValidString(text) && utf8.RuneCountInString(text) <= most
	}
	if strings.TrimSpace(d.Title) == "" || !plain(d.Title, announcementTitleMax, false) {
		wrong["title"] = fmt.Sprintf("Between 1 and %d characters, in one line.", announcementTitleMax)
	}
	if !plain(d.Body, announcementBodyMax, true) {
		wrong["body"] = fmt.Sprintf("At most %d characters.", announcementBodyMax)
	}
	if len(wrong) == 0 && !d.Confirmed {
		wrong["confirm"] = fmt.Sprintf("It goes to %d people and cannot be taken back. Say that it shall.", recipients)
	}
	return wrong
}

// Recipients counts whom an announcement would reach. It reads users' table.
func (a *Announcer) Recipients(ctx context.Context) (int, error) {
	var n int
	if err := a.db.Pool().QueryRow(ctx, `select count(*) from users where status = 'active'`).Scan(&n); err != nil {
		return 0, fmt.Errorf("count who would be told: %w", err)
	}
	return n, nil
}

// Check says what is wrong with a draft, and how many people it would go to.
func (a *Announcer) Check(ctx context.Context, d Draft) (recipients int, err error) {
	if recipients, err = a.Recipients(ctx); err != nil {
		return 0, err
	}
	if wrong := d.wrong(recipients); len(wrong) > 0 {
		return recipients, fault.Validation(wrong)
	}
	return recipients, nil
}

// SayToAll takes an announcement on; TellAnnounced tells it. The same key says it once.
// Errors: validation_failed, which names each field, confirm among them.
func (a *Announcer) SayToAll(ctx context.Context, k postgres.RequestKey, d Draft) (postgres.Answer, error) {
	if _, err := a.Check(ctx, d); err != nil {
		return postgres.Answer{}, err
	}
	return a.db.Once(ctx, k, func(ctx context.Context, tx pgx.Tx) (postgres.Answer, error) {
		n := Announcement{Title: d.Title, Body: d.Body, CreatedAt: a.now().UTC()}
		err := tx.QueryRow(ctx, `
			with made as (
				insert into announcements (author_id, title, body, created_at) values ($1, $2, $3, $4) returning id, author_id)
			select made.id, u.username from made join users u on u.id = made.author_id`, k.User, d.Title, d.Body, n.CreatedAt).Scan(&n.ID, &n.By)
		if err != nil {
			return postgres.Answer{}, fmt.Errorf("take on an announcement: %w", err)
		}
		body, err := json.Marshal(n)
		return postgres.Answer{Status: http.StatusAccepted, Body: body}, err
	}, postgres.Across("everybody, by an operator"))
}

// TellAnnounced tells what was announced to whoever has not heard it yet. Two processes
// at once do no harm: one passes over what the other works on.
func (a *Announcer) TellAnnounced(ctx context.Context) error {
	for more := true; more; {
		err := a.db.AsSystem(ctx, "announcements", func(ctx context.Context, tx pgx.Tx) (err error) {
			more, err = a.tellSlice(ctx, tx)
			return err
		})
		if err != nil {
			return fmt.Errorf("tell announcements: %w", err)
		}
	}
	return nil
}

// tellSlice tells the next people of the oldest announcement that is not done, in one
// statement, and remembers how far it is. It reads users' table.
func (a *Announcer) tellSlice(ctx context.Context, tx pgx.Tx) (more bool, err error) {
	var n Announcement
	var last *uuid.UUID
	err = tx.QueryRow(ctx, `
		select id, title, body, created_at, last_user from announcements
		where done_at is null order by created_at limit 1
		for no key update skip locked`).Scan(&n.ID, &n.Title, &n.Body, &n.CreatedAt, &last)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if last == nil {
		last = new(uuid.UUID)
	}
	rows, err := tx.Query(ctx, `
		select id from users where status = 'active' and created_at <= $1 and id > $2 order by id limit $3`, n.CreatedAt, last, announcementSlice)
	if err != nil {
		return false, err
	}
	people, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return false, err
	}
	if len(people) > 0 {
		last = &people[len(people)-1]
		if err := a.tellPeople(ctx, tx, n, people); err != nil {
			return false, err
		}
	}
	_, err = tx.Exec(ctx, `
		update announcements set told = told + $2, last_user = $3, done_at = case when $2 < $4 then $5::timestamptz end
		where id = $1`, n.ID, len(people), last, announcementSlice, a.now())
	return true, err
}

// tellPeople also lets their open pages know. Whoever was told before is not told again.
func (a *Announcer) tellPeople(ctx context.Context, tx pgx.Tx, n Announcement, people []uuid.UUID) error {
	args := pgx.NamedArgs{"title": n.Title, "body": n.Body, "about": "announcement:" + n.ID.String(), "people": people}
	err := a.NotifyEach(ctx, tx, Each{
		Type: System, LearntAt: n.CreatedAt, Args: args, Query: `
			select person, @title::text, @body::text, '', '/notifications', '{"announcement": true}'::jsonb, @about::text, null::uuid, null::timestamptz
			from unnest(@people::uuid[]) as person`,
	})
	if err != nil {
		return err
	}
	return a.Show(ctx, tx, System, `select person, @about::text from unnest(@people::uuid[]) as person`, args)
}

// Announcements lists what was announced, the newest first.
func (a *Announcer) Announcements(ctx context.Context, limit int, from *httpio.Cursor) (list []Announcement, next *httpio.Cursor, err error) {
	at, id := a.now().Add(24*time.Hour), uuid.Max
	if from != nil {
		at, id = from.At, from.ID
	}
	rows, err := a.db.Pool().Query(ctx, `
		select n.id, n.title, n.body, u.username, n.created_at, n.told, n.done_at
		from announcements n join users u on u.id = n.author_id
		where (n.created_at, n.id) < ($1, $2) order by n.created_at desc, n.id desc limit $3`, at, id, limit+1)
	if err != nil {
		return nil, nil, fmt.Errorf("list announcements: %w", err)
	}
	if list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Announcement]); err != nil {
		return nil, nil, fmt.Errorf("list announcements: %w", err)
	}
	for i := range list {
		list[i].CreatedAt = list[i].CreatedAt.UTC()
		if done := list[i].DoneAt; done != nil {
			*done = done.UTC()
		}
	}
	if len(list) > limit {
		list = list[:limit]
		last := list[limit-1]
		next = &httpio.Cursor{At: last.CreatedAt, ID: last.ID}
	}
	return list, next, nil
}
