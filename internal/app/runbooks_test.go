package app

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
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

var descName = regexp.MustCompile(`fqName: "(alertsify_\w+)"`)

// metricNames are those of the meter, used yet or not.
func metricNames(t *testing.T) (names []string) {
	t.Helper()
	m := newMeter()
	m.watch(nil, nil, nil)
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
