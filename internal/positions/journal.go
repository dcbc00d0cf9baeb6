package positions

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
)

// The journal's bounds, in characters.
const (
	notesMax = 4000
	tagsMax  = 20 // tags of one position
	tagMax   = 40
)

// Entry is what somebody writes about a position of theirs; nil leaves it as it is.
type Entry struct {
	Notes *string
	Tags  *[]string
}

// Write changes the notes and tags of one of the user's own positions.
func (b *Book) Write(ctx context.Context, user, id uuid.UUID, e Entry) (p Position, err error) {
	if wrong := e.tidy(); len(wrong) > 0 {
		return Position{}, fault.Validation(wrong)
	}
	err = b.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			update positions set notes = coalesce($3, notes), tags = coalesce($4, tags), updated_at = now()
			where id = $1 and user_id = $2 and bought > 0`, id, user, e.Notes, e.Tags)
		if err != nil {
			return fmt.Errorf("write about position %s: %w", id, err)
		}
		if tag.RowsAffected() == 0 {
			return fault.NotFound()
		}
		p, err = LockOwn(ctx, tx, user, id)
		return err
	})
	return p, err
}

// tidy trims what was written and names what is wrong with it.
func (e *Entry) tidy() map[string]string {
	wrong := map[string]string{}
	if e.Notes != nil {
		if text := *e.Notes; utf8.RuneCountInString(text) > notesMax {
			wrong["notes"] = fmt.Sprintf("must have at most %d characters", notesMax)
		} else if !postgres.Storable(text) {
			wrong["notes"] = "has a character that cannot be kept"
		}
	}
	if e.Tags == nil {
		return wrong
	}
	tags := make([]string, 0, len(*e.Tags))
	for _, tag := range *e.Tags {
		tag = strings.TrimSpace(tag)
		if n := utf8.RuneCountInString(tag); n < 1 || n > tagMax || !postgres.Storable(tag) || strings.ContainsFunc(tag, unicode.IsControl) || strings.Contains(tag, ",") {
			wrong["tags"] = fmt.Sprintf("each must have 1 to %d characters and no comma", tagMax)
		}
		if !slices.ContainsFunc(tags, func(have string) bool { return strings.EqualFold(have, tag) }) {
			tags = append(tags, tag)
		}
	}
	if len(tags) > tagsMax {
		wrong["tags"] = fmt.Sprintf("must be at most %d", tagsMax)
	}
	e.Tags = &tags
	return wrong
}
