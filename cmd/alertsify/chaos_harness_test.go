package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// reach is how an instance reaches the others and is reached, and what cuts it off.
type reach interface {
	// command is what runs the instance, and the settings by which it reaches the others.
	command(binary, dir string) (command, settings []string)
	// at is where others find an instance that says where it listens.
	at(url string) string
	// cut lets nothing through any more, neither way; mend lets it through again.
	cut()
	mend()
	name() string
}

// newReach is a network namespace where that is allowed, and relays that fall silent
// elsewhere.
func newReach(t *testing.T, s *storm, n int) reach {
	t.Helper()
	if ns := newNamespace(t, s, n); ns != nil {
		return ns
	}
	return newRelays(t, s)
}

// places are where the parties of a stage really are.
type places struct{ postgresNetwork, postgres, database, user, redis, sandbox string }

func placesOf(t *testing.T, s *storm) places {
	t.Helper()
	cfg, err := pgx.ParseConfig(s.postgres.URL("alertsify"))
	if err != nil {
		t.Fatal(err)
	}
	p := places{postgresNetwork: "tcp", postgres: net.JoinHostPort(cfg.Host, fmt.Sprint(cfg.Port)), database: cfg.Database, user: cfg.User, redis: s.redis.address, sandbox: s.stage.env["SANDBOX_ADDR"]}
	if strings.HasPrefix(cfg.Host, "/") {
		p.postgresNetwork, p.postgres = "unix", fmt.Sprintf("%s/.s.PGSQL.%d", cfg.Host, cfg.Port)
	}
	return p
}

// postgresAt is the database's address by way of a relay.
func (p places) postgresAt(host string) string {
	u := url.URL{Scheme: "postgres", User: url.User(p.user), Host: host, Path: p.database, RawQuery: "sslmode=disable"}
	return u.String()
}

// relays are one for each party; a cut lets them fall silent, as a network does.
type relays struct {
	t                        *testing.T
	postgres, redis, sandbox *relay
	inward                   *relay // from the proxy to the instance
	settings                 []string
}

func newRelays(t *testing.T, s *storm) *relays {
	t.Helper()
	p := placesOf(t, s)
	r := &relays{t: t, postgres: newRelay(t, "127.0.0.1:0", p.postgresNetwork, p.postgres), redis: newRelay(t, "127.0.0.1:0", "tcp", p.redis), sandbox: newRelay(t, "127.0.0.1:0", "tcp", p.sandbox)}
	r.settings = []string{"DATABASE_URL=" + p.postgresAt(r.postgres.address), "REDIS_URL=redis://" + r.redis.address, "SNAPTRADE_BASE_URL=http://" + r.sandbox.address + "/snaptrade"}
	return r
}

func (r *relays) name() string { return "relays that fall silent" }

func (r *relays) command(binary, dir string) (command, settings []string) {
	return []string{binary, "serve", "--data", dir, "--addr", "127.0.0.1:0"}, r.settings
}

func (r *relays) at(url string) string {
	r.inward = newRelay(r.t, "127.0.0.1:0", "tcp", strings.TrimPrefix(url, "http://"))
	return "http://" + r.inward.address
}

func (r *relays) cut() {
	for _, one := range []*relay{r.postgres, r.redis, r.sandbox, r.inward} {
		one.turn(true)
	}
}

func (r *relays) mend() {
	for _, one := range []*relay{r.postgres, r.redis, r.sandbox, r.inward} {
		one.turn(false)
	}
}

// relay passes bytes both ways. While it is silent it passes none and takes connections
// that lead nowhere; those end when it speaks again.
type relay struct {
	address, network, to string

	mu     sync.Mutex
	silent chan struct{} // closed when it speaks again; nil while it does
}

func newRelay(t testing.TB, at, network, to string) *relay {
	t.Helper()
	door, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{address: door.Addr().String(), network: network, to: to}
	t.Cleanup(func() { _ = door.Close(); r.turn(false) })
	go r.serve(door)
	return r
}

func (r *relay) serve(door net.Listener) {
	for {
		from, err := door.Accept()
		if err != nil {
			return
		}
		go r.carry(from)
	}
}

func (r *relay) turn(silent bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case silent && r.silent == nil:
		r.silent = make(chan struct{})
	case !silent && r.silent != nil:
		close(r.silent)
		r.silent = nil
	}
}

// heard waits where the relay is silent, and tells whether it was not.
func (r *relay) heard() bool {
	r.mu.Lock()
	silent := r.silent
	r.mu.Unlock()
	if silent == nil {
		return true
	}
	<-silent
	return false
}

