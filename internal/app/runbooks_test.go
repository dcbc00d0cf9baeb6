package app

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/alertsify/alertsify/internal/jobs"
)

// Every alert has its runbook and every runbook its alert; rules ask only for metrics that
// the program has.
func TestEveryAlertHasARunbookAndItsMetrics(t *testing.T) {
	t.Parallel()
	rules, books := fileText(t, "../../deploy/prometheus/alerts.yaml"), fileText(t, "../../docs/runbooks.md")
	alerts := found(rules, `(?m)^ *- alert: (\w+)$`)
	if named := found(books, `(?m)^## (\w+)$`); len(alerts) < 10 || !slices.Equal(alerts, named) {
		t.Errorf("alerts %v, runbooks %v", alerts, named)
	}
	known := metricNames(t)
	for _, name := range found(rules, `(alertsify_[a-z_]+)`) {
		for _, ending := range []string{"_bucket", "_count", "_sum"} {
			name = strings.TrimSuffix(name, ending)
		}
		if !slices.Contains(known, name) {
			t.Errorf("%s is no metric of ours", name)
		}
	}
}

// Every metric on the dashboard is one that the program has, by labels that it has, and every
// metric that the program has is looked at somewhere.
func TestTheDashboardShowsMetricsThatThereAre(t *testing.T) {
	t.Parallel()
	board := fileText(t, "../../deploy/grafana/alertsify.json")
	var read struct {
		Panels []struct {
			Targets []struct{ Expr string } `json:"targets"`
		} `json:"panels"`
	}
	if err := json.Unmarshal([]byte(board), &read); err != nil || len(read.Panels) < 20 {
		t.Fatalf("%d panels, %v", len(read.Panels), err)
	}
	known := metricNames(t)
	shown := map[string]bool{}
	for _, p := range read.Panels {
		for _, target := range p.Targets {
			for _, name := range found(target.Expr, `(alertsify_[a-z_]+)`) {
				for _, ending := range []string{"_bucket", "_count", "_sum"} {
					name = strings.TrimSuffix(name, ending)
				}
				shown[name] = true
				if !slices.Contains(known, name) {
					t.Errorf("%s is no metric of ours", name)
				}
			}
		}
	}
	rules := fileText(t, "../../deploy/prometheus/alerts.yaml")
	for _, name := range known {
		if !shown[name] && !strings.Contains(rules, name) {
			t.Errorf("nobody looks at %s", name)
		}
	}
}

// Whatever raises an alarm is counted from zero, since the first of its kind would be no
// increase otherwise, and some rule asks for it.
func TestEveryAlarmIsCountedFromZeroAndAskedFor(t *testing.T) {
	t.Parallel()
	kinds := alarmKinds()
	raised := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		for _, kind := range found(fileText(t, path), `[aA]larm\("([a-z_]+[a-z])"\)`) {
			raised++
			if !slices.Contains(kinds, kind) {
				t.Errorf("%s raises %s, which is not counted from zero", path, kind)
			}
		}
		return nil
	})
	if err != nil || raised < 10 {
		t.Fatalf("%d alarms are raised, %v", raised, err)
	}
	asked := found(fileText(t, "../../deploy/prometheus/alerts.yaml"), `kind=~?"([^"]+)"`)
	for _, kind := range append(kinds, "check_discord") {
		if !slices.ContainsFunc(asked, func(pattern string) bool { return regexp.MustCompile("^(?:" + pattern + ")$").MatchString(kind) }) {
			t.Errorf("no rule asks for %s", kind)
		}
	}
}

// Prometheus beside the compose file asks every instance of it, on the network where they are.
func TestPrometheusAsksTheInstancesThatThereAre(t *testing.T) {
	t.Parallel()
	asked := found(fileText(t, "../../deploy/prometheus/prometheus.yaml"), `"(\w+):8080"`)
	instances := found(fileText(t, "../../deploy/compose.yaml"), `(?m)^  (\w+): \*instance$`)
	if len(instances) < 2 || !slices.Equal(asked, instances) {
		t.Errorf("it asks %v of %v", asked, instances)
	}
	if inside := strings.Count(fileText(t, "../../deploy/observe.yaml"), "networks: [inside]"); inside != 2 {
		t.Errorf("%d of Prometheus and Grafana are on the instances' network", inside)
	}
}

// The first job of a kind that is given up is an increase: each is counted from zero.
func TestJobsThatAreGivenUpAreCountedFromZero(t *testing.T) {
	t.Parallel()
	counted := map[string]bool{}
	families, err := newMeter().registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "alertsify_job_seconds" {
			continue
		}
		for _, m := range family.GetMetric() {
			of := map[string]string{}
			for _, l := range m.GetLabel() {
				of[l.GetName()] = l.GetValue()
			}
			counted[of["kind"]] = of["outcome"] == string(jobs.Discarded) && m.GetHistogram().GetSampleCount() == 0
		}
	}
	for _, kind := range jobs.Kinds() {
		if !counted[kind] {
			t.Errorf("%s is not", kind)
		}
	}
}

var descName = regexp.MustCompile(`fqName: "(alertsify_\w+)"`)

// metricNames are those of the meter, used yet or not.
func metricNames(t *testing.T) (names []string) {
	t.Helper()
	m := newMeter()
	m.watch(nil, nil, nil, newPools(nil, nil))
	descs := make(chan *prometheus.Desc, 1000)
	m.registry.Describe(descs)
	close(descs)
	for d := range descs {
		if name := descName.FindStringSubmatch(d.String()); name != nil {
			names = append(names, name[1])
		}
	}
	if len(names) < 15 {
		t.Fatalf("only %v", names)
	}
	return names
}

func fileText(t *testing.T, path string) string {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func found(text, pattern string) (all []string) {
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		if !slices.Contains(all, m[1]) {
			all = append(all, m[1])
		}
	}
	return all
}
