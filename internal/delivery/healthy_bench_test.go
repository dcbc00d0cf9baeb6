package delivery_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/delivery"
)

const (
	healthyChannels  = 50
	healthyAlerts    = 1000 // in one round
	healthyPerSecond = 50   // three times as fast as 10,000 in ten minutes
)

// BenchmarkHealthy tells how long it takes from knowing of a fill to Discord's
// acceptance, while nothing goes wrong and traders publish into channels of their own.
// Two posts share the work, as two processes do; they find it when they are rung.
func BenchmarkHealthy(b *testing.B) {
	s := openAt(b, &clock{runs: true})
	s.control("POST", "discord/limits", map[string]int{"perWebhook": 0, "perChannel": 0}, nil)
	traders := make([]*holding, healthyChannels)
	for i := range traders {
		user := s.user("trader" + strconv.Itoa(i))
		link, _ := s.hook()
		_, err := s.post.SetDiscord(s.ctx, user, link)
		s.must(err)
		traders[i] = s.holding(user)
	}
	for range 2 {
		s.start(s.postWith(func(o *delivery.Options) { o.Poll = time.Second }))
	}
	for b.Loop() {
		began := time.Now()
		for i := range healthyAlerts {
			<-time.After(time.Until(began.Add(time.Duration(i) * time.Second / healthyPerSecond)))
			traders[i%healthyChannels].trade("STC").fills(5)
		}
		s.eventually("all deliveries are finished", func() bool {
			return scan[int](s, `select count(*) from deliveries where state in ('pending', 'sending')`) == 0
		})
	}
	rows, err := s.db.Pool().Query(s.ctx, `select accepted_at - learnt_at from deliveries where channel = 'discord' and state = 'delivered'`)
	s.must(err)
	took, err := pgx.CollectRows(rows, pgx.RowTo[time.Duration])
	s.must(err)
	if len(took)%healthyAlerts != 0 {
		b.Fatalf("%d delivered", len(took))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "worst-ms")
}
