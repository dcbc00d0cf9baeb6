package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// sending is what a process of senders is to do. Its clients are connections that each send
// the next event when the last one is answered, or when it is due.
type sending struct {
	Port     int
	Path     string
	Key      string // SnapTrade's, with which events are signed
	Clients  int
	Name     string        // what its ids begin with
	Events   int           // to send in all; 0: until Time has passed
	Time     time.Duration // how long at most
	PerSec   int           // how many are due a second; 0: as fast as they are answered
	Repeats  int           // of a hundred events, those that were sent before
	WarmTime time.Duration // at the start, whose times are not told
}

// sent is what came of it.
type sent struct {
	Events   int // answered with 200
	Distinct int // of those, ids
	Took     time.Duration
	P50, P99 time.Duration
	Worst    time.Duration
	Used     time.Duration // of the processor, by the senders
}

func (s sent) perSecond() float64 { return float64(s.Events) / s.Took.Seconds() }

// send runs the senders in a process of their own, as pgbench is one. They cost some
// microseconds an event: one thread, one wait for all connections, each request made while
// answers are waited for. What they used is in the answer.
func send(b *testing.B, what sending) (result sent) {
	b.Helper()
	text, err := json.Marshal(what)
	if err != nil {
		b.Fatal(err)
	}
	child := exec.CommandContext(b.Context(), os.Args[0], "-test.run=^TestSendersOfABenchmark$", "-test.timeout=1h")
	child.Env = append(os.Environ(), "BENCH_SENDING="+string(text), "GOMAXPROCS=1")
	child.Stderr = os.Stderr
	out, err := child.Output()
	if err != nil {
		b.Fatalf("the senders: %v: %s", err, out)
	}
	line, _, _ := bytes.Cut(out, []byte("\n"))
	if err := json.Unmarshal(line, &result); err != nil {
		b.Fatalf("the senders said %s", out)
	}
	result.Used = child.ProcessState.UserTime() + child.ProcessState.SystemTime()
	return result
}

// TestSendersOfABenchmark is no test: in the process of BenchmarkIngest's senders it is they.
func TestSendersOfABenchmark(t *testing.T) {
	var what sending
	if err := json.Unmarshal([]byte(os.Getenv("BENCH_SENDING")), &what); err != nil {
		t.Skip("the senders of BenchmarkIngest")
	}
	s, err := newSenders(what)
	if err == nil {
		err = s.run(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(s.result()); err != nil {
		t.Fatal(err)
	}
}

// senders are connections in one thread: what they wait for is one epoll.
type senders struct {
	what    sending
	epoll   int
	mac     func(body []byte) []byte
	free    []*caller
	lines   map[int32]*caller // by file descriptor
	busy    int
	began   time.Time
	issued  int // events sent, repeats among them
	fresh   int // ids
	took    []time.Duration
	stamp   string // the time in events
	body    []byte
	next    []byte // the request that goes out next, made while answers are waited for
	pending int    // its id
	answer  [2048]byte
}

// caller is one connection with at most one event on it.
type caller struct {
	fd     int
	from   time.Time
	answer []byte
}

func newSenders(what sending) (*senders, error) {
	epoll, err := syscall.EpollCreate1(0)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	mac := hmac.New(sha256.New, []byte(what.Key))
	s := &senders{what: what, epoll: epoll, lines: map[int32]*caller{}, mac: func(body []byte) []byte {
		mac.Reset()
		mac.Write(body)
		return mac.Sum(nil)
	}}
	for range what.Clients {
		fd, err := connect(what.Port)
		if err != nil {
			return nil, fmt.Errorf("connect: %w", err)
		}
		l := &caller{fd: fd}
		if err := syscall.EpollCtl(epoll, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)}); err != nil {
			return nil, fmt.Errorf("epoll: %w", err)
		}
		s.lines[int32(fd)], s.free = l, append(s.free, l)
	}
	return s, nil
}

func connect(port int) (fd int, err error) {
	fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	if err := syscall.Connect(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, err
	}
	return fd, syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
}

