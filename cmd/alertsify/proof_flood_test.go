package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// flood is a process in which 10,000 slow connections are held, half of them sending headers and
// half a body, so that what it costs to hold them does not stand among the others' times.
type flood struct {
	child                *exec.Cmd
	stdin                io.Closer
	ended                chan struct{}
	open, opened, fewest atomic.Int64 // at once, in all, and at once since they were there
}

// newFlood begins it and waits until 9 of 10 are there.
func (p *proof) newFlood(host string, count, addresses int) *flood {
	p.t.Helper()
	child := exec.CommandContext(p.t.Context(), os.Args[0], "-test.run=^TestFloodOfAProof$")
	child.Env = append(child.Environ(), "FLOOD_HOST="+host, "FLOOD_COUNT="+strconv.Itoa(count), "FLOOD_ADDRESSES="+strconv.Itoa(addresses))
	child.Stderr = os.Stderr
	stdin, err := child.StdinPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		p.t.Fatal(err)
	}
	f := &flood{child: child, stdin: stdin, ended: make(chan struct{})}
	go f.listen(out)
	p.t.Cleanup(func() {
		_ = child.Process.Kill()
		<-f.ended
		_ = child.Wait()
	})
	p.within(time.Minute, "the slow ones are there", func() string {
		if n := f.open.Load(); n < int64(count)*9/10 {
			return fmt.Sprintf("%d are open", n)
		}
		return ""
	})
	f.fewest.Store(int64(count))
	return f
}

// listen reads what the process says: how many are open, and how many were opened.
func (f *flood) listen(out io.Reader) {
	defer close(f.ended)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var open, opened int64
		if _, err := fmt.Sscanf(lines.Text(), "flood %d %d", &open, &opened); err == nil {
			f.open.Store(open)
			f.opened.Store(opened)
			f.fewest.Store(min(f.fewest.Load(), open))
		}
	}
}

// stop ends it and tells how long the processor worked for it.
func (f *flood) stop(t *testing.T) time.Duration {
	t.Helper()
	_ = f.stdin.Close()
	<-f.ended
	if err := f.child.Wait(); err != nil {
		t.Errorf("the flood: %v", err)
	}
	return f.child.ProcessState.UserTime() + f.child.ProcessState.SystemTime()
}

// TestFloodOfAProof is no test: in the process of a flood it is the flood. Those who send
// slowly have machines of their own, so that it gives way here to the server.
func TestFloodOfAProof(t *testing.T) {
	host := os.Getenv("FLOOD_HOST")
	if host == "" {
		t.Skip("the flood of TestProofs/walls")
	}
	count, _ := strconv.Atoi(os.Getenv("FLOOD_COUNT"))
	addresses, _ := strconv.Atoi(os.Getenv("FLOOD_ADDRESSES"))
	if err := syscall.Setpriority(syscall.PRIO_PROCESS, 0, 5); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		defer stop()
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	var open, opened atomic.Int64
	var crowd sync.WaitGroup
	for i := range count {
		crowd.Go(func() {
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 3, byte(1+i%addresses))}, Timeout: 10 * time.Second}
			for ctx.Err() == nil {
				if conn, err := d.DialContext(ctx, "tcp", host); err == nil {
					open.Add(1)
					opened.Add(1)
					dawdle(ctx, conn, i%2 == 0)
					open.Add(-1)
				}
			}
		})
	}
	for ctx.Err() == nil {
		fmt.Printf("flood %d %d\n", open.Load(), opened.Load())
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
	crowd.Wait()
}

// dawdle begins a request and goes on with it byte by byte, until it is thrown out.
func dawdle(ctx context.Context, conn net.Conn, body bool) {
	defer conn.Close()
	head, more := "GET /login HTTP/1.1\r\nHost: x\r\nX-Slow: ", "a"
	if body {
		head, more = "POST /api/webhooks/whop HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{", " "
	}
	if _, err := io.WriteString(conn, head); err != nil {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(3 * time.Second):
		}
		if _, err := io.WriteString(conn, more); err != nil {
			return
		}
	}
}
