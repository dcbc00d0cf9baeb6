package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"text/tabwriter"
	"time"
)

// result is what came of one kind of request.
type result struct {
	kind string

	mu     sync.Mutex
	took   []time.Duration
	failed int
	reason string // of the last failure
	note   string // what else there is to say
}

func (r *result) add(took time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.took = append(r.took, took)
	if err != nil {
		r.failed++
		r.reason = err.Error()
	}
}

// drive sends at the rate until ctx ends, whatever became of the requests before, and waits
// for those under way. Times count from when a request was due: one that had to wait for its
// turn because the server is slow has waited.
func drive(ctx context.Context, send func(context.Context) error, perSecond float64, atOnce int, r *result) {
	slots := make(chan struct{}, atOnce)
	var under sync.WaitGroup
	defer under.Wait()
	began := time.Now()
	for i := 0; ; i++ {
		due := began.Add(time.Duration(float64(i) / perSecond * float64(time.Second)))
		if !sleepUntil(ctx, due) {
			return
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		under.Go(func() {
			defer func() { <-slots }()
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
			defer cancel()
			err := send(ctx)
			r.add(time.Since(due), err)
		})
	}
}

func sleepUntil(ctx context.Context, due time.Time) bool {
	wait := time.NewTimer(time.Until(due))
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-wait.C:
		return ctx.Err() == nil
	}
}

// table prints a line for each kind and gives the failures of all.
func table(out io.Writer, results []*result, during time.Duration) (failed int) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "kind\tsent\ta second\tfailed\tp50 ms\tp99 ms\tworst ms\t")
	for _, r := range results {
		r.mu.Lock()
		slices.Sort(r.took)
		fmt.Fprintf(w, "%s\t%d\t%.1f\t%d\t%s\t%s\t%s\t\n", r.kind, len(r.took), float64(len(r.took))/during.Seconds(), r.failed,
			at(r.took, 50), at(r.took, 99), at(r.took, 100))
		failed += r.failed
		r.mu.Unlock()
	}
	_ = w.Flush()
	for _, r := range results {
		if r.note != "" {
			fmt.Fprintf(out, "%s: %s\n", r.kind, r.note)
		}
		if r.reason != "" {
			fmt.Fprintf(out, "%s failed last with: %s\n", r.kind, r.reason)
		}
	}
	return failed
}

// at is a percentile of sorted times in milliseconds.
func at(sorted []time.Duration, percent int) string {
	if len(sorted) == 0 {
		return "-"
	}
	d := sorted[min(len(sorted)*percent/100, len(sorted)-1)]
	return fmt.Sprintf("%.1f", float64(d.Microseconds())/1000)
}
