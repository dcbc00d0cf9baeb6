package sandbox

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// replayed opens the journal of a folder and returns the words in it.
func replayed(t *testing.T, dir string) (*Journal, []string) {
	t.Helper()
	words := []string{}
	j := newJournal(dir)
	j.On("word", func(raw json.RawMessage) error {
		words = append(words, string(raw))
		return nil
	})
	if err := j.replay(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.close() })
	return j, words
}

// What a killed process was writing when it died is cut off, and the next line
// does not grow onto it.
func TestATornJournalLineIsCutOff(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, journalFile)
	if err := os.WriteFile(path, []byte(`{"kind":"word","value":"whole"}`+"\n"+`{"kind":"word","va`), 0o600); err != nil {
		t.Fatal(err)
	}
	j, words := replayed(t, dir)
	if !slices.Equal(words, []string{`"whole"`}) {
		t.Errorf("replayed %v", words)
	}
	if err := j.Append("word", "next"); err != nil {
		t.Fatal(err)
	}
	if _, words = replayed(t, dir); !slices.Equal(words, []string{`"whole"`, `"next"`}) {
		t.Errorf("replayed %v", words)
	}
}

func TestADamagedJournalStopsTheStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, journalFile), []byte("{\"kind\":\"word\"\nrest\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := newJournal(dir).replay()
	if err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("error %v", err)
	}
}