// run sends and hears until everything that was sent is answered.
func (s *senders) run(ctx context.Context) error {
	s.began = time.Now()
	s.prepare()
	events := make([]syscall.EpollEvent, len(s.lines))
	waited := false // something was due while no connection was free
	for ctx.Err() == nil {
		now := time.Now()
		if s.busy == 0 && !s.more(now) {
			return nil
		}
		for len(s.free) > 0 && s.more(now) && !now.Before(s.due()) {
			from := now
			if waited {
				from = s.due()
			}
			if err := s.issue(from); err != nil {
				return err
			}
		}
		waited = len(s.free) == 0 && s.what.PerSec > 0 && s.more(now) && !now.Before(s.due())
		if err := s.await(events, now); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// await waits for answers, or until an event is due. One connection alone is simply read.
func (s *senders) await(events []syscall.EpollEvent, now time.Time) error {
	if len(s.lines) == 1 && s.what.PerSec == 0 {
		for _, only := range s.lines {
			return s.hear(only)
		}
	}
	n, err := syscall.EpollWait(s.epoll, events, s.patience(now))
	if err != nil && !errors.Is(err, syscall.EINTR) {
		return fmt.Errorf("epoll: %w", err)
	}
	for _, e := range events[:max(n, 0)] {
		if err := s.hear(s.lines[e.Fd]); err != nil {
			return err
		}
	}
	return nil
}

func (s *senders) more(now time.Time) bool {
	if s.what.Events > 0 {
		return s.issued < s.what.Events
	}
	return now.Sub(s.began) < s.what.Time
}

// due is when the next event is.
func (s *senders) due() time.Time {
	if s.what.PerSec == 0 {
		return s.began
	}
	return s.began.Add(time.Duration(s.issued) * time.Second / time.Duration(s.what.PerSec))
}

// patience is how long to wait for answers, in milliseconds.
func (s *senders) patience(now time.Time) int {
	if s.what.PerSec == 0 || len(s.free) == 0 || !s.more(now) {
		return -1
	}
	return max(int(s.due().Sub(now)/time.Millisecond), 1)
}

// issue sends the next event over the connection that has been free the longest, as a server
// closes those that nobody uses, and prepares the one after it.
func (s *senders) issue(from time.Time) error {
	l := s.free[0]
	s.free = append(s.free[:0], s.free[1:]...)
	s.issued++
	s.busy++
	l.from = from
	if s.pending == s.fresh {
		s.fresh++
	}
	for rest := s.next; len(rest) > 0; {
		n, err := rawCall(syscall.SYS_WRITE, l.fd, rest)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("send: %w", err)
		}
		rest = rest[n:]
	}
	if s.what.Events == 0 || s.issued < s.what.Events {
		s.prepare()
	}
	return nil
}

// prepare makes the request of a new event, or of one that was sent before. The body is in
// canonical form, so that signing it as it is signs it right.
func (s *senders) prepare() {
	id := s.fresh
	if s.fresh > 0 && rand.IntN(100) < s.what.Repeats {
		id = rand.IntN(s.fresh)
	}
	if s.stamp == "" || s.issued%1000 == 0 {
		s.stamp = time.Now().UTC().Format(time.RFC3339)
	}
	s.pending = id
	body := append(s.body[:0], `{"accountId":"`+benchAccount+`","brokerageAuthorizationId":"`+benchConnection+`","brokerageId":"`+benchBroker+`","clientId":"ALERTSIFY-DEV","eventTimestamp":"`...)
	body = append(body, s.stamp...)
	body = append(body, `","eventType":"ACCOUNT_HOLDINGS_UPDATED","userId":"`+benchUser+`","webhookId":"`...)
	body = append(append(append(body, s.what.Name...), '-'), strconv.Itoa(id)...)
	s.body = append(body, `"}`...)
	r := append(append(append(s.next[:0], "POST "...), s.what.Path...), " HTTP/1.1\r\nHost: localhost\r\nUser-Agent: SnapTrade\r\nAccept: */*\r\nContent-Type: application/json\r\nSignature: "...)
	r = base64.StdEncoding.AppendEncode(r, s.mac(s.body))
	r = append(r, "\r\nContent-Length: "...)
	r = strconv.AppendInt(r, int64(len(s.body)), 10)
	s.next = append(append(r, "\r\n\r\n"...), s.body...)
}

// hear reads what has come of an answer, and frees the connection when it is whole.
func (s *senders) hear(l *caller) error {
	n, err := rawCall(syscall.SYS_READ, l.fd, s.answer[:])
	if errors.Is(err, syscall.EINTR) {
		return nil
	}
	if err != nil || n == 0 {
		return fmt.Errorf("after %d events the connection ended: %w", len(s.took), cmp.Or(err, io.EOF))
	}
	l.answer = append(l.answer, s.answer[:n]...)
	head, body, whole := bytes.Cut(l.answer, []byte("\r\n\r\n"))
	if !whole || len(body) < len(thanked) {
		return nil
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 200 ")) || string(body) != thanked {
		return fmt.Errorf("answered %s", l.answer)
	}
	s.took = append(s.took, time.Since(l.from))
	l.answer = l.answer[:0]
	s.free = append(s.free, l)
	s.busy--
	return nil
}

// rawCall reads or writes past Go's scheduler: it would take what waits in a call away from its
// thread, and to get that back costs more than all else that is done here for an event. There
// is one thread, as pgbench has, and nothing else for it to do.
func rawCall(call uintptr, fd int, of []byte) (int, error) {
	n, _, errno := syscall.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(&of[0])), uintptr(len(of)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// thanked is the answer to a webhook that is stored.
const thanked = `{"data":{"received":true}}` + "\n"

func (s *senders) result() sent {
	r := sent{Events: len(s.took), Distinct: s.fresh, Took: time.Since(s.began)}
	counted := s.took[min(len(s.took)-1, int(s.what.WarmTime.Seconds()*float64(s.what.PerSec))):]
	slices.Sort(counted)
	r.P50, r.P99, r.Worst = counted[len(counted)/2], counted[len(counted)*99/100], counted[len(counted)-1]
	return r
}
