package sentry

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/trace"
)

// event is what Sentry's protocol calls one (https://develop.sentry.dev/sdk/data-model/event-payloads/).
type event struct {
	ID          string            `json:"event_id"`
	Timestamp   string            `json:"timestamp"` // RFC 3339
	Platform    string            `json:"platform"`
	Level       string            `json:"level"`
	Logger      string            `json:"logger"`
	Release     string            `json:"release,omitempty"`
	Environment string            `json:"environment,omitempty"`
	Server      string            `json:"server_name,omitempty"`
	Transaction string            `json:"transaction"`
	Tags        map[string]string `json:"tags"`
	Fingerprint []string          `json:"fingerprint"`
	Exception   exceptions        `json:"exception"`
}

type exceptions struct {
	Values []exception `json:"values"`
}

type exception struct {
	Type  string `json:"type"`
	Value string `json:"value"`
	Stack *stack `json:"stacktrace,omitempty"`
}

type stack struct {
	Frames []frame `json:"frames"` // the outermost first
}

type frame struct {
	Function string `json:"function"`
	Module   string `json:"module"`
	File     string `json:"filename"`
	Line     int    `json:"lineno"`
	Ours     bool   `json:"in_app"`
}

// fingerprint is the same for failures that are one.
func (f Failure) fingerprint() string {
	return strings.Join([]string{f.Kind, f.Where, f.Code, trace.TypeOf(f.Err), site(f.Stack)}, " ")
}

// site is the function of ours in which a stack was taken.
func site(text []byte) string {
	for _, fr := range framesOf(text) {
		if fr.Ours {
			return fr.Module + "." + fr.Function
		}
	}
	return ""
}

// envelope is a failure as Sentry takes it.
func (c *Client) envelope(f Failure, at time.Time) ([]byte, error) {
	made := uuid.New()
	id := hex.EncodeToString(made[:])
	e := event{
		ID: id, Timestamp: at.UTC().Format(time.RFC3339Nano), Platform: "go", Level: "error", Logger: f.Kind,
		Release: c.o.Release, Environment: c.o.Environment, Server: c.o.Instance, Transaction: f.Where,
		Tags: map[string]string{}, Fingerprint: []string{f.fingerprint()},
		Exception: exceptions{[]exception{{Type: trace.TypeOf(f.Err), Value: secret.Scrub(f.Err.Error())}}},
	}
	if f.Panic {
		e.Level = "fatal"
	}
	if frames := framesOf(f.Stack); len(frames) > 0 {
		slices.Reverse(frames)
		e.Exception.Values[0].Stack = &stack{frames}
	}
	for key, value := range map[string]string{"request_id": f.RequestID, "code": f.Code} {
		if value != "" {
			e.Tags[key] = value
		}
	}
	if f.JobID != 0 {
		e.Tags["job"], e.Tags["attempt"] = strconv.FormatInt(f.JobID, 10), strconv.Itoa(f.Attempt)
	}
	payload, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, `{"event_id":%q,"sent_at":%q}`+"\n", id, e.Timestamp)
	fmt.Fprintf(&out, `{"type":"event","length":%d}`+"\n", len(payload))
	out.Write(payload)
	out.WriteByte('\n')
	return out.Bytes(), nil
}

const (
	framesMax = 50
	module    = "github.com/alertsify/alertsify/"
)

var (
	call = regexp.MustCompile(`^(\S+)\(.*\)$|^(\S+)$`)
	line = regexp.MustCompile(`^\t(\S+):(\d+)(?: \+0x[0-9a-f]+)?$`)
)

// framesOf reads a stack as runtime/debug prints it, or River, which leaves out the arguments:
// names and places, innermost first. What led to taking it is left out.
func framesOf(text []byte) (list []frame) {
	lines := strings.Split(string(text), "\n")
	for i := 0; i+1 < len(lines) && len(list) < framesMax; i++ {
		f, at := call.FindStringSubmatch(strings.TrimPrefix(lines[i], "created by ")), line.FindStringSubmatch(lines[i+1])
		if f == nil || at == nil {
			continue
		}
		name := f[1] + f[2]
		if name == "panic" || name == "runtime.gopanic" { // all above it only caught it
			list = list[:0]
			continue
		}
		number, _ := strconv.Atoi(at[2])
		module, function := splitName(name)
		list = append(list, frame{Function: function, Module: module, File: fileOf(at[1]), Line: number, Ours: ours(name)})
	}
	return list
}

func ours(name string) bool { return strings.HasPrefix(name, module) }

// splitName splits "host/path/pkg.(*T).Method" behind the package.
func splitName(name string) (pkg, function string) {
	slash := strings.LastIndexByte(name, '/') + 1
	dot := strings.IndexByte(name[slash:], '.')
	if dot < 0 {
		return "", name
	}
	return name[:slash+dot], name[slash+dot+1:]
}

// fileOf leaves out where on the machine the program was built.
func fileOf(path string) string {
	if _, rest, found := strings.Cut(path, "/internal/"); found {
		return "internal/" + rest
	}
	return path[strings.LastIndexByte(path, '/')+1:]
}
