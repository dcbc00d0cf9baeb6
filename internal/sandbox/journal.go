package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

const journalFile = "journal.jsonl"

// Journal is the append-only record of everything the sandbox did: one JSON
// object a line, {"kind","value"}. A line is handed to the kernel before the
// answer it belongs to is sent, so a kill -9 of the process loses nothing that
// anyone was told. It is not synced to disk: it guards against a dead process,
// not against a dead machine.
type Journal struct {
	mu    sync.Mutex
	file  *os.File
	dir   string
	apply map[string]func(json.RawMessage) error
}

type journalLine struct {
	Kind  string          `json:"kind"`
	Value json.RawMessage `json:"value"`
}

// newJournal prepares a journal in dir; an empty dir keeps nothing.
func newJournal(dir string) *Journal {
	return &Journal{dir: dir, apply: map[string]func(json.RawMessage) error{}}
}

// On names what to do with the lines of one kind at replay. Every kind is
// registered before replay; lines of an unknown kind are passed over.
func (j *Journal) On(kind string, apply func(json.RawMessage) error) {
	j.apply[kind] = apply
}

// Append writes one line with a single write(2). Without a folder it does nothing.
func (j *Journal) Append(kind string, v any) error {
	value, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode journal line %s: %w", kind, err)
	}
	line, err := json.Marshal(journalLine{Kind: kind, Value: value})
	if err != nil {
		return fmt.Errorf("encode journal line %s: %w", kind, err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return nil
	}
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("append to journal: %w", err)
	}
	return nil
}

// replay reads the lines of an earlier run and opens the file for appending. A
// last line without its newline was being written when the process died: nobody
// was answered for it, so it is cut off.
func (j *Journal) replay() error {
	if j.dir == "" {
		return nil
	}
	if err := os.MkdirAll(j.dir, 0o700); err != nil {
		return fmt.Errorf("make journal folder: %w", err)
	}
	path := filepath.Join(j.dir, journalFile)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open journal: %w", err)
	}
	if err := j.read(file); err != nil {
		return errors.Join(err, file.Close())
	}
	j.mu.Lock()
	j.file = file
	j.mu.Unlock()
	return nil
}

func (j *Journal) read(file *os.File) error {
	raw, err := io.ReadAll(file)
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	whole := bytes.LastIndexByte(raw, '\n') + 1
	if whole < len(raw) {
		if err := file.Truncate(int64(whole)); err != nil {
			return fmt.Errorf("cut torn journal line: %w", err)
		}
	}
	for number, text := range bytes.Split(raw[:whole], []byte{'\n'}) {
		if len(text) == 0 {
			continue
		}
		if err := j.applyLine(text); err != nil {
			return fmt.Errorf("journal line %d: %w", number+1, err)
		}
	}
	return nil
}

func (j *Journal) applyLine(text []byte) error {
	var line journalLine
	if err := json.Unmarshal(text, &line); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	apply, known := j.apply[line.Kind]
	if !known {
		return nil
	}
	return apply(line.Value)
}

// close gives the file back; later appends are dropped.
func (j *Journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return nil
	}
	err := j.file.Close()
	j.file = nil
	return err
}
