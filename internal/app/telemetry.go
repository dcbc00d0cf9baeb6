package app

import (
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/jobs"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/snaptrade"
	"github.com/alertsify/alertsify/internal/status"
)

// meter counts what operators look at. Labels come from closed sets: routes of
// the table, never paths.
type meter struct {
	registry          *prometheus.Registry
	requests          *prometheus.HistogramVec
	deliveries        *prometheus.HistogramVec
	brokers           *prometheus.HistogramVec
	shop              *prometheus.HistogramVec
	rollUps           prometheus.Histogram
	ranking           prometheus.Histogram
	recordsLate       prometheus.Counter
	alarms            *prometheus.CounterVec
	guards            *prometheus.CounterVec
	refusals          *prometheus.CounterVec
	mails             *prometheus.CounterVec
	hangUps           *prometheus.CounterVec
	passkeysElsewhere prometheus.Gauge
	trimmed           *prometheus.CounterVec
	spans             *prometheus.CounterVec
	failures          *prometheus.CounterVec
	running           *prometheus.GaugeVec
	keys              *prometheus.GaugeVec
	jobs              *prometheus.HistogramVec
	jobWaits          *prometheus.HistogramVec
	calls             *prometheus.HistogramVec
	callsOpen         *prometheus.GaugeVec
	orderHops         *prometheus.HistogramVec
	alertHops         *prometheus.HistogramVec
	gauges            *gauges
}