func (r *relay) carry(from net.Conn) {
	defer from.Close()
	if !r.heard() {
		return
	}
	to, err := net.Dial(r.network, r.to)
	if err != nil {
		return
	}
	defer to.Close()
	ended := make(chan struct{}, 2)
	pass := func(from, to net.Conn) {
		defer func() { ended <- struct{}{} }()
		buffer := make([]byte, 32<<10)
		for {
			n, err := from.Read(buffer)
			if n > 0 && (!r.heard() || writeAll(to, buffer[:n]) != nil) || err != nil {
				return
			}
		}
	}
	go pass(from, to)
	go pass(to, from)
	<-ended
}

func writeAll(to io.Writer, b []byte) error { _, err := to.Write(b); return err }

// namespace is a network of an instance's own, joined to ours by one cable that is pulled.
// In it the others stand where they stand outside, behind a relay of this test's program.
type namespace struct {
	title, ours, theirs, cable string
	settings                   []string
}

// newNamespace makes one where this user may, else it gives nil.
func newNamespace(t *testing.T, s *storm, n int) *namespace {
	t.Helper()
	id := os.Getpid()%50_000*4 + n // of a hundred tests at once each has its own
	ns := &namespace{
		title: fmt.Sprintf("alertsify-%d", id), cable: fmt.Sprintf("al%d", id),
		ours: fmt.Sprintf("10.%d.%d.1", 200+id>>8&31, id&255), theirs: fmt.Sprintf("10.%d.%d.2", 200+id>>8&31, id&255),
	}
	if os.Geteuid() != 0 {
		return nil
	}
	far := ns.cable + "b"
	for _, line := range []string{
		"netns add " + ns.title,
		"link add " + ns.cable + " type veth peer name " + far + " netns " + ns.title,
		"addr add " + ns.ours + "/24 dev " + ns.cable, "link set " + ns.cable + " up",
		"-n " + ns.title + " addr add " + ns.theirs + "/24 dev " + far, "-n " + ns.title + " link set " + far + " up", "-n " + ns.title + " link set lo up",
	} {
		if out, err := exec.CommandContext(t.Context(), "ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			t.Logf("no network namespace: ip %s: %v %s", line, err, out)
			ns.remove()
			return nil
		}
	}
	t.Cleanup(ns.remove)
	p := placesOf(t, s)
	postgres := newRelay(t, ns.ours+":0", p.postgresNetwork, p.postgres)
	ns.settings = []string{"DATABASE_URL=" + p.postgresAt(postgres.address), "REDIS_URL=redis://" + newRelay(t, ns.ours+":0", "tcp", p.redis).address}
	ns.relayInside(t, p.sandbox, newRelay(t, ns.ours+":0", "tcp", p.sandbox).address)
	return ns
}

func (ns *namespace) remove() {
	_ = exec.CommandContext(context.Background(), "ip", "link", "del", ns.cable).Run()
	_ = exec.CommandContext(context.Background(), "ip", "netns", "del", ns.title).Run()
}

// relayEnv tells this test's program to be a relay in a namespace, and nothing else.
const relayEnv = "ALERTSIFY_TEST_RELAY"

// relayInside lets an address inside lead outside.
func (ns *namespace) relayInside(t *testing.T, inside, outside string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(context.Background(), "ip", "netns", "exec", ns.title, self)
	child.Env = append(os.Environ(), relayEnv+"="+inside+"="+outside)
	child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = child.Process.Kill(); _ = child.Wait() })
}

// beRelay is the whole program of such a child; false when this process is none.
func beRelay() bool {
	inside, outside, asked := strings.Cut(os.Getenv(relayEnv), "=")
	if !asked {
		return false
	}
	door, err := net.Listen("tcp", inside)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	(&relay{network: "tcp", to: outside}).serve(door)
	return true
}

func (ns *namespace) name() string { return "network namespaces" }

func (ns *namespace) command(binary, dir string) (command, settings []string) {
	return []string{"ip", "netns", "exec", ns.title, binary, "serve", "--data", dir, "--addr", ns.theirs + ":0"}, ns.settings
}

func (ns *namespace) at(url string) string { return url }

func (ns *namespace) cut()  { ns.link("down") }
func (ns *namespace) mend() { ns.link("up") }

func (ns *namespace) link(state string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = exec.CommandContext(ctx, "ip", "link", "set", ns.cable, state).Run()
}
