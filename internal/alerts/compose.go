package alerts

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/bwmarrin/discordgo"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/discord"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/money"
)

// Compose turns what a delivery is about into the words of its channel. It is
// pure: delivery may ask twice and must get the same.
func (a *Announcer) Compose(s delivery.Subject) (delivery.Words, error) {
	if s.Alert {
		return composeAlert(s)
	}
	return a.composeNotification(s)
}

func composeAlert(s delivery.Subject) (delivery.Words, error) {
	var r alertRow
	if err := json.Unmarshal(s.Row, &r); err != nil {
		return delivery.Words{}, fmt.Errorf("read alert: %w", err)
	}
	f, err := r.facts()
	if err != nil {
		return delivery.Words{}, err
	}
	switch s.Channel {
	case delivery.ChannelDiscord:
		return delivery.Words{Embed: embed(r, f, s.Late)}, nil
	case delivery.ChannelFeed:
		return delivery.Words{Activity: tradeActivity(r, f)}, nil
	case delivery.ChannelWebhook:
		return tradeEvent(r)
	default:
		return delivery.Words{}, fmt.Errorf("an alert has no form for channel %q", s.Channel)
	}
}

const (
	green = 0x00ff00
	red   = 0xff0000

	lateFrom = time.Minute // younger news need no remark
)

// embed is the Discord message of a trade. Its description is one line that
// other bots read; markdown is disarmed in all that a user wrote.
func embed(r alertRow, f facts, late time.Duration) *discordgo.MessageEmbed {
	e := &discordgo.MessageEmbed{
		Title:       "🟢 BTO Alert",
		Author:      &discordgo.MessageEmbedAuthor{Name: discord.Clean(f.Name)},
		Description: line(f),
		Color:       green,
		Timestamp:   r.at().UTC().Format(time.RFC3339),
		Footer:      &discordgo.MessageEmbedFooter{Text: footer(r, late)},
		Fields: fields(
			"Trader", handle(f.Username),
			"Ticker", f.Contract.Underlying,
			"Type", optionType(f.Contract.Type),
			"Strike", strike(f.Contract.Strike),
			"Expiry", expiry(f.Contract.Expiration, r.at()),
			"Contracts", contracts(f),
		),
	}
	if f.Side == buyToOpen {
		cost := f.Price.Cost(f.Filled, f.Contract.Multiplier)
		e.Fields = append(e.Fields, fields("Entry", f.Price.Display(), "Cost Basis", cost.Short())...)
	} else {
		e.Title = "🔴 STC Alert"
		e.Fields = append(e.Fields, fields("Entry", entryPrice(f), "Exit", f.Price.Display(), "P&L", profit(f))...)
		if f.Realized != nil && f.Realized.Direction() < 0 {
			e.Color = red
		}
	}
	discord.FitShare(e) // alerts share messages when a destination gets many
	return e
}

func fields(namesAndValues ...string) []*discordgo.MessageEmbedField {
	var all []*discordgo.MessageEmbedField
	for i := 0; i < len(namesAndValues); i += 2 {
		all = append(all, &discordgo.MessageEmbedField{Name: namesAndValues[i], Value: namesAndValues[i+1], Inline: true})
	}
	return all
}

// handle is "@ava\_stone": the sign itself is ours and needs no escape, but what
// follows may be markdown or spell a mass mention.
func handle(username string) string {
	return strings.TrimPrefix(discord.Escape("@"+username), `\`)
}

// line is "BTO 5 AAPL 200C 1/15/27 @ 3.50".
func line(f facts) string {
	return fmt.Sprintf("%s %d %s @ %s", f.Side, f.Filled, f.Contract.Line(), price(f.Price))
}

// price has at least two and at most four decimals, without the dollar sign.
func price(p money.Price) string { return money.Price{Decimal: p.RoundBank(4)}.String() }

func entryPrice(f facts) string {
	if f.Entry == nil {
		return "—"
	}
	return f.Entry.Display()
}

func optionType(t exchange.OptionType) string {
	if t == exchange.Put {
		return "📉 PUT"
	}
	return "📈 CALL"
}

// strike has cents only when they are not zero: "$200", "$197.50".
func strike(s decimal.Decimal) string {
	if s.IsInteger() {
		return money.Amount{Decimal: s}.Short()
	}
	return money.Price{Decimal: s}.Display()
}

// expiry is the calendar date, without any zone: "Feb 21", and the year when it
// is not that of the fill.
func expiry(d exchange.Date, fill time.Time) string {
	text := d.Month.String()[:3] + " " + strconv.Itoa(d.Day)
	if d.Year != exchange.TradingDay(fill).Year {
		text += ", " + strconv.Itoa(d.Year)
	}
	return text
}

func contracts(f facts) string {
	if f.Filled == f.Ordered {
		return strconv.Itoa(f.Filled)
	}
	return strconv.Itoa(f.Filled) + " / " + strconv.Itoa(f.Ordered)
}

// profit is "+$875 (+50%)", "-$120.50 (-12.3%)", "$0 (0%)", with the hyphen that
// other bots read as a sign.
func profit(f facts) string {
	if f.Realized == nil {
		return "—"
	}
	text := signed(f.Realized.Short(), f.Realized.Direction())
	if f.CostRemoved == nil || f.CostRemoved.IsZero() {
		return text
	}
	percent := f.Realized.Mul(decimal.NewFromInt(100)).DivRound(f.CostRemoved.Decimal, 16).RoundBank(1)
	return text + " (" + signed(percent.Abs().String(), percent.Sign()) + "%)"
}

func signed(text string, direction int) string {
	text = strings.TrimPrefix(text, money.Minus)
	switch {
	case direction > 0:
		return "+" + text
	case direction < 0:
		return "-" + text
	default:
		return text
	}
}

// footer carries the first 8 characters of the public id, by which people
// recognise a repeat, those of the trader's track record, by which it cannot be
// rewritten later, and says when the news are old.
func footer(r alertRow, late time.Duration) string {
	text := "Alertsify • Trade ID: " + r.ID.String()[:8]
	if r.Record != nil {
		text += " • Record " + *r.Record
	}
	if late >= lateFrom {
		text += " • " + strconv.Itoa(int(late/time.Minute)) + " min late"
	}
	return text
}
