package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/app"
	"github.com/alertsify/alertsify/internal/postgres"
)

// program is the program as people get it, made once for all tests of this process,
// and a folder in which it has run; TestMain removes both.
//
//nolint:gochecknoglobals // the tests of a package have no other common owner
var program struct {
	sync.Mutex

	dir    string
	rested bool
	tokens map[string]string // of the sample people in the folder
}

func TestMain(m *testing.M) {
	if beRelay() {
		return
	}
	code := m.Run()
	if program.dir != "" {
		_ = os.RemoveAll(program.dir)
	}
	os.Exit(code)
}

// built makes the program, unless another test has, and says where it is.
func built(t testing.TB) string {
	t.Helper()
	program.Lock()
	defer program.Unlock()
	path := filepath.Join(program.dir, "alertsify")
	if program.dir != "" {
		return path
	}
	dir, err := openFolder("alertsify-test-")
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "alertsify")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-ldflags=-w", "-o", path, ".").CombinedOutput(); err != nil {
		_ = os.RemoveAll(dir)
		t.Fatalf("build: %v\n%s", err, out)
	}
	program.dir = dir
	return path
}

// openFolder is openFolderIn memory where there is a gigabyte of it: what a killed process wrote
// is there as well, and the tests do not wait for a disk.
func openFolder(name string) (string, error) {
	base := ""
	var room syscall.Statfs_t
	if syscall.Statfs("/dev/shm", &room) == nil && room.Bavail >= 1<<30/uint64(room.Bsize) {
		base = "/dev/shm"
	}
	return openFolderIn(base, name)
}

// openFolderIn makes a folder that the user whom Postgres runs as when we are root can pass
// through, which t.TempDir is not. "" is the folder of temporary files.
func openFolderIn(base, name string) (string, error) {
	dir, err := os.MkdirTemp(base, name)
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o755)
}

// rested gives a folder where the program has met its sample people, come to rest,
// was killed, and has risen and stopped: made by the first test that needs one.
func rested(t *testing.T, binary string) (dir string, tokens map[string]string) {
	t.Helper()
	program.Lock()
	defer program.Unlock()
	dir = filepath.Join(filepath.Dir(binary), "rested")
	if program.rested {
		return dir, program.tokens
	}
	_ = os.RemoveAll(dir) // of a test that failed half-way
	m := &mortal{t: t, binary: binary, dir: dir, tokens: map[string]string{}}
	m.start()
	t.Cleanup(func() { _ = m.child.Process.Kill() }) // of a test that fails half-way
	m.rest()                                         // so that nothing but what a test does passes a point
	for _, person := range []string{"ava", "ben", "cara"} {
		m.token(person)
	}
	// Rising may take more than the minute a copy has.
	m.text(`with longer as (update subscriptions set max_delay_seconds = 900 returning 1) select count(*)::text from longer`)
	m.kill() // idle; it must rise from that too
	m.start()
	m.rest()
	m.stop()
	program.rested, program.tokens = true, m.tokens
	return dir, m.tokens
}

// mortal is `alertsify dev` on one folder, killed and started again as often as
// a test likes. The sandbox, the referee, dies and rises with it.
type mortal struct {
	t           *testing.T
	binary, dir string
	url, world  string
	tokens      map[string]string
	crashedAt   string // the point it was told to die at
	child       *exec.Cmd
	exited      chan struct{}
	mu          sync.Mutex
	said        bytes.Buffer
}

