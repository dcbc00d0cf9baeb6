// Command alertsify is the whole product in one binary: which part of it to run
// is the first argument.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
)

// version is set when the binary is built.
var version = "development"

// console is where a command reads settings and writes to.
type console struct {
	out, err io.Writer
	env      func(string) (string, bool)
}

// command is one thing the binary can do.
type command struct {
	name, does string
	run        func(ctx context.Context, c console, args []string) error
}

func commands() []command {
	return []command{
		{"serve", "run the server and its jobs, or one of them: --no-jobs, --only-jobs", serve},
		{"migrate", "bring the database up to date: up, down, status", migrate},
		{"dev", "run everything embedded, with simulated providers and sample people", dev},
		{"demo", "run the main job once, from click to every alert, and print its timeline", demo},
		{"sandbox", "run only the simulated providers", sandboxOnly},
		{"token", "make a personal access token: --user NAME --scope read|trade|admin", token},
		{"seed", "for development: --followers N --of USER --mode paper|approve|auto, or --positions N --for USER", seed},
		{"rebuild", "make stored sums anew from what they sum up: analytics", rebuild},
		{"role", "give a role: NAME subscriber|trader|admin", role},
		{"passkeys", "let in who has lost their passkeys: forget NAME", passkeys},
		{"halt", "list halts, halt a SCOPE [KEY] --reason TEXT, or take it back: off SCOPE [KEY]", halt},
		{"limits", "show a user's limits: NAME, or set one: NAME LIMIT VALUE|default", limits},
		{"rotate", "replace secrets: keys (after a change of ENCRYPTION_KEYS), snaptrade (every user's secret there)", rotate},
		{"doctor", "examine every integration", doctor},
		{"health", "ask the server on this machine whether it is ready; exit 1 when not", health},
		{"verify-record", "recompute a trader's downloaded track record: FILE", verifyRecord},
		{"vapid", "make a key pair for web push", vapid},
		{"version", "print the version", printVersion},
	}
}

// errUsage is a call that makes no sense; what to do was printed.
var errUsage = errors.New("usage")

// heapGrowth is how far the heap grows between two collections, percent of what lives.
// What lives is small (some 15 MB), what an order leaves behind is not: by Go's own 100
// a collection runs several times a second while orders come in, and takes the cores
// from them. Measured when placing 50 a second on two cores: 99 of 100 answers within
// 20 ms instead of 21 to 29. GOGC and GOMEMLIMIT have the last word.
const heapGrowth = 400

func main() {
	runtime.MemProfileRate = 0 // nobody reads it, and its tables are a megabyte of what is used at rest
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, console{out: os.Stdout, err: os.Stderr, env: os.LookupEnv}, os.Args[1:])
	stop()
	os.Exit(code)
}

// run is main without the process around it.
func run(ctx context.Context, c console, args []string) int {
	if len(args) == 0 {
		usage(c.err)
		return 2
	}
	for _, cmd := range commands() {
		if cmd.name != args[0] {
			continue
		}
		err := cmd.run(ctx, c, args[1:])
		switch {
		case err == nil:
			return 0
		case errors.Is(err, flag.ErrHelp):
			return 0
		case errors.Is(err, errUsage):
			return 2
		}
		fmt.Fprintln(c.err, "alertsify: "+err.Error())
		return 1
	}
	usage(c.err)
	return 2
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "alertsify is a social options-trading platform.")
	fmt.Fprintln(w, "\nCommands:")
	for _, cmd := range commands() {
		fmt.Fprintf(w, "  %-13s %s\n", cmd.name, cmd.does)
	}
	fmt.Fprintln(w, "\n`alertsify COMMAND -h` lists a command's flags.")
}

// flags makes a command's flag set; parse reads it.
func flags(c console, name string) *flag.FlagSet {
	f := flag.NewFlagSet("alertsify "+name, flag.ContinueOnError)
	f.SetOutput(c.err)
	return f
}

func parse(f *flag.FlagSet, args []string) error {
	err := f.Parse(args)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		return errUsage
	}
	return err
}

// parseMixed is parse for commands with words of their own, which may stand
// before the flags, between them and after: it gives the words.
func parseMixed(f *flag.FlagSet, args []string) (words []string, err error) {
	for {
		if err := parse(f, args); err != nil {
			return nil, err
		}
		if f.NArg() == 0 {
			return words, nil
		}
		words, args = append(words, f.Arg(0)), f.Args()[1:]
	}
}

// logger writes structured lines to the error output.
func logger(c console, level, format string) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: l}
	if strings.EqualFold(format, "text") {
		return slog.New(slog.NewTextHandler(c.err, options))
	}
	return slog.New(slog.NewJSONHandler(c.err, options))
}

func printVersion(_ context.Context, c console, _ []string) error {
	_, err := fmt.Fprintln(c.out, version)
	return err
}
