package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/discord"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/secret"
)

// lanesEach is how many positions the alerts of one publisher are about, in turns.
const lanesEach = 10

// publisher is a trader with a Discord channel of their own.
type publisher struct {
	user, account uuid.UUID
	hook          string
	positions     []uuid.UUID
	partly        *alerts.Trade // told of two contracts; the other three fill next
}

// newsroom announces orders as the order engine does: each in its own transaction.
type newsroom struct {
	*proof

	announcer  *alerts.Announcer
	contracts  []exchange.Contract
	publishers []*publisher
}

// alertsArrive: traders publish into channels of their own while a fifth of Discord's
// answers are 429, 500 or lost, on two servers of which the last is killed in the
// middle, after Redis has lost all it held. Each alert arrives, in the order of its lane;
// twice at most, and only where an answer was lost, and once more where what filled since
// could not be told in those two; and nobody is called who said "not yet".
func (p *proof) alertsArrive(channels, each int, over time.Duration) {
	p.t.Helper()
	p.exec(`update destinations set removed_at = now() where user_id is null and removed_at is null`) // not ten thousand in the platform's one channel
	n := p.newsroom(channels)
	p.sandbox(http.MethodPost, "/_sandbox/discord/limits", map[string]int{"perChannel": 0}, nil)
	p.sandbox(http.MethodPost, "/_sandbox/discord/chaos", map[string]int{"percent": 20, "hangMs": hangs()}, nil)
	began := time.Now()
	for turn := range each {
		for i, pub := range n.publishers {
			due := began.Add(over * time.Duration(turn*channels+i) / time.Duration(channels*each))
			<-time.After(time.Until(due))
			n.publish(pub, turn)
		}
		if turn == each/3 {
			p.emptyRedis()
		}
		if turn == each/2 {
			p.servers[len(p.servers)-1].signal(p.t, syscall.SIGKILL)
		}
	}
	killed := p.text(`select now()::text`)
	for i, pub := range n.publishers {
		n.revise(pub)
		n.publish(n.publishers[i], each) // so that one of them is taken up after the kill
		n.revise(pub)
	}
	p.within(10*time.Minute, "every alert has come to its end", func() string {
		if os.Getenv("PROOF_ROUNDS") == "" { // else the claims of the dead are waited for
			p.exec(`update deliveries set claim_deadline = now() where state = 'sending' and claim_instance <>
				(select claim_instance from deliveries where first_sent_at > $1::timestamptz order by first_sent_at desc limit 1)`, killed)
		}
		return p.text(`select coalesce(nullif(count(*), 0) || ' have not', '') from deliveries where state in ('pending', 'sending')`)
	})
	n.judge(channels * (each + 1))
}

// emptyRedis takes away what is in it, but not Redis itself.
func (p *proof) emptyRedis() {
	p.t.Helper()
	conn, err := net.Dial("tcp", p.crowd.redis.address)
	if err != nil {
		p.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "FLUSHALL\r\n"); err != nil {
		p.t.Fatal(err)
	}
	if answer, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.HasPrefix(answer, "+OK") {
		p.t.Fatalf("empty Redis: %q, %v", answer, err)
	}
}

// heardElsewhere: a page that is open on one server hears of what was done on the other.
func (p *proof) heardElsewhere() {
	p.t.Helper()
	last := len(p.servers) - 1
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.servers[last].url+"/api/events", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+p.token("ava", "trade"))
	resp, err := p.client.Do(r)
	if err != nil || resp.StatusCode != http.StatusOK {
		p.t.Fatalf("listen: %v %v", resp, err)
	}
	defer resp.Body.Close()
	order := p.buys(0, 0)
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "data:") && strings.Contains(lines.Text(), order) {
			return
		}
	}
	p.t.Error("the stream ended before the order was heard of")
}

// hangs is how long a lost answer is waited for: longer than anybody does where there
// is time for it.
func hangs() int {
	if os.Getenv("PROOF_ROUNDS") == "" {
		return 0
	}
	return 15_000
}

