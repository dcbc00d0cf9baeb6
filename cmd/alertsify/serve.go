package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/alertsify/alertsify/internal/app"
	"github.com/alertsify/alertsify/web"
)

// serve runs the product. With --data it joins a running `dev` by its dev.env.
func serve(ctx context.Context, c console, args []string) error {
	f := flags(c, "serve")
	addr := f.String("addr", "", "address to listen on (ADDR)")
	data := f.String("data", "", "folder of a running `alertsify dev` to join")
	noJobs := f.Bool("no-jobs", false, "answer requests and leave the jobs to other processes")
	onlyJobs := f.Bool("only-jobs", false, "work the jobs and answer only health, readiness and metrics")
	if err := parse(f, args); err != nil {
		return err
	}
	part, err := partOf(*noJobs, *onlyJobs)
	if err != nil {
		return err
	}
	cfg, err := load(c, app.Production, *data)
	if err != nil {
		return err
	}
	if *addr != "" {
		cfg.Addr = *addr
	}
	cfg.Part = part
	log := logger(c, cfg.LogLevel, cfg.LogFormat)
	if !web.AssetsBuilt() {
		log.Warn("the built assets are missing: pages work without script and style; run `make assets`")
	}
	a, err := app.New(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer a.Close()
	if err := a.Listen(ctx); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "alertsify: ready at %s\n", place(cfg, a))
	return a.Run(ctx)
}

// partOf is how much of the program the flags ask for.
func partOf(noJobs, onlyJobs bool) (app.Part, error) {
	switch {
	case noJobs && onlyJobs:
		return "", errors.New("--no-jobs and --only-jobs exclude each other: the one answers and does not work, the other works and does not answer")
	case noJobs:
		return app.NoJobs, nil
	case onlyJobs:
		return app.OnlyJobs, nil
	}
	return app.All, nil
}

// place is where this process is reached: people's address, unless it joined
// another process beside it.
func place(cfg app.Config, a *app.App) string {
	if cfg.Env == app.Production {
		return cfg.AppURL
	}
	return "http://" + a.Addr().String()
}

// idle is the product without its server and jobs, for commands that work in its rooms and
// print what came of it. Whoever has it closes it.
func idle(ctx context.Context, c console, env, data string) (*app.App, error) {
	cfg, err := load(c, env, data)
	if err != nil {
		return nil, err
	}
	return app.New(ctx, cfg, slog.New(slog.DiscardHandler))
}

// load reads the settings: the environment first, then a dev.env.
func load(c console, env, data string) (app.Config, error) {
	lookup := c.env
	if data != "" {
		file, err := devEnv(data)
		if err != nil {
			return app.Config{}, err
		}
		lookup = app.Layered(c.env, app.Map(file))
		env = app.Development
	}
	cfg, err := app.Load(env, lookup)
	if err != nil {
		return app.Config{}, fmt.Errorf("the settings need attention:\n%w", err)
	}
	cfg.Version = version
	return cfg, nil
}

// devEnv reads what a running dev left in its folder.
func devEnv(data string) (map[string]string, error) {
	f, err := os.Open(filepath.Join(data, devEnvName)) //nolint:gosec // the folder is whose who calls
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s has no %s; start `alertsify dev --data %s` first", data, devEnvName, data)
	}
	if err != nil {
		return nil, fmt.Errorf("read the settings of dev: %w", err)
	}
	defer f.Close()
	return app.ReadEnvFile(f)
}
