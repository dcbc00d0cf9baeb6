package copytrade

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/orders"
)

// ask puts a question to the followers whose answer is needed.
func (c *Copier) ask(ctx context.Context, tx pgx.Tx, leader orders.Order, made []Decision) error {
	var asked []alerts.Notification
	for _, d := range made {
		if d.Result == Awaiting {
			asked = append(asked, c.question(leader, d))
		}
	}
	for some := range slices.Chunk(asked, alerts.NotifyMax) {
		if err := c.alerts.Notify(ctx, tx, some...); err != nil {
			return err
		}
	}
	return nil
}

// question carries Approve and Reject to a push: decisionId is what puts them
// there, so no other message of a decision has it.
func (c *Copier) question(leader orders.Order, d Decision) alerts.Notification {
	kind, verb := alerts.CopyTradeAlert, "bought"
	brief := fmt.Sprintf("Copy %d?", d.Quantity)
	if d.Side == orders.STC {
		kind, verb = alerts.CopyTradeClose, "sold"
		brief = fmt.Sprintf("Sell %d of your %d copied?", d.Quantity, d.Held)
	}
	until, position := d.ExpiresAt, leader.PositionID
	return alerts.Notification{
		UserID: d.FollowerID, Type: kind, Title: d.onPaper(fmt.Sprintf("@%s %s %s", d.Trader, verb, d.Contract.Display())),
		Body: fmt.Sprintf("%d at %s. %s", d.SourceQuantity, d.SourcePrice.Display(), brief), Brief: brief,
		URL: "/copy", Data: map[string]any{"decisionId": d.ID, "expiresAt": d.ExpiresAt.UTC()}, SubjectKey: d.ID.String(),
		PositionID: &position, ExecutedAt: leader.ExecutedAt, LearntAt: c.now(), ValidUntil: &until,
	}
}

// failure tells that a copy came to nothing, or that an exit left the follower
// holding what the leader sold.
func (c *Copier) failure(d Decision) alerts.Notification {
	title := "Not copied: " + d.Contract.Display()
	if d.Side == orders.STC {
		title = fmt.Sprintf("@%s sold, your copy was not: %s", d.Trader, d.Contract.Display())
	}
	return alerts.Notification{
		UserID: d.FollowerID, Type: alerts.CopyTradeFailed, Title: d.onPaper(title), Body: d.ReasonText(), URL: "/copy",
		Data: map[string]any{"orderId": d.OrderID}, SubjectKey: d.ID.String(), PositionID: d.PositionID, LearntAt: c.now(),
	}
}

// onPaper says of a message when nothing is traded.
func (d Decision) onPaper(title string) string {
	if d.Paper {
		return "Paper: " + title
	}
	return title
}

func (c *Copier) success(d Decision, o orders.Order) alerts.Notification {
	verb := "Bought"
	if o.Side == orders.STC {
		verb = "Sold"
	}
	position := o.PositionID
	return alerts.Notification{
		UserID: d.FollowerID, Type: alerts.CopyTradeExecuted, Title: fmt.Sprintf("%s %d %s", verb, o.Cum, o.Contract.Display()),
		Body:  fmt.Sprintf("At %s, copied from @%s, who traded at %s", o.Average().Display(), d.Trader, d.SourcePrice.Display()),
		Brief: "Copied from @" + d.Trader, URL: "/positions/" + position.String(), Data: map[string]any{"orderId": o.ID},
		SubjectKey: d.ID.String(), PositionID: &position, ExecutedAt: o.ExecutedAt, LearntAt: c.now(),
	}
}
