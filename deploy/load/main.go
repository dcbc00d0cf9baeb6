// Command load sends a running Alertsify a mixture of what people and providers send it, each
// kind at a rate of its own, and says how long the answers took. It is a module of its own and
// shares nothing with the program: it knows what the API's documents say.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// settings are what to send, where to, and as whom.
type settings struct {
	url     string
	tokens  []string // of those who ask, trade and listen
	key     string   // SnapTrade's consumer key, with which its webhooks are signed
	client  string   // and its client id
	during  time.Duration
	rates   map[string]float64 // by kind, a second
	streams int
	atOnce  int // requests of one kind under way; what is due beyond them waits
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "load: "+err.Error())
		os.Exit(1)
	}
}

// run sends for as long as it was told and prints what came of it. It fails when anything did.
func run(ctx context.Context, args []string, env func(string) string, out io.Writer) error {
	s, err := read(args, env)
	if err != nil {
		return err
	}
	t := newTarget(s)
	kinds := t.kinds()
	if s.rates["orders"] > 0 {
		if err := t.findContracts(ctx); err != nil {
			return fmt.Errorf("find contracts to order: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, s.during)
	defer cancel()
	began := time.Now()
	var all sync.WaitGroup
	results := make([]*result, 0, len(kinds)+1)
	for _, k := range kinds {
		if s.rates[k.name] <= 0 {
			continue
		}
		r := &result{kind: k.name}
		results = append(results, r)
		all.Go(func() { drive(ctx, k.send, s.rates[k.name], s.atOnce, r) })
	}
	if s.streams > 0 {
		r := &result{kind: "streams"}
		results = append(results, r)
		all.Go(func() { t.listen(ctx, s.streams, r) })
	}
	if len(results) == 0 {
		return errors.New("nothing to send: every rate is 0")
	}
	all.Wait()
	t.after.Wait()
	if len(t.cancels.took) > 0 {
		results = append(results, &t.cancels)
	}
	if failed := table(out, results, time.Since(began)); failed > 0 {
		return fmt.Errorf("%d failed", failed)
	}
	return nil
}

func read(args []string, env func(string) string) (settings, error) {
	f := flag.NewFlagSet("load", flag.ContinueOnError)
	data := f.String("data", "", "folder of a running `alertsify dev`: gives address and SnapTrade's key")
	s := settings{rates: map[string]float64{}}
	f.StringVar(&s.url, "url", "", "address of the program")
	f.DurationVar(&s.during, "for", 30*time.Second, "how long")
	f.IntVar(&s.streams, "streams", 20, "open event streams, all the time")
	f.IntVar(&s.atOnce, "at-once", 256, "requests of one kind under way at most")
	rates := map[string]*float64{
		"pages":    f.Float64("pages", 10, "public pages a second"),
		"reads":    f.Float64("reads", 20, "API reads a second"),
		"orders":   f.Float64("orders", 1, "orders a second, each cancelled a second later; SnapTrade allows 250 calls a minute for all"),
		"webhooks": f.Float64("webhooks", 100, "signed webhooks of SnapTrade's a second, one in ten a repeat"),
	}
	if err := f.Parse(args); err != nil {
		return s, err
	}
	for name, rate := range rates {
		s.rates[name] = *rate
	}
	stage, err := devEnv(*data)
	if err != nil {
		return s, err
	}
	pick := func(name string) string { // what is said here goes first
		if v := env(name); v != "" {
			return v
		}
		return stage[name]
	}
	if s.url == "" {
		s.url = pick("APP_URL")
	}
	s.url = strings.TrimRight(s.url, "/")
	s.key, s.client = pick("SNAPTRADE_CONSUMER_KEY"), pick("SNAPTRADE_CLIENT_ID")
	for t := range strings.SplitSeq(env("LOAD_TOKENS"), ",") {
		if t = strings.TrimSpace(t); t != "" {
			s.tokens = append(s.tokens, t)
		}
	}
	return s, s.check()
}

func (s settings) check() error {
	var errs []error
	if s.url == "" {
		errs = append(errs, errors.New("where to? --url or --data"))
	}
	if len(s.tokens) == 0 && (s.rates["reads"] > 0 || s.rates["orders"] > 0 || s.streams > 0) {
		errs = append(errs, errors.New("LOAD_TOKENS is empty: reads, orders and streams need access tokens, separated by commas"))
	}
	if s.key == "" && s.rates["webhooks"] > 0 {
		errs = append(errs, errors.New("SNAPTRADE_CONSUMER_KEY is empty: webhooks are signed with it"))
	}
	if s.atOnce < 1 || s.during <= 0 {
		errs = append(errs, errors.New("--at-once and --for must be more than nothing"))
	}
	return errors.Join(errs...)
}

// devEnv is what a running dev left in its folder.
func devEnv(dir string) (map[string]string, error) {
	if dir == "" {
		return nil, nil
	}
	text, err := os.ReadFile(filepath.Join(dir, "dev.env"))
	if err != nil {
		return nil, fmt.Errorf("read what dev left in %s: %w", dir, err)
	}
	stage := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") {
			stage[name] = value
		}
	}
	return stage, nil
}
