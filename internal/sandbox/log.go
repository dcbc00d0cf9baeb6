package sandbox

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// logLimit bounds what is kept in memory; the journal on disk keeps all of it.
const logLimit = 500_000

// Received is one request that reached a simulated party, or one webhook it
// sent. Body is the request's body as JSON, secrets replaced.
type Received struct {
	Seq    int64           `json:"seq"`
	At     time.Time       `json:"at"`
	Target string          `json:"target"`
	Method string          `json:"method"`
	Path   string          `json:"path"`
	Status int             `json:"status"`
	Body   json.RawMessage `json:"body"`
}

// Log keeps everything received, in order, and journals it before the answer is
// sent.
type Log struct {
	mu      sync.Mutex
	seq     int64
	entries []Received
	journal *Journal
	now     func() time.Time
	logger  *slog.Logger
}

func newLog(journal *Journal, now func() time.Time, logger *slog.Logger) *Log {
	l := &Log{journal: journal, now: now, logger: logger}
	journal.On("received", l.replayOne)
	journal.On("log.cleared", func(json.RawMessage) error {
		l.entries = nil
		return nil
	})
	return l
}

func (l *Log) replayOne(raw json.RawMessage) error {
	var entry Received
	if err := json.Unmarshal(raw, &entry); err != nil {
		return fmt.Errorf("decode received request: %w", err)
	}
	l.keep(entry)
	return nil
}

// Add records one request. body is a json.RawMessage or any value to marshal,
// and the caller has already taken the secrets out of path and body.
func (l *Log) Add(target, method, path string, status int, body any) {
	raw := asJSON(body)
	l.mu.Lock()
	defer l.mu.Unlock()
	entry := Received{
		Seq: l.seq + 1, At: l.now().UTC(), Target: target,
		Method: method, Path: path, Status: status, Body: raw,
	}
	if err := l.journal.Append("received", entry); err != nil {
		l.logger.Error("sandbox: journal a received request", "error", err)
	}
	l.keep(entry)
}

func (l *Log) keep(entry Received) {
	l.seq = entry.Seq
	l.entries = append(l.entries, entry)
	if len(l.entries) > logLimit {
		l.entries = append([]Received(nil), l.entries[logLimit/10:]...)
	}
}

// List returns the entries after a sequence number, oldest first, of one target
// or, with an empty target, of all.
func (l *Log) List(target string, after int64) []Received {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := []Received{}
	for _, entry := range l.entries {
		if entry.Seq <= after || (target != "" && entry.Target != target) {
			continue
		}
		found = append(found, entry)
	}
	return found
}

// Clear empties the log; sequence numbers go on from where they were.
func (l *Log) Clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.journal.Append("log.cleared", l.seq); err != nil {
		l.logger.Error("sandbox: journal the cleared log", "error", err)
	}
	l.entries = nil
}

// asJSON makes any body fit to stand in a JSON document: what is not JSON
// becomes a JSON string.
func asJSON(body any) json.RawMessage {
	raw, isRaw := body.(json.RawMessage)
	if !isRaw {
		encoded, err := json.Marshal(body)
		if err != nil {
			return json.RawMessage(`null`)
		}
		return encoded
	}
	if len(raw) == 0 {
		return json.RawMessage(`null`)
	}
	if json.Valid(raw) {
		return raw
	}
	quoted, err := json.Marshal(string(raw))
	if err != nil {
		return json.RawMessage(`null`)
	}
	return quoted
}
