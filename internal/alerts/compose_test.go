package alerts

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/bwmarrin/discordgo"
	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/discord"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/webpush"
)

var (
	fillTime = time.Date(2026, 11, 20, 14, 30, 0, 123456789, time.UTC)
	alertID  = uuid.MustParse("abc12345-0000-4000-8000-000000000001")
)

func entryFacts(t *testing.T) facts {
	t.Helper()
	contract, err := exchange.ParseSymbol("AAPL  270115C00200000")
	if err != nil {
		t.Fatal(err)
	}
	return facts{
		Username: "ava_stone", Name: "Ava Stone", Side: buyToOpen, Contract: contract,
		Ordered: 5, Filled: 5, Price: money.MustPrice("3.5"), Source: "manual", Ended: true,
	}
}

func exitFacts(t *testing.T, pnl string) facts {
	f := entryFacts(t)
	entry, realized, cost := money.MustPrice("3.50"), money.MustAmount(pnl), money.MustAmount("1750")
	f.Side, f.Price, f.Entry, f.Realized, f.CostRemoved = sellToClose, money.MustPrice("5.25"), &entry, &realized, &cost
	return f
}

func rowOf(t *testing.T, f facts) alertRow {
	t.Helper()
	raw, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	at := fillTime
	return alertRow{ID: alertID, UserID: uuid.New(), PositionID: uuid.New(), Facts: raw, ExecutedAt: &at, LearntAt: at.Add(time.Second)}
}

// shown writes an embed as people read it.
func shown(t *testing.T, f facts, late time.Duration) string {
	t.Helper()
	e := embed(rowOf(t, f), f, late)
	lines := []string{e.Title, e.Author.Name, e.Description}
	for _, field := range e.Fields {
		lines = append(lines, field.Name+": "+field.Value)
		if !field.Inline {
			t.Errorf("field %s is not inline", field.Name)
		}
	}
	lines = append(lines, e.Timestamp, e.Footer.Text)
	return strings.Join(lines, "\n")
}

func TestTheEmbedIsTheContractsTable(t *testing.T) {
	t.Parallel()
	entry := shown(t, entryFacts(t), 0)
	want := strings.Join([]string{
		"🟢 BTO Alert", "Ava Stone", "BTO 5 AAPL 200C 1/15/27 @ 3.50",
		`Trader: @ava\_stone`, "Ticker: AAPL", "Type: 📈 CALL", "Strike: $200", "Expiry: Jan 15, 2027",
		"Contracts: 5", "Entry: $3.50", "Cost Basis: $1,750",
		"2026-11-20T14:30:00Z", "Alertsify • Trade ID: abc12345",
	}, "\n")
	if entry != want {
		t.Errorf("entry:\n%s\nwant:\n%s", entry, want)
	}
	exit := shown(t, exitFacts(t, "875"), 0)
	want = strings.Join([]string{
		"🔴 STC Alert", "Ava Stone", "STC 5 AAPL 200C 1/15/27 @ 5.25",
		`Trader: @ava\_stone`, "Ticker: AAPL", "Type: 📈 CALL", "Strike: $200", "Expiry: Jan 15, 2027",
		"Contracts: 5", "Entry: $3.50", "Exit: $5.25", "P&L: +$875 (+50%)",
		"2026-11-20T14:30:00Z", "Alertsify • Trade ID: abc12345",
	}, "\n")
	if exit != want {
		t.Errorf("exit:\n%s\nwant:\n%s", exit, want)
	}
}

func TestTheColourFollowsTheSignNotTheTitle(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pnl   string
		text  string
		color int
	}{
		{"875", "+$875 (+50%)", green},
		{"-120.50", "-$120.50 (-6.9%)", red},
		{"0", "$0 (0%)", green},
		{"-215.25", "-$215.25 (-12.3%)", red},
		{"-0.001", "$0 (0%)", green}, // what is shown as nothing is not a loss
		{"1234567.8", "+$1,234,567.80 (+70546.7%)", green},
	} {
		f := exitFacts(t, c.pnl)
		e := embed(rowOf(t, f), f, 0)
		if got := e.Fields[len(e.Fields)-1].Value; got != c.text || e.Color != c.color {
			t.Errorf("%s: %q %x, want %q %x", c.pnl, got, e.Color, c.text, c.color)
		}
	}
}

