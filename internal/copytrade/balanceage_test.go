package copytrade

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/orders"
)

// asked counts the requests the broker has had for something, in their addresses.
func (f *brokerFloor) asked(of ...string) (n int) {
	f.Helper()
	answer, err := http.Get(f.url + "/_sandbox/log?target=snaptrade")
	f.must(err)
	defer answer.Body.Close()
	var log struct{ Data []struct{ Path string } }
	f.must(json.NewDecoder(answer.Body).Decode(&log))
	for _, request := range log.Data {
		for _, what := range of {
			if strings.HasSuffix(request.Path, what) {
				n++
			}
		}
	}
	return n
}

// The line of copied entries reckons with the requests that are then made, whatever
// the age of a balance: one age decides in both.
func TestALineReckonsWithTheRequestsThatAreMade(t *testing.T) {
	t.Parallel()
	f := openBrokered(t)
	f.pin("3.40", "3.50")
	f.copier.forecast = func(_ context.Context, _ time.Duration, most int) ([]time.Duration, error) {
		return make([]time.Duration, most), nil
	}
	var people []follower
	ages := []string{"1 second", "20 seconds", "25 seconds", "46 seconds", "52 seconds", "58 seconds", "62 seconds", "10 minutes"}
	for i := range ages {
		people = append(people, f.follower(name(i)))
	}
	for i, w := range people { // once all are there: what is fresh must be so until its order is sent
		f.exec(`update accounts set buying_power = 100000, balance_at = now() - $2::interval where id = $1`, w.account, ages[i])
	}
	order := f.leads(orders.BTO, 4, 4, orders.Filled)
	f.decide(order)
	_, promised, err := f.copier.free(f.ctx, time.Minute, 2*decideSlice)
	f.must(err)
	before := f.asked("/balances", "/trading/options")
	f.carryOn(order)
	f.works(nil)
	if made := f.asked("/balances", "/trading/options") - before; made != promised || promised != 8+5 {
		t.Errorf("%d requests were reckoned with, %d were made; %s", promised, made, f.reasonsGiven())
	}
}
