package pgtest

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Cutter stands between a program and a test database, and takes a connection away at
// the worst moment: around its COMMIT.
type Cutter struct {
	URL string // of the database, through the cutter

	network, address string // of the server
	mu               sync.Mutex
	next             moment
	cut              int
}

// moment is where the next COMMIT is cut off.
type moment int

const (
	nowhere    moment = iota
	onTheWay          // the server never hears of it
	onTheWayUp        // it is done, and the answer is lost
)

// Cut opens a cutter before a database of this test.
func Cut(t testing.TB, of string) *Cutter {
	t.Helper()
	cfg, err := pgx.ParseConfig(of)
	if err != nil {
		t.Fatalf("read the address of the test database: %v", err)
	}
	ctx := t.Context()
	door, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("open a cutter: %v", err)
	}
	through := url.URL{Scheme: "postgres", User: url.UserPassword(cfg.User, cfg.Password), Host: door.Addr().String(), Path: cfg.Database, RawQuery: "sslmode=disable"}
	c := &Cutter{URL: through.String()}
	c.network, c.address = networkOf(cfg)
	var open sync.WaitGroup
	open.Go(func() { c.serve(ctx, door, &open) })
	t.Cleanup(func() {
		_ = door.Close()
		open.Wait()
	})
	return c
}

// LoseCommit takes the connection away from the next COMMIT before it is done.
func (c *Cutter) LoseCommit() { c.arm(onTheWay) }

// LoseAnswer takes the connection away from the next COMMIT after it is done.
func (c *Cutter) LoseAnswer() { c.arm(onTheWayUp) }

// Cuts is how often that happened.
func (c *Cutter) Cuts() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cut
}

func (c *Cutter) arm(at moment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next = at
}

// strikes reports whether the connection ends here.
func (c *Cutter) strikes(at moment) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next != at {
		return false
	}
	c.next = nowhere
	c.cut++
	return true
}

func networkOf(cfg *pgx.ConnConfig) (network, address string) {
	network, address = "tcp", net.JoinHostPort(cfg.Host, port(cfg.Port))
	if len(cfg.Host) > 0 && cfg.Host[0] == '/' {
		return "unix", cfg.Host + "/.s.PGSQL." + port(cfg.Port)
	}
	return network, address
}

func (c *Cutter) serve(ctx context.Context, door net.Listener, open *sync.WaitGroup) {
	for {
		client, err := door.Accept()
		if err != nil {
			return // the test has ended
		}
		open.Go(func() { c.carry(ctx, client) })
	}
}

// carry passes messages both ways until one side, or the cutter, ends it.
func (c *Cutter) carry(ctx context.Context, client net.Conn) {
	server, err := (&net.Dialer{}).DialContext(ctx, c.network, c.address)
	if err != nil {
		_ = client.Close()
		return
	}
	var asked atomic.Bool // to commit by itself: the last word of a batch is another matter
	isCommit := func(kind byte, body []byte) bool {
		commit := kind == 'Q' && string(body) == "commit\x00"
		if commit {
			asked.Store(true)
		}
		return commit
	}
	isDone := func(kind byte, body []byte) bool {
		return kind == 'C' && string(body) == "COMMIT\x00" && asked.Swap(false)
	}
	var both sync.WaitGroup
	pass := func(from, to net.Conn, starts bool, last moment, is func(kind byte, body []byte) bool) {
		both.Go(func() {
			c.pass(from, to, starts, last, is)
			_ = from.Close()
			_ = to.Close()
		})
	}
	pass(client, server, true, onTheWay, isCommit)
	pass(server, client, false, onTheWayUp, isDone)
	both.Wait()
}

// pass carries messages one way. The first of a client has no kind.
func (c *Cutter) pass(from io.Reader, to io.Writer, starts bool, at moment, last func(kind byte, body []byte) bool) {
	in := bufio.NewReader(from)
	for {
		head := make([]byte, 5)
		if starts {
			head = head[:4]
		}
		if _, err := io.ReadFull(in, head); err != nil {
			return
		}
		body := make([]byte, max(int(binary.BigEndian.Uint32(head[len(head)-4:]))-4, 0))
		if _, err := io.ReadFull(in, body); err != nil {
			return
		}
		if !starts && last(head[0], body) && c.strikes(at) {
			return
		}
		starts = false
		if _, err := to.Write(slices.Concat(head, body)); err != nil {
			return
		}
	}
}

func port(n uint16) string { return strconv.Itoa(int(n)) }