// newMortal has a copy of the rested folder.
func newMortal(t *testing.T, binary string) *mortal {
	t.Helper()
	from, tokens := rested(t, binary)
	dir, err := openFolder("alertsify-crash-")
	if err != nil {
		t.Fatal(err)
	}
	m := &mortal{t: t, binary: binary, dir: dir, tokens: maps.Clone(tokens)}
	t.Cleanup(func() {
		m.stop()
		if t.Failed() {
			t.Logf("it said:\n%s", m.spoken())
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	if out, err := exec.CommandContext(t.Context(), "cp", "-Rp", from+"/.", dir).CombinedOutput(); err != nil {
		t.Fatalf("copy %s: %v\n%s", from, err, out)
	}
	m.moveSandbox()
	return m
}

// moveSandbox gives the copy's sandbox a port of its own: that of the folder it was
// copied from may be taken, and what is stored names it.
func (m *mortal) moveSandbox() {
	m.t.Helper()
	known, err := devEnv(m.dir)
	if err != nil {
		m.t.Fatal(err)
	}
	var lc net.ListenConfig
	free, err := lc.Listen(m.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		m.t.Fatal(err)
	}
	_ = free.Close()
	file := filepath.Join(m.dir, devEnvName)
	text, err := os.ReadFile(file)
	if err != nil {
		m.t.Fatal(err)
	}
	text = bytes.ReplaceAll(text, []byte(known["SANDBOX_ADDR"]), []byte(free.Addr().String()))
	if err := os.WriteFile(file, text, 0o600); err != nil {
		m.t.Fatal(err)
	}
}

var readyLine = regexp.MustCompile(`ready at (\S+) \(sandbox at (\S+)\)`)

// start runs it until it is ready, or until it has died on the way there.
func (m *mortal) start(env ...string) {
	m.t.Helper()
	m.child = exec.Command(m.binary, "dev", "--data", m.dir, "--addr", "127.0.0.1:0", "--sandbox-addr", "127.0.0.1:0")
	m.child.Env = append(os.Environ(), env...)
	out, in, err := os.Pipe()
	if err != nil {
		m.t.Fatal(err)
	}
	m.child.Stdout, m.child.Stderr = in, in
	if err := m.child.Start(); err != nil {
		m.t.Fatal(err)
	}
	_ = in.Close()
	ready := make(chan []string, 1)
	go m.listen(out, ready)
	m.exited = make(chan struct{})
	go func() { _ = m.child.Wait(); close(m.exited) }()
	select {
	case found := <-ready:
		m.url, m.world = found[1], found[2]
	case <-m.exited:
		m.t.Fatalf("it did not start: %s", m.spoken())
	case <-time.After(100 * time.Second): // on a busy disk making its database takes half of that
		m.t.Fatalf("it is not ready: %s", m.spoken())
	}
}

func (m *mortal) listen(out *os.File, ready chan<- []string) {
	defer out.Close()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		m.mu.Lock()
		m.said.WriteString(lines.Text() + "\n")
		m.mu.Unlock()
		if found := readyLine.FindStringSubmatch(lines.Text()); found != nil {
			ready <- found
		}
	}
}

func (m *mortal) spoken() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.said.String()
}

// fillsAtOnce makes the broker fill whatever it is asked, at prices of the test's own:
// those of the simulated market change with the days that are left to a contract.
func (m *mortal) fillsAtOnce() {
	m.t.Helper()
	m.tell("/_sandbox/broker/mode", map[string]string{"account": "*", "mode": "immediate"})
	m.tell("/_sandbox/market", map[string]any{"symbol": apple, "bid": "3.45", "ask": "3.50", "last": "3.45", "frozen": true})
}

// kill is a power cut.
func (m *mortal) kill() {
	m.t.Helper()
	_ = m.child.Process.Kill()
	m.died(10 * time.Second)
}

// killDatabase is a power cut of its Postgres alone, every process of it at once.
func (m *mortal) killDatabase() {
	m.t.Helper()
	postmaster := killPostmaster(m.t, filepath.Join(m.dir, "postgres", "data"))
	m.until("its Postgres is dead", func() bool { return syscall.Kill(postmaster, 0) != nil })
}

// killPostmaster kills the server of a data folder, every process of it at once.
func killPostmaster(t *testing.T, data string) (postmaster int) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	if postmaster, err = strconv.Atoi(strings.TrimSpace(first)); err != nil {
		t.Fatal(err)
	}
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", postmaster, postmaster))
	if err := syscall.Kill(postmaster, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for _, child := range strings.Fields(string(children)) { // elsewhere than on Linux they notice by themselves
		if pid, err := strconv.Atoi(child); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	return postmaster
}

// died waits until it is dead, by SIGKILL.
func (m *mortal) died(within time.Duration) {
	m.t.Helper()
	select {
	case <-m.exited:
	case <-time.After(within):
		m.t.Fatalf("it lives on: %s", m.spoken())
	}
	if status, ok := m.child.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		m.t.Fatalf("it ended otherwise: %s\n%s", m.child.ProcessState, m.spoken())
	}
}

// stop ends it cleanly, its Postgres with it.
func (m *mortal) stop() {
	if m.child == nil {
		return
	}
	select {
	case <-m.exited: // it was killed last: a clean run takes its Postgres down
		m.start()
	default:
	}
	_ = m.child.Process.Signal(syscall.SIGTERM)
	select {
	case <-m.exited:
	case <-time.After(40 * time.Second):
		_ = m.child.Process.Kill()
		m.t.Error("it did not stop")
	}
}

// token is a person's, made by the command as an operator makes it.
func (m *mortal) token(person string) string {
	m.t.Helper()
	if m.tokens[person] == "" {
		out, err := exec.CommandContext(m.t.Context(), m.binary, "token", "--data", m.dir, "--user", person, "--scope", "trade").Output()
		if err != nil {
			m.t.Fatalf("make a token: %v", err)
		}
		m.tokens[person] = strings.TrimSpace(string(out))
	}
	return m.tokens[person]
}

// ask is one request; an error is a connection that ended without an answer.
func (m *mortal) ask(person, method, path, body string, headers ...string) (answer, error) {
	base := m.url
	if person == "" {
		base = m.world
	}
	r, err := http.NewRequestWithContext(m.t.Context(), method, base+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if person != "" {
		r.Header.Set("Authorization", "Bearer "+m.token(person))
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	resp, err := (&http.Client{Timeout: 15 * time.Second}).Do(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	return answer{resp.StatusCode, resp.Header, got}, err
}

// get reads JSON from the product as a person, or from the sandbox as nobody.
func (m *mortal) get(person, path string, into any) {
	m.t.Helper()
	a, err := m.ask(person, "GET", path, "")
	if err != nil || a.status != http.StatusOK {
		m.t.Fatalf("%s: %v %d %s\n%s", path, err, a.status, a.body, m.spoken())
	}
	a.into(m.t, into)
}

// tell changes the sandbox.
func (m *mortal) tell(path string, body any) {
	m.t.Helper()
	text, _ := json.Marshal(body)
	if a, err := m.ask("", "POST", path, string(text)); err != nil || a.status != http.StatusOK {
		m.t.Fatalf("%s: %v %d %s", path, err, a.status, a.body)
	}
}

func (m *mortal) book(person string) (list []bookOrder) {
	m.t.Helper()
	m.get("", "/_sandbox/broker/orders?account="+person, &list)
	return list
}

// calls counts what the sandbox received, before and after every death.
func (m *mortal) calls(target, method, suffix string) (n int) {
	m.t.Helper()
	var log []received
	m.get("", "/_sandbox/log?target="+target, &log)
	for _, r := range log {
		if r.Method == method && strings.HasSuffix(r.Path, suffix) {
			n++
		}
	}
	return n
}

// mortalOrder is an order with its contract.
type mortalOrder struct {
	shownOrder

	Contract struct{ Symbol string }
}

func (m *mortal) orders(person string) (list []mortalOrder) {
	m.t.Helper()
	m.get(person, "/api/trading/orders?view=all", &list)
	return list
}

func (m *mortal) until(what string, ok func() bool) {
	m.t.Helper()
	deadline := time.Now().Add(100 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			m.t.Fatalf("never: %s\n%s", what, m.spoken())
		}
		select {
		case <-m.exited:
			m.t.Fatalf("it died: %s\n%s", what, m.spoken())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// settings are those of the folder.
func (m *mortal) settings() app.Config {
	m.t.Helper()
	nothing := console{env: func(string) (string, bool) { return "", false }}
	cfg, err := load(nothing, app.Development, m.dir)
	if err != nil {
		m.t.Fatal(err)
	}
	return cfg
}

func (m *mortal) database() *postgres.DB {
	m.t.Helper()
	db, err := postgres.Open(m.t.Context(), postgres.Options{URL: m.settings().DatabaseURL, MaxConns: 1, AppName: "crash-test"})
	if err != nil {
		m.t.Fatal(err)
	}
	return db
}

// text reads one text from its database.
func (m *mortal) text(sql string, args ...any) (text string) {
	m.t.Helper()
	db := m.database()
	defer db.Close()
	if err := db.Pool().QueryRow(m.t.Context(), sql, args...).Scan(&text); err != nil {
		m.t.Fatalf("%s: %v", sql, err)
	}
	return text
}

// rest waits until nothing is on its way any more. Readings of holdings, which come
// by themselves, are put off: they would take minutes, and pass the points of looks.
// What failed on a busy machine and waits to be tried again is tried at once.
func (m *mortal) rest() {
	m.t.Helper()
	var left string
	m.t.Cleanup(func() {
		if m.t.Failed() && left != "" {
			m.t.Logf("it did not rest: %s", left)
		}
	})
	m.until("it comes to rest", func() bool {
		left = m.text(`
			with later as (
				update account_looks set next_holdings_at = now() + interval '1 day',
					next_look_at = case when next_look_at < next_holdings_at - interval '1 second' then next_look_at end
				where next_holdings_at < now() + interval '1 hour' returning account_id
			), jobs as (
				update river_job set scheduled_at = now() where state = 'retryable' and scheduled_at > now()
			), webhooks as (
				update inbound_webhooks set not_before = now() where state = 'new' and not_before > now())
			select coalesce(string_agg(what, '; '), '') from (
				select 'holdings of ' || account_id from later
				union all select 'look ' || row_to_json(l) from account_looks l where next_look_at < now() + interval '1 hour' or claimed_until > now()
				union all select 'webhook ' || row_to_json(w) from inbound_webhooks w where worked_at is null
				union all select format('job %s %s, attempt %s, at %s: %s', kind, state, attempt, scheduled_at, errors[array_upper(errors, 1)])
					from river_job where state in ('available', 'running', 'retryable', 'scheduled')) moving(what)`)
		return left == ""
	})
}

// lives fails the test when it is dead already.
func (m *mortal) lives() {
	m.t.Helper()
	select {
	case <-m.exited:
		m.t.Fatalf("it died before anything was asked of it: %s", m.spoken())
	default:
	}
}

// sound holds the stored data to the invariants, as `alertsify doctor` does.
func (m *mortal) sound() {
	m.t.Helper()
	db := m.database()
	defer db.Close()
	findings, err := app.ExamineInvariants(m.t.Context(), db, app.BoundsOf(m.settings(), time.Now()))
	for _, f := range findings {
		if f.Rows > 0 {
			err = errors.Join(err, errors.New(f.Line()))
		}
	}
	if err != nil {
		m.t.Errorf("after it: %v", err)
	}
}