func (p *proof) newsroom(channels int) *newsroom {
	p.t.Helper()
	n := &newsroom{proof: p, announcer: alerts.New(alerts.Options{DB: p.stage.db, AppURL: p.url, Now: time.Now})}
	for i := range lanesEach {
		contract, err := exchange.ParseSymbol(fmt.Sprintf("AAPL  %sC%05d000", expiryCode, 200+5*i))
		if err != nil {
			p.t.Fatal(err)
		}
		n.contracts = append(n.contracts, contract)
	}
	post := n.post()
	for i := range channels {
		n.publishers = append(n.publishers, n.publisher(post, i))
	}
	return n
}

// post knows the stage's secrets and is not run: it stores webhooks.
func (n *newsroom) post() *delivery.Post {
	n.t.Helper()
	ring, err := secret.ParseRing(secret.New(n.stage.env["ENCRYPTION_KEYS"]))
	if err != nil {
		n.t.Fatal(err)
	}
	client := httpio.NewEgress(httpio.EgressOptions{AllowLoopback: []string{strings.TrimPrefix(n.stage.env["SANDBOX_URL"], "http://")}})
	n.t.Cleanup(client.CloseIdleConnections)
	hooks := discord.New(discord.Options{BaseURL: n.stage.env["DISCORD_BASE_URL"], UserAgent: "DiscordBot (https://alertsify.example, proof)", HTTP: client})
	return delivery.New(delivery.Options{DB: n.stage.db, Ring: ring, Discord: delivery.NewDiscord(hooks)})
}

func (n *newsroom) publisher(post *delivery.Post, i int) *publisher {
	n.t.Helper()
	pub := &publisher{}
	name := fmt.Sprintf("publisher_%s_%d", uuid.NewString()[:6], i)
	err := n.stage.db.Pool().QueryRow(n.t.Context(), `
		with person as (
			insert into users (username, name, role) values ($1, $1, 'trader') returning id
		), connection as (
			insert into connections (user_id, authorization_id, broker_slug, institution, trading, status)
			select id, gen_random_uuid()::text, 'paper', 'Paper', true, 'disabled' from person returning id, user_id
		)
		insert into accounts (user_id, connection_id, broker_account_id, institution)
		select user_id, id, gen_random_uuid()::text, 'Paper' from connection returning user_id, id`, name).Scan(&pub.user, &pub.account)
	if err != nil {
		n.t.Fatal(err)
	}
	for _, c := range n.contracts {
		id := uuid.New()
		n.exec(`insert into positions (id, user_id, account_id, symbol, underlying, option_type, strike, expiration, multiplier, source)
			values ($1, $2, $3, $4, 'AAPL', 'call', $5::text::numeric, $6::text::date, 100, 'manual')`, id, pub.user, pub.account, c.Symbol, c.Strike.String(), expiryDate)
		pub.positions = append(pub.positions, id)
	}
	var made struct{ URL, ID string }
	if err := n.stage.control(n.t.Context(), http.MethodPost, "/_sandbox/discord/webhooks", map[string]string{"name": name}, &made); err != nil {
		n.t.Fatal(err)
	}
	if _, err := post.SetDiscord(n.t.Context(), pub.user, made.URL); err != nil {
		n.t.Fatal(err)
	}
	pub.hook = made.ID
	return pub
}

