package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/app"
)

const (
	sizeStarts = 9
	sizeRest   = 70 * time.Second // until the server is at rest: after its first rounds of everything
	sizeLooks  = 35               // at its memory then, one a second; the most of them counts
)

// BenchmarkSize is what the program takes of a machine: the stripped file, the time from its
// start to its first answer with the schema as it must be, and its memory when it has nothing
// to do, with its jobs. Database and Redis are processes of their own.
// One run is enough for all of it, so b.N is not looked at.
func BenchmarkSize(b *testing.B) {
	binary := stripped(b)
	info, err := os.Stat(binary)
	if err != nil {
		b.Fatal(err)
	}
	dir := standing(b)
	var starts []time.Duration
	for range sizeStarts {
		took, stop := firstAnswer(b, binary, dir)
		stop()
		starts = append(starts, took)
	}
	slices.Sort(starts)
	server := startServer(b, binary, dir)
	<-time.After(sizeRest)
	var most int64
	for range sizeLooks {
		most = max(most, residentOf(b, server.child.Process.Pid))
		<-time.After(time.Second)
	}
	b.ReportMetric(float64(info.Size())/1e6, "binary-MB")
	b.ReportMetric(milliseconds(starts[len(starts)/2]), "start-ms")
	b.ReportMetric(milliseconds(starts[len(starts)-1]), "slowest-start-ms")
	b.ReportMetric(float64(most)/(1<<20), "idle-MiB")
	b.ReportMetric(0, "ns/op")
}

// stripped builds the program as `make build` does.
func stripped(b *testing.B) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "alertsify")
	build := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

// standing is a stage that stands until the benchmark is over, with a Redis of its own.
func standing(b *testing.B) (dir string) {
	b.Helper()
	dir, err := openFolder("alertsify-size-")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	redis := startRedis(b)
	s, err := raise(b.Context(), stageOptions{
		Dir: dir, Addr: "127.0.0.1:0", SandboxAddr: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler),
		Env: app.Map(map[string]string{"REDIS_URL": "redis://" + redis.address}),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.strike)
	return dir
}

// firstAnswer starts the program and gives the time until it has answered 200.
func firstAnswer(b *testing.B, binary, dir string) (took time.Duration, stop func()) {
	b.Helper()
	address := "127.0.0.1:" + freePort(b)
	child := exec.CommandContext(context.Background(), binary, "serve", "--data", dir, "--addr", address)
	child.Env = append(os.Environ(), "LOG_LEVEL=error")
	var said bytes.Buffer
	child.Stderr = &said
	began := time.Now()
	if err := child.Start(); err != nil {
		b.Fatal(err)
	}
	for !answers(http.DefaultClient, "http://"+address+"/login") {
		if time.Since(began) > 30*time.Second {
			b.Fatalf("no answer: %s", said.String())
		}
		<-time.After(time.Millisecond)
	}
	took = time.Since(began)
	return took, func() {
		_ = child.Process.Signal(os.Interrupt)
		_ = child.Wait()
	}
}

// residentOf is the memory of a process, in bytes.
func residentOf(tb testing.TB, pid int) int64 {
	tb.Helper()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		tb.Skip("the memory of a process is read from /proc")
	}
	_, rest, _ := bytes.Cut(status, []byte("VmRSS:"))
	var kB int64
	if _, err := fmt.Sscan(string(rest), &kB); err != nil {
		tb.Fatal(err)
	}
	return kB << 10
}