func newMeter() *meter {
	seconds := []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
	m := &meter{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "alertsify_http_request_seconds", Help: "Time to answer a request.", Buckets: seconds,
		}, []string{"method", "route", "status"}),
		deliveries: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "alertsify_delivery_seconds", Help: "Time of one attempt to deliver a message.", Buckets: seconds,
		}, []string{"channel", "outcome"}),
		brokers: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "alertsify_snaptrade_seconds", Help: "Time of one call to SnapTrade.", Buckets: seconds,
		}, []string{"call", "class", "status"}),
	}
	m.jobs = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "alertsify_job_seconds", Help: "Time to work a job, by what it came to.", Buckets: seconds,
	}, []string{"kind", "outcome"})
	for _, kind := range jobs.Kinds() { // from zero: the first that is given up would be no increase
		m.jobs.WithLabelValues(kind, string(jobs.Discarded))
	}
	m.jobWaits = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "alertsify_job_wait_seconds", Help: "Time a job waited for a worker, from when it was due.", Buckets: seconds,
	}, []string{"kind"})
	m.calls = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "alertsify_call_seconds", Help: "Time of one call to a party outside, until the head of its answer.", Buckets: seconds,
	}, []string{"party", "outcome"})
	m.callsOpen = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "alertsify_calls_open", Help: "Calls to a party outside that wait for its answer; SnapTrade's are in its budget.",
	}, []string{"party"})
	hops := slices.Concat(seconds, []float64{60, 120, 300, 900, 3600})
	m.orderHops = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "alertsify_order_hop_seconds", Help: "Time of each hop of an order, named by what it ends with.", Buckets: hops,
	}, []string{"hop", "side"})
	m.alertHops = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "alertsify_alert_hop_seconds", Help: "Time of each hop of an alert's message that was accepted, named by what it ends with; whole: from the fill.", Buckets: hops,
	}, []string{"channel", "hop"})
	m.gauges = newGauges(m.registry)
	m.shop = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "alertsify_whop_seconds", Help: "Time of one call to Whop.", Buckets: seconds,
	}, []string{"call", "outcome"})
	m.rollUps = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "alertsify_roll_up_seconds", Help: "Time to add up the results that changed, mostly none.", Buckets: seconds,
	})
	m.ranking = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "alertsify_leaderboard_seconds", Help: "Time to make the leaderboards of an hour, or to see that they are there.", Buckets: seconds,
	})
	m.recordsLate = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "alertsify_record_entries_late_total", Help: "Entries of track records that were missing and added later.",
	})
	m.alarms = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "alertsify_alarms_total", Help: "What an operator must look at, by kind.",
	}, []string{"kind"})
	for _, kind := range alarmKinds() { // from zero: what is counted for the first time would be no increase
		m.alarms.WithLabelValues(kind)
	}
	m.guards = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "alertsify_copy_guards_total", Help: "What watching held copies came to, by event.",
	}, []string{"event"})
	m.refusals = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "alertsify_overload_refused_total", Help: "Requests refused because the server was overloaded, by class.",
	}, []string{"class"})
	m.mails = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "alertsify_mail_events_total", Help: "Events of Resend's that were worked, by what they came to.",
	}, []string{"event"})
	m.hangUps = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "alertsify_connections_refused_total", Help: "Connections closed at once, by the bound they would have broken: total or address.",
	}, []string{"bound"})
	m.trimmed = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "alertsify_trimmed_rows_total", Help: "Rows that were removed because of their age, by what they were.",
	}, []string{"what"})
	for what := range trims() {
		m.trimmed.WithLabelValues(what)
	}
	m.trimmed.WithLabelValues(purged)
	m.spans = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "alertsify_spans_total", Help: "Spans of traces, by whether the receiver took them.",
	}, []string{"outcome"})
	m.failures = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "alertsify_failures_total", Help: "Requests and jobs that failed by our own fault, by whether Sentry was told; untold: it is not set up.",
	}, []string{"outcome"})
	for _, outcome := range []string{"sent", "lost", "throttled", "untold"} {
		m.failures.WithLabelValues(outcome)
	}
	m.running = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "alertsify_instances", Help: "Instances that run, by version and protocol; copied entries stop while there are two protocols.",
	}, []string{"version", "protocol"})
	m.keys = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "alertsify_sealed_rows", Help: "Sealed secrets by the encryption key that wraps them; a key of which there are none may be retired.",
	}, []string{"key"})
	m.passkeysElsewhere = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "alertsify_passkeys_elsewhere", Help: "Passkeys of another address than APP_URL, when this instance started; browsers do not know them here.",
	})
	for _, bound := range []string{"total", "address"} {
		m.hangUps.WithLabelValues(bound)
	}
	m.registry.MustRegister(m.passkeysElsewhere, m.trimmed, m.spans, m.failures, m.jobs, m.jobWaits, m.calls, m.callsOpen, m.orderHops, m.alertHops, m.running, m.keys, m.requests, m.deliveries, m.brokers, m.shop, m.rollUps, m.ranking, m.recordsLate, m.alarms, m.guards, m.refusals, m.mails, m.hangUps,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *meter) request(method, route string, status int, took time.Duration) {
	if route == "" {
		route = "none"
	}
	m.requests.WithLabelValues(methodWord(method), route, strconv.Itoa(status)).Observe(took.Seconds())
}