// publish tells of an order; every fifth has filled only partly, and the rest comes
// with the publisher's next.
func (n *newsroom) publish(pub *publisher, turn int) {
	n.t.Helper()
	n.revise(pub)
	lane := turn % lanesEach
	now := time.Now()
	t := alerts.Trade{
		OrderID: uuid.New(), UserID: pub.user, PositionID: pub.positions[lane], Side: "BTO", Contract: n.contracts[lane], Ordered: 5,
		Average: money.MustPrice("3.50"), Source: "manual", Public: true, LearntAt: now, ExecutedAt: &now,
	}
	if turn/lanesEach%2 == 1 {
		entry := t.Average
		t.Side, t.Entry, t.Average = "STC", &entry, money.MustPrice("5.25")
	}
	n.exec(`insert into orders (id, user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type,
			time_in_force, source, state, cum, cum_notional, send_before, trading_day, finished_at)
		values ($1, $2, $3, $4, $5, $6, 'AAPL', 100, 5, 'Limit', 'Day', 'manual', 'filled', 5, 17.5, now(), current_date, now())`,
		t.OrderID, pub.user, pub.account, t.PositionID, t.Side, t.Contract.Symbol)
	filled := 5
	if turn%5 == 0 {
		filled, pub.partly = 2, &t
	}
	n.announce(&t, filled)
}

func (n *newsroom) revise(pub *publisher) {
	n.t.Helper()
	if pub.partly != nil {
		n.announce(pub.partly, 5)
		pub.partly = nil
	}
}

func (n *newsroom) announce(t *alerts.Trade, filled int) {
	n.t.Helper()
	t.Filled, t.Revision, t.Ended = filled, t.Revision+1, filled == t.Ordered
	if t.Entry != nil {
		cost := t.Entry.Cost(filled, 100)
		gain := money.Amount{Decimal: t.Average.Cost(filled, 100).Sub(cost.Decimal)}
		t.CostRemoved, t.Realized = &cost, &gain
	}
	err := n.stage.db.InTx(n.t.Context(), func(ctx context.Context, tx pgx.Tx) error { return n.announcer.Announce(ctx, tx, *t) })
	if err != nil {
		n.t.Fatal(err)
	}
}

// sentAlert is a delivery as we know it.
type sentAlert struct {
	Hook, Trade string
	Lane        uuid.UUID
	Seq         int64
	State       string
	Marked      bool   // as a possible duplicate
	Unknown     int    // attempts without an answer
	LastWord    string // what became of the further message that told what the lost ones could not be changed to
	Took        time.Duration
}

// most is how often it may stand in its channel: once more where an answer was lost, and once
// more where what filled since could only be told in a new message.
func (s sentAlert) most() int {
	if s.LastWord != "" {
		return 3
	}
	return 2
}

// posted is a message as its channel shows it.
type posted struct {
	ID     string
	Embeds []struct {
		Footer struct{ Text string }
		Fields []struct{ Name, Value string }
	}
}

var tradeID = regexp.MustCompile(`Trade ID: ([0-9a-f]{8})`)

