package legal

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
)

const agreedMax = 100_000 // people remembered as having accepted; all are forgotten when it is reached

// Register knows who accepted what. It alone writes legal_acceptances.
type Register struct {
	db       *postgres.DB
	inForce  []Document
	mu       sync.Mutex
	accepted map[uuid.UUID]bool // who accepted all that is in force: nothing unsays it
}

// New makes the register of the documents in force.
func New(db *postgres.DB) *Register {
	return &Register{db: db, inForce: documents, accepted: map[uuid.UUID]bool{}}
}

// Standing is one document and when somebody accepted its present version; nil: not yet.
// Before is the version they accepted last, if that was another one.
type Standing struct {
	Document
	AcceptedAt *time.Time
	Before     string
}

// Standing tells about each document in force.
func (r *Register) Standing(ctx context.Context, user uuid.UUID) ([]Standing, error) {
	var list []Standing
	err := r.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			select d.n, a.accepted_at, coalesce(b.version, '')
			from unnest($2::text[], $3::text[]) with ordinality as d(document, version, n)
			left join legal_acceptances a on a.user_id = $1 and a.document = d.document and a.version = d.version
			left join lateral (select version from legal_acceptances o where o.user_id = $1 and o.document = d.document and o.version <> d.version
				order by accepted_at desc limit 1) b on true
			order by d.n`, user, r.names(), r.versions())
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (s Standing, err error) {
			var n int
			err = row.Scan(&n, &s.AcceptedAt, &s.Before)
			if err == nil {
				s.Document = r.inForce[n-1]
			}
			return s, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read what %s accepted: %w", user, err)
	}
	return list, nil
}

// Agreed is nil for who accepted every document in force, else the fault terms_required,
// whose details name the missing ones. It stands before what opens something – orders to
// buy, copies, broker connections – and never before what ends something.
func (r *Register) Agreed(ctx context.Context, user uuid.UUID) error {
	if r.knows(user) {
		return nil
	}
	list, err := r.Standing(ctx, user)
	if err != nil {
		return err
	}
	var missing []map[string]string
	var titles []string
	for _, s := range list {
		if s.AcceptedAt == nil {
			missing = append(missing, map[string]string{"document": s.Name, "version": s.Version, "path": s.Path()})
			titles = append(titles, s.Title)
		}
	}
	if len(missing) == 0 {
		r.remember(user)
		return nil
	}
	return fault.New(http.StatusForbidden, "terms_required", "Read and accept first: "+strings.Join(titles, ", ")+".").
		With("documents", missing).With("accept", AcceptPath)
}

// Accept records that a user accepted documents, by name and version. A version that is
// not the one in force is refused: what was read must be what is accepted. Accepting
// again changes nothing.
func (r *Register) Accept(ctx context.Context, user uuid.UUID, versions map[string]string) error {
	if err := r.check(versions); err != nil {
		return err
	}
	names, texts := make([]string, 0, len(versions)), make([]string, 0, len(versions))
	for name, version := range versions {
		names, texts = append(names, name), append(texts, version)
	}
	err := r.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			insert into legal_acceptances (user_id, document, version, origin)
			select $1, d.document, d.version, coalesce(current_setting('app.origin', true), '')
			from unnest($2::text[], $3::text[]) as d(document, version)
			on conflict do nothing`, user, names, texts)
		return err
	})
	if err != nil {
		return fmt.Errorf("note what %s accepted: %w", user, err)
	}
	return nil
}

// check names the documents whose version is not the one in force.
func (r *Register) check(versions map[string]string) error {
	if len(versions) == 0 {
		return fault.Field("documents", "Name the documents and the versions that were read.")
	}
	wrong := map[string]string{}
	for name, version := range versions {
		switch now, known := r.find(name); {
		case !known:
			wrong["documents"] = "There are terms, privacy and risk."
		case version != now.Version:
			wrong[name] = "The version in force is " + now.Version + "."
		}
	}
	if len(wrong) > 0 {
		return fault.Validation(wrong)
	}
	return nil
}

// AcceptForAll is Accept of everything for invented people, in the caller's transaction,
// for development and its seeds.
func (r *Register) AcceptForAll(ctx context.Context, tx pgx.Tx, users []uuid.UUID) error {
	_, err := tx.Exec(ctx, `
		insert into legal_acceptances (user_id, document, version, origin)
		select u, d.document, d.version, 'seed'
		from unnest($1::uuid[]) u cross join unnest($2::text[], $3::text[]) as d(document, version)
		on conflict do nothing`, users, r.names(), r.versions())
	if err != nil {
		return fmt.Errorf("accept for %d users: %w", len(users), err)
	}
	return nil
}

func (r *Register) find(name string) (Document, bool) {
	for _, d := range r.inForce {
		if d.Name == name {
			return d, true
		}
	}
	return Document{}, false
}

func (r *Register) names() []string {
	names := make([]string, len(r.inForce))
	for i, d := range r.inForce {
		names[i] = d.Name
	}
	return names
}

func (r *Register) versions() []string {
	versions := make([]string, len(r.inForce))
	for i, d := range r.inForce {
		versions[i] = d.Version
	}
	return versions
}

func (r *Register) knows(user uuid.UUID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.accepted[user]
}

func (r *Register) remember(user uuid.UUID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.accepted) >= agreedMax {
		clear(r.accepted)
	}
	r.accepted[user] = true
}