// methodWord is a method of ours: strangers may make up any word.
func methodWord(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

func (m *meter) job(kind string, outcome jobs.Outcome, waited, took time.Duration) {
	m.jobs.WithLabelValues(kind, string(outcome)).Observe(took.Seconds())
	m.jobWaits.WithLabelValues(kind).Observe(waited.Seconds())
}

// call is httpio.Watch.
func (m *meter) call(party string) (ended func(outcome string)) {
	began, open := time.Now(), m.callsOpen.WithLabelValues(party)
	open.Inc()
	return func(outcome string) {
		open.Dec()
		m.calls.WithLabelValues(party, outcome).Observe(time.Since(began).Seconds())
	}
}

func (m *meter) orderHop(hop orders.Hop, side orders.Side, took time.Duration) {
	m.orderHops.WithLabelValues(string(hop), string(side)).Observe(max(0, took).Seconds())
}

func (m *meter) alertHop(channel string, hop delivery.Hop, took time.Duration) {
	m.alertHops.WithLabelValues(channel, string(hop)).Observe(took.Seconds())
}

func (m *meter) delivery(channel, outcome string, took time.Duration) {
	m.deliveries.WithLabelValues(channel, outcome).Observe(took.Seconds())
}

func (m *meter) snaptrade(c snaptrade.Call) {
	m.brokers.WithLabelValues(c.Op, c.Class.String(), strconv.Itoa(c.Status)).Observe(c.Took.Seconds())
	m.calls.WithLabelValues("snaptrade", httpio.OutcomeOf(c.Status)).Observe(c.Took.Seconds())
}

func (m *meter) whop(call, outcome string, took time.Duration) {
	m.shop.WithLabelValues(call, outcome).Observe(took.Seconds())
}

func (m *meter) instances(list []status.Instance) {
	m.running.Reset()
	for _, i := range list {
		m.running.WithLabelValues(i.Version, strconv.Itoa(i.Protocol)).Inc()
	}
}

func (m *meter) keyUses(list []KeyUse) {
	m.keys.Reset()
	for _, k := range list {
		m.keys.WithLabelValues(k.Key).Set(float64(k.Rows))
	}
}

func (m *meter) passkeysOf(elsewhere int) { m.passkeysElsewhere.Set(float64(elsewhere)) }

func (m *meter) guard(event string) { m.guards.WithLabelValues(event).Inc() }

func (m *meter) mailEvent(event string) { m.mails.WithLabelValues(event).Inc() }

func (m *meter) hungUp(bound string) { m.hangUps.WithLabelValues(bound).Inc() }

func (m *meter) shed(c httpio.Class) { m.refusals.WithLabelValues(c.String()).Inc() }

// watch shows how much the server has to do, how many pages listen, and how full the pools are.
func (m *meter) watch(l *httpio.Load, s *httpio.Streams, c *httpio.Connections, p *pools) {
	m.registry.MustRegister(p,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "alertsify_overload_level", Help: "What is refused: 0 nothing, 1 anonymous requests, 2 feeds too, 3 entries too.",
		}, func() float64 { return float64(l.Level()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "alertsify_requests_in_work", Help: "Requests being answered at the moment, streams left out.",
		}, func() float64 { return float64(l.Working()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "alertsify_streams_open", Help: "Event streams that are open.",
		}, func() float64 { return float64(s.Open()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "alertsify_connections_open", Help: "Connections that are open, streams left out.",
		}, func() float64 { return float64(c.Open()) }))
}

// alarmKinds are what alarms are counted by, besides one for each check; a test holds them
// against the code, and the alert rules against them.
func alarmKinds() []string {
	return []string{
		"clock", "database_changed", "breaker_account", "breaker_platform",
		"order_unresolved", "order_review", "order_status_word", "position_missing", "position_review", "position_unpriced", "expiry_undecided",
		"whop_case", "whop_dispute", "whop_dispute_alert", "whop_foreign_account", "whop_membership_refused", "whop_no_price", "whop_old_endpoint", "whop_refund", "whop_status_word",
	}
}

func (m *meter) alarm(kind string) { m.alarms.WithLabelValues(kind).Inc() }

// metrics answers /metrics to this machine and its private network, and to
// whoever has the token.
func (a *App) metrics(w http.ResponseWriter, r *http.Request) error {
	token := a.cfg.MetricsToken
	bearer := !token.IsZero() && constantEqual(r.Header.Get("Authorization"), "Bearer "+token.Reveal())
	if !bearer && !near(r) {
		return fault.NotFound()
	}
	promhttp.HandlerFor(a.meter.registry, promhttp.HandlerOpts{}).ServeHTTP(w, r)
	return nil
}

// near tells whether somebody asks from this machine or its private network. A proxy there that
// TRUSTED_PROXIES does not name asks for anybody, and is not.
func near(r *http.Request) bool {
	address := httpio.Address(r.Context())
	if !address.IsLoopback() && !address.IsPrivate() {
		return false
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || peer.Addr().Unmap().WithZone("") != address { // a proxy of ours, whose word is good
		return true
	}
	for _, forwards := range []string{"X-Forwarded-For", "X-Real-Ip", "Forwarded", "Via"} {
		if r.Header.Get(forwards) != "" {
			return false
		}
	}
	return true
}
