package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/postgres"
)

// pair is two server processes of one installation: `alertsify dev`, and
// `alertsify serve` that joined it. They share a database, as two instances behind
// a balancer do.
type pair struct {
	*mortal

	second string // the address of the second
	db     *postgres.DB
	client *http.Client
}

func newPair(t *testing.T, settings ...string) *pair {
	t.Helper()
	m := newMortal(t, built(t))
	m.start(settings...)
	p := &pair{mortal: m, client: &http.Client{Timeout: 60 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 100}}}
	p.join(settings...)
	p.db = m.database()
	t.Cleanup(p.db.Close)
	return p
}

// join starts the second process; it ends before the first.
func (p *pair) join(settings ...string) {
	p.t.Helper()
	p.second = startServer(p.t, p.binary, p.dir, settings...).url
}

// childServer is `alertsify serve`, a process of its own on the stage of a folder.
type childServer struct {
	url   string
	child *exec.Cmd
	ended chan struct{}
}

var servesAt = regexp.MustCompile(`ready at (\S+)`)

// startServer starts one and stops it with the test.
func startServer(t testing.TB, binary, dir string, settings ...string) *childServer {
	t.Helper()
	return startCommand(t, []string{binary, "serve", "--data", dir, "--addr", "127.0.0.1:0"}, settings...)
}

func startCommand(t testing.TB, command []string, settings ...string) *childServer {
	t.Helper()
	child := exec.CommandContext(context.Background(), command[0], command[1:]...)
	child.Env = append(append(child.Environ(), "LOG_LEVEL=warn"), settings...)
	var said bytes.Buffer
	child.Stderr = &said
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	s := &childServer{child: child, ended: make(chan struct{})}
	ready := make(chan string, 1)
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if found := servesAt.FindStringSubmatch(lines.Text()); found != nil {
				ready <- found[1]
			}
		}
		_ = child.Wait()
		close(s.ended)
	}()
	t.Cleanup(func() {
		s.stop(t)
		if t.Failed() {
			t.Logf("the server said:\n%s", said.String())
		}
	})
	select {
	case s.url = <-ready:
	case <-s.ended:
		t.Fatalf("the server did not start: %s", said.String())
	case <-time.After(60 * time.Second):
		t.Fatal("the server is not ready")
	}
	return s
}

// pause freezes the process, resume lets it go on.
func (s *childServer) pause(t testing.TB)  { t.Helper(); s.signal(t, syscall.SIGSTOP) }
func (s *childServer) resume(t testing.TB) { t.Helper(); s.signal(t, syscall.SIGCONT) }

func (s *childServer) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if err := s.child.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// kill is a power cut.
func (s *childServer) kill() {
	_ = s.child.Process.Kill()
	<-s.ended
}

// stop ends it as a deploy does, and waits until it has ended.
func (s *childServer) stop(t testing.TB) {
	t.Helper()
	_ = s.child.Process.Signal(syscall.SIGCONT)
	_ = s.child.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(70 * time.Second):
		_ = s.child.Process.Kill()
		<-s.ended
		t.Error("the server did not stop")
	}
}

// post asks one of the two servers, in turns.
func (p *pair) post(server int, person, path, body, once string) (answer, error) {
	return p.request(server, person, http.MethodPost, path, body, once)
}

func (p *pair) request(server int, person, method, path, body, once string) (answer, error) {
	base := p.url
	if server%2 == 1 {
		base = p.second
	}
	r, err := http.NewRequestWithContext(p.t.Context(), method, base+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Authorization", "Bearer "+p.token(person))
	r.Header.Set("Idempotency-Key", once)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := p.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, got}, err
}

// together sends n requests at once, split over both servers, and gives their answers.
func (p *pair) together(n int, person, path string, body func(i int) (body, once string)) []answer {
	p.t.Helper()
	p.token(person)
	answers := make([]answer, n)
	errs := make([]error, n)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			text, once := body(i)
			<-start
			answers[i], errs[i] = p.post(i, person, path, text, once)
		})
	}
	close(start)
	all.Wait()
	for i, err := range errs {
		if err != nil {
			p.t.Fatalf("request %d of %d: %v", i, n, err)
		}
	}
	return answers
}

// alone lets nobody follow anybody.
func (p *pair) alone() {
	p.t.Helper()
	for _, follower := range []string{"ben", "cara"} {
		var list []struct{ ID string }
		p.get(follower, "/api/copy-trading/subscriptions", &list)
		for i, one := range list {
			a, err := p.request(0, follower, http.MethodDelete, "/api/copy-trading/subscription/"+one.ID, "", fmt.Sprintf("nobody-follows-%s-%d", follower, i))
			if err != nil || a.status >= 300 {
				p.t.Fatalf("%s leaves: %v %d %s", follower, err, a.status, a.body)
			}
		}
	}
}

// available is what a refusal says one may sell.
func (a answer) available() int {
	var refusal struct{ Details struct{ Available *int } }
	if err := json.Unmarshal(a.body, &refusal); err != nil || refusal.Details.Available == nil {
		return -1
	}
	return *refusal.Details.Available
}