func TestPartsOfTheEmbed(t *testing.T) {
	t.Parallel()
	f := entryFacts(t)
	f.Filled = 3
	f.Price = money.MustPrice("3.45678")
	f.Contract.Type = exchange.Put
	f.Contract.Strike = money.MustPrice("197.5").Decimal
	f.Contract.Expiration = exchange.MustDate("2026-12-18")
	text := shown(t, f, 3*time.Minute)
	for _, want := range []string{
		"BTO 3 AAPL 197.5P 12/18/26 @ 3.4568", "Type: 📉 PUT", "Strike: $197.50", "Expiry: Dec 18\n", "Contracts: 3 / 5",
		"Entry: $3.4568", "Cost Basis: $1,037.03", "Trade ID: abc12345 • 3 min late",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestUserTextCannotHarm(t *testing.T) {
	t.Parallel()
	f := entryFacts(t)
	f.Name = "@everyone [free](https://evil.example) \u202e" + strings.Repeat("👨‍👩‍👧‍👦", 400)
	e := embed(rowOf(t, f), f, 0)
	if err := (discord.Message{Embeds: []*discordgo.MessageEmbed{e}}).Check(); err != nil {
		t.Error(err)
	}
	if strings.Contains(e.Author.Name, "@everyone") || strings.Contains(e.Author.Name, "https://") || strings.Contains(e.Author.Name, "\u202e") {
		t.Errorf("author %q", e.Author.Name)
	}
	if n := utf8.RuneCountInString(e.Author.Name); n > discord.AuthorNameMax {
		t.Errorf("author has %d characters", n)
	}
	if strings.Contains(e.Description, "everyone") {
		t.Errorf("a name in the line that bots read: %q", e.Description)
	}
}

func TestTheActivityIsFixedByItsAlert(t *testing.T) {
	t.Parallel()
	f := exitFacts(t, "875")
	r := rowOf(t, f)
	a := tradeActivity(r, f)
	if a.Key != "alert:"+alertID.String() || !a.Time.Equal(fillTime) || a.Verb != "stc" || a.Feed.String() != "trade:"+r.UserID.String() {
		t.Errorf("%+v", a)
	}
	if len(a.To) != 2 || a.To[0].String() != "global:all" || a.To[1].String() != "signals:all" {
		t.Errorf("targets %v", a.To)
	}
	for name, want := range map[string]string{
		"x_symbol": "AAPL  270115C00200000", "x_strike": "200", "x_filled": "5", "x_price": "5.25", "x_entry": "3.50",
		"x_exit": "5.25", "x_pnl": "875.00", "x_pnl_percent": "50", "x_expiration": "2027-01-15",
	} {
		if a.Extra[name] != want {
			t.Errorf("%s is %q, want %q", name, a.Extra[name], want)
		}
	}
}

func composePush(t *testing.T, n notificationRow) (payload, *delivery.Push) {
	t.Helper()
	raw, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	a := New(Options{AppURL: "https://app.example/"})
	words, err := a.Compose(delivery.Subject{Channel: delivery.ChannelPush, Row: raw})
	if err != nil {
		t.Fatal(err)
	}
	var p payload
	if err := json.Unmarshal(words.Push.Payload, &p); err != nil {
		t.Fatal(err)
	}
	return p, words.Push
}

func TestAPushIsDeclarativeAndHasNoPrices(t *testing.T) {
	t.Parallel()
	position := uuid.New()
	p, push := composePush(t, notificationRow{
		ID: uuid.New(), Type: OrderFilled, Title: "AAPL 200C 1/15/27 filled", Body: "Bought 5 @ $3.50", Brief: "Bought 5",
		URL: "/positions/1", PositionID: &position,
	})
	n := p.Notification
	if p.WebPush != 8030 || n.Navigate != "https://app.example/positions/1" || n.Data.URL != "/positions/1" || n.Tag != "position:"+position.String() {
		t.Errorf("%+v", p)
	}
	if strings.Contains(string(push.Payload), "$") {
		t.Errorf("a price on the lock screen: %s", push.Payload)
	}
	if push.Urgency != webpush.High || push.Topic != strings.ReplaceAll(position.String(), "-", "") {
		t.Errorf("urgency %q, topic %q", push.Urgency, push.Topic)
	}
}

// What is forgotten to be brief says no amount on a lock screen all the same: not in its
// title, its body, or its short form.
func TestNoPushNamesAnAmount(t *testing.T) {
	t.Parallel()
	for _, n := range []notificationRow{
		{Title: "You lost −$1,204.50 today", Body: "That is over your limit of $200, by $1,004.50.", URL: "/copy"},
		{Title: "AAPL sold", Body: "Sold 5 @ $5.25, +$875.00", Brief: "Sold 5", URL: "/positions/1"},
	} {
		n.ID, n.Type = uuid.New(), System
		p, push := composePush(t, n)
		if text := string(push.Payload) + string(push.Short); strings.Contains(text, "$") || strings.Contains(text, "204.50") || strings.Contains(text, "875.00") {
			t.Errorf("an amount on the lock screen: %s", text)
		}
		if p.Notification.Title == "" || p.Notification.Body == "" {
			t.Errorf("nothing is left to read: %+v", p.Notification)
		}
	}
}

func TestAnApprovalCarriesItsButtonsAndItsEnd(t *testing.T) {
	t.Parallel()
	until := fillTime
	p, push := composePush(t, notificationRow{
		ID: uuid.New(), Type: CopyTradeAlert, Title: "ava bought", URL: "//evil.example/x",
		Data: map[string]any{"decisionId": "d_1"}, ValidUntil: &until,
	})
	if len(p.Actions) != 2 || p.Notification.Data.Decision != "d_1" || p.Notification.Data.Exp != until.Unix() || push.Topic != "" {
		t.Errorf("%+v, topic %q", p, push.Topic)
	}
	if p.Notification.Navigate != "https://app.example/notifications" {
		t.Errorf("a push leads to %s", p.Notification.Navigate)
	}
}

func TestTheLongestPushFitsItsRecord(t *testing.T) {
	t.Parallel()
	_, push := composePush(t, notificationRow{
		ID: uuid.New(), Type: CopyTradeAlert, Title: strings.Repeat("🟢", 500), Body: strings.Repeat("<", 500) + strings.Repeat("🔴", 500),
		URL: "/" + strings.Repeat("x", pushURLMax-1), Data: map[string]any{"decisionId": uuid.NewString()}, ValidUntil: &fillTime,
	})
	if len(push.Payload) > webpush.PayloadMax || len(push.Short) > webpush.ShortPayloadMax {
		t.Errorf("%d and %d bytes, at most %d and %d", len(push.Payload), len(push.Short), webpush.PayloadMax, webpush.ShortPayloadMax)
	}
}