func (n *newsroom) judge(want int) {
	n.t.Helper()
	sent := n.sent()
	if len(sent) != want {
		n.t.Errorf("%d deliveries, want %d", len(sent), want)
	}
	told := map[string][]posted{} // by trade, in the order of arrival
	for _, pub := range n.publishers {
		n.judgeOrder(pub.hook, sent, told)
	}
	var took []time.Duration
	lost, twice := 0, 0
	for key, s := range sent {
		copies := told[key]
		switch {
		case len(copies) == 0:
			lost++
			n.t.Errorf("%s of channel %s never arrived: %+v", s.Trade, s.Hook, s)
		case len(copies) > s.most(), len(copies) > 1 && (!s.Marked || s.Unknown == 0):
			n.t.Errorf("%s of channel %s arrived %d times: %+v", s.Trade, s.Hook, len(copies), s)
		case s.State != "delivered" && (s.State != "dead" || s.Unknown < 2):
			n.t.Errorf("%s of channel %s arrived, and is %s: %+v", s.Trade, s.Hook, s.State, s)
		}
		twice += max(0, len(copies)-1)
		if s.State == "delivered" && len(copies) > 0 {
			took = append(took, s.Took)
		}
		if (s.State == "delivered" || s.LastWord == "delivered") && len(copies) > 0 {
			n.judgeWords(s, copies[len(copies)-1])
		}
	}
	var answer struct {
		Data struct{ Calls, Limited, Failed, Lost, Early int }
	}
	n.sandbox(http.MethodGet, "/_sandbox/discord/chaos", nil, &answer)
	chaos := answer.Data
	if chaos.Early > 0 {
		n.t.Errorf("%d calls came while a limit was known", chaos.Early)
	}
	if chaos.Limited == 0 || chaos.Failed == 0 || chaos.Lost == 0 {
		n.t.Errorf("nothing went wrong, which proves nothing: %+v", chaos)
	}
	if by := n.number(`select count(distinct claim_instance) from deliveries d join destinations t on t.id = d.destination_id where t.user_id = any($1)`, n.users()); by != 2 {
		n.t.Errorf("%d servers delivered, which proves nothing", by)
	}
	for _, problem := range n.problems(n.t.Context(), n.app.Bounds()) {
		for _, name := range []string{"INV-26", "INV-27", "INV-28", "INV-29"} {
			if strings.Contains(problem, name) {
				n.t.Error(problem)
			}
		}
	}
	slices.Sort(took)
	n.t.Logf("alerts: %d to %d channels, %+v; %d lost, %d twice; accepted after %s, 99 %% within %s, at most %s",
		len(sent), len(n.publishers), chaos, lost, twice, took[len(took)/2].Round(time.Millisecond),
		took[len(took)*99/100].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
}

func (n *newsroom) sent() map[string]sentAlert {
	n.t.Helper()
	rows, err := n.stage.db.Pool().Query(n.t.Context(), `
		select t.settings ->> 'webhookId', left(d.alert_id::text, 8), d.position_id, d.seq, d.state, d.possible_duplicate,
		       (select count(*) from delivery_attempts a where a.delivery_id = d.id and a.outcome = 'unknown'),
		       coalesce((select u.state from deliveries u where u.alert_id = d.alert_id and u.destination_id = d.destination_id
		                 and u.op = 'update' and u.possible_duplicate), ''),
		       coalesce(d.accepted_at - d.learnt_at, '0')
		from deliveries d join destinations t on t.id = d.destination_id
		where d.channel = 'discord' and d.op = 'create' and t.removed_at is null and t.user_id = any($1)`, n.users())
	if err != nil {
		n.t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[sentAlert])
	if err != nil {
		n.t.Fatal(err)
	}
	byTrade := make(map[string]sentAlert, len(all))
	for _, s := range all {
		byTrade[s.Hook+s.Trade] = s
	}
	return byTrade
}

func (n *newsroom) users() (ids []uuid.UUID) {
	for _, pub := range n.publishers {
		ids = append(ids, pub.user)
	}
	return ids
}

// judgeOrder reads a channel from top to bottom: within a lane nothing stands before
// what happened earlier.
func (n *newsroom) judgeOrder(hook string, sent map[string]sentAlert, told map[string][]posted) {
	n.t.Helper()
	var list struct{ Data []posted }
	n.sandbox(http.MethodGet, "/_sandbox/discord/messages?webhook="+hook, nil, &list)
	last := map[uuid.UUID]int64{}
	for _, m := range list.Data {
		found := tradeID.FindStringSubmatch(m.Embeds[0].Footer.Text)
		if found == nil {
			n.t.Fatalf("a message without its trade: %+v", m)
		}
		s, known := sent[hook+found[1]]
		if !known {
			n.t.Errorf("channel %s shows %s, which was never sent there", hook, found[1])
		}
		if s.Seq < last[s.Lane] {
			n.t.Errorf("channel %s shows %s after what happened later", hook, found[1])
		}
		last[s.Lane] = max(last[s.Lane], s.Seq)
		told[hook+found[1]] = append(told[hook+found[1]], m)
	}
}

// judgeWords: the message that can still be changed says all that filled.
func (n *newsroom) judgeWords(s sentAlert, m posted) {
	n.t.Helper()
	for _, f := range m.Embeds[0].Fields {
		if f.Name == "Contracts" && f.Value != "5" {
			n.t.Errorf("%s of channel %s says %q", s.Trade, s.Hook, f.Value)
		}
	}
}
