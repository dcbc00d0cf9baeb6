package positions

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/alertsify/alertsify/internal/fault"
)

func TestNotesAndTagsAreKeptAsWritten(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	r.book(p.ID, true, 1, "3.00", nil)
	book := New(r.db)
	notes, tags := "bought the dip\nagain", []string{" earnings ", "Swing", "swing"}
	if _, err := book.Write(t.Context(), r.user, p.ID, Entry{Notes: &notes, Tags: &tags}); err != nil {
		t.Fatal(err)
	}
	none := []string{}
	for _, c := range []struct {
		entry Entry
		notes string
		tags  []string
	}{{Entry{}, notes, []string{"earnings", "Swing"}}, {Entry{Tags: &none}, notes, nil}} {
		got, err := book.Write(t.Context(), r.user, p.ID, c.entry)
		if err != nil || got.Notes != c.notes || !slices.Equal(got.Tags, c.tags) {
			t.Errorf("%q %q (%v)", got.Notes, got.Tags, err)
		}
	}
}

func TestWhatIsTooMuchIsRefusedAndChangesNothing(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	r.book(p.ID, true, 1, "3.00", nil)
	book := New(r.db)
	many := make([]string, tagsMax+1)
	for i := range many {
		many[i] = strconv.Itoa(i)
	}
	text := func(s string) *string { return &s }
	list := func(s ...string) *[]string { return &s }
	fits := many[:tagsMax]
	for name, c := range map[string]struct {
		entry Entry
		code  string
	}{
		"notes at the edge":  {Entry{Notes: text(strings.Repeat("é", notesMax))}, ""},
		"notes past it":      {Entry{Notes: text(strings.Repeat("é", notesMax+1))}, "validation_failed"},
		"a null character":   {Entry{Notes: text("a\x00b")}, "validation_failed"},
		"no text":            {Entry{Notes: text("a\xffb")}, "validation_failed"},
		"tags at the edge":   {Entry{Tags: &fits}, ""},
		"tags past it":       {Entry{Tags: &many}, "validation_failed"},
		"a tag at the edge":  {Entry{Tags: list(strings.Repeat("é", tagMax))}, ""},
		"a tag past it":      {Entry{Tags: list(strings.Repeat("é", tagMax+1))}, "validation_failed"},
		"an empty tag":       {Entry{Tags: list(" ")}, "validation_failed"},
		"a tag with a comma": {Entry{Tags: list("a,b")}, "validation_failed"},
		"a tag with a line":  {Entry{Tags: list("a\nb")}, "validation_failed"},
		"a tag that is none": {Entry{Tags: list("a\xff")}, "validation_failed"},
	} {
		before := r.at(p.ID)
		_, err := book.Write(t.Context(), r.user, p.ID, c.entry)
		if code := fault.CodeOf(err); err == nil && c.code != "" || err != nil && code != c.code {
			t.Errorf("%s: %v", name, err)
		}
		if now := r.at(p.ID); c.code != "" && (now.Notes != before.Notes || !slices.Equal(now.Tags, before.Tags)) {
			t.Errorf("%s was refused and written", name)
		}
	}
}

func TestNobodyWritesAboutAnothersPosition(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	book := New(r.db)
	notes := "mine"
	if _, err := book.Write(t.Context(), r.user, p.ID, Entry{Notes: &notes}); fault.CodeOf(err) != "not_found" {
		t.Errorf("about one that never held anything: %v", err)
	}
	r.book(p.ID, true, 1, "3.00", nil)
	stranger := r.id(`insert into users (username, name) values ('ben', 'Ben') returning id`)
	if _, err := book.Write(t.Context(), stranger, p.ID, Entry{Notes: &notes}); fault.CodeOf(err) != "not_found" {
		t.Errorf("about another's: %v", err)
	}
	if now := r.at(p.ID); now.Notes != "" {
		t.Errorf("%q was written", now.Notes)
	}
}
