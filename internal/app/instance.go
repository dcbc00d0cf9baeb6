package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/alertsify/alertsify/internal/risk"
	"github.com/alertsify/alertsify/internal/status"
)

// beat says that this process runs and looks who else does.
func (a *App) beat(ctx context.Context) error {
	if err := a.status.Beat(ctx, a.self); err != nil {
		return err
	}
	list, err := a.status.Instances(ctx)
	if err != nil {
		return err
	}
	a.meter.instances(list)
	if other := mixed(list); other != a.beside {
		a.beside = other
		if other == "" {
			a.log.InfoContext(ctx, "all instances speak one protocol again: copies go on")
		} else {
			a.log.ErrorContext(ctx, "ALARM: instances of different protocols run; copied entries stop", "instances", other)
		}
	}
	return nil
}

// leave takes this process from the list, so that nobody waits for it to fall silent.
func (a *App) leave(ctx context.Context) {
	if a.db.ReadOnly() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := a.status.Leave(ctx, a.self.ID); err != nil {
		a.log.WarnContext(ctx, "leave the list of instances", "err", err)
	}
}

// mixed names the instances when one of them speaks another protocol than this program,
// and is empty otherwise.
func mixed(list []status.Instance) string {
	var names []string
	one := true
	for _, i := range list {
		one = one && i.Protocol == risk.Protocol
		names = append(names, fmt.Sprintf("version %s with protocol %d", i.Version, i.Protocol))
	}
	if one {
		return ""
	}
	return strings.Join(names, ", ")
}

// askInstances says whether copies stop because of who runs.
func (a *App) askInstances(ctx context.Context) error {
	list, err := a.status.Instances(ctx)
	if err != nil {
		return err
	}
	if other := mixed(list); other != "" {
		return fmt.Errorf("copied entries stop while different protocols run: %s", other)
	}
	if idleJobs(list) {
		return errors.New("nobody works the jobs: every instance runs with --no-jobs")
	}
	return nil
}

//nolint:gochecknoglobals // a table of words
var partWords = map[Part]string{All: "requests and jobs", NoJobs: "requests only", OnlyJobs: "jobs only"}

// Instances are the processes that run, one line each, as `alertsify doctor` prints them.
func (a *App) Instances(ctx context.Context) ([]string, error) {
	list, err := a.status.Instances(ctx)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, i := range list {
		lines = append(lines, fmt.Sprintf("instance %s: version %s, protocol %d, %s, since %s, seen %s",
			i.ID, i.Version, i.Protocol, partWords[Part(i.Part)], i.StartedAt.UTC().Format(time.RFC3339), i.Seen.UTC().Format(time.RFC3339)))
	}
	return lines, nil
}
